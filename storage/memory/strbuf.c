#include "storage/memory/strbuf.h"

#include "storage/memory/arena.h"
#include "storage/memory/utf8.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1] = "";

void strbuf_init(struct strbuf *buf, struct arena *arena, size_t cap)
{
    *buf = (struct strbuf){.arena = arena, .data = empty, .cap = cap};
}

void strbuf_free(struct strbuf *buf)
{
    if (!buf->arena && buf->capacity)
        free(buf->data);
    *buf = (struct strbuf){.arena = buf->arena, .data = empty, .cap = buf->cap};
}

char *strbuf_detach(struct strbuf *buf, size_t *length)
{
    char *data = buf->capacity ? buf->data : calloc(1, 1);

    if (length)
        *length = buf->length;
    strbuf_init(buf, NULL, buf->cap);
    return data;
}

void strbuf_clear(struct strbuf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->capacity)
        buf->data[0] = '\0';
}

bool strbuf_failed(const struct strbuf *buf)
{
    return buf->failed;
}

void strbuf_drain(struct strbuf *buf, size_t at,
                  void (*drain)(void *context, const void *bytes, size_t length), void *context)
{
    buf->drain = drain;
    buf->drain_context = context;
    buf->drain_at = at;
}

static void drain_all_but_one(struct strbuf *buf)
{
    buf->drain(buf->drain_context, buf->data, buf->length - 1);
    buf->data[0] = buf->data[buf->length - 1];
    buf->length = 1;
}

/* Makes room for more bytes and the NUL; false where the cap forbids it. */
static bool reserve(struct strbuf *buf, size_t more)
{
    size_t needed, capacity;
    char *data;

    if (buf->drain && buf->length >= buf->drain_at && buf->length > 1)
        drain_all_but_one(buf);
    if (buf->failed || more > buf->cap - buf->length) {
        buf->failed = true;
        return false;
    }
    needed = buf->length + more + 1;
    if (needed <= buf->capacity)
        return true;
    capacity = buf->capacity ? buf->capacity : 256;
    while (capacity < needed)
        capacity *= 2;
    if (buf->arena) {
        data = arena_alloc(buf->arena, capacity);
        memcpy(data, buf->data, buf->length);
    } else if (!(data = realloc(buf->capacity ? buf->data : NULL, capacity))) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void strbuf_bytes(struct strbuf *buf, const void *bytes, size_t length)
{
    if (!length || !reserve(buf, length))
        return;
    memcpy(buf->data + buf->length, bytes, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void strbuf_text(struct strbuf *buf, const char *text)
{
    strbuf_bytes(buf, text, strlen(text));
}

void strbuf_char(struct strbuf *buf, char c)
{
    strbuf_bytes(buf, &c, 1);
}

void strbuf_format(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !reserve(buf, (size_t)length))
        return;
    va_start(args, format);
    vsnprintf(buf->data + buf->length, (size_t)length + 1, format, args);
    va_end(args);
    buf->length += (size_t)length;
}

void strbuf_html(struct strbuf *buf, const char *text)
{
    for (; *text; text++) {
        size_t plain = strcspn(text, "&<>\"'");

        strbuf_bytes(buf, text, plain);
        text += plain;
        switch (*text) {
        case '&': strbuf_text(buf, "&amp;"); break;
        case '<': strbuf_text(buf, "&lt;"); break;
        case '>': strbuf_text(buf, "&gt;"); break;
        case '"': strbuf_text(buf, "&quot;"); break;
        case '\'': strbuf_text(buf, "&#39;"); break;
        default: return;
        }
    }
}

void strbuf_json(struct strbuf *buf, const char *text)
{
    if (!text) {
        strbuf_text(buf, "null");
        return;
    }
    strbuf_char(buf, '"');
    while (*text) {
        size_t length = utf8_length(text);
        unsigned char c = (unsigned char)*text;

        if (!length) {
            strbuf_text(buf, "\\ufffd");
            length = 1;
        } else if (c == '"' || c == '\\') {
            strbuf_char(buf, '\\');
            strbuf_char(buf, (char)c);
        } else if (c == '\n') {
            strbuf_text(buf, "\\n");
        } else if (c < 0x20 || c == 0x7f) {
            strbuf_format(buf, "\\u%04x", c);
        } else {
            strbuf_bytes(buf, text, length);
        }
        text += length;
    }
    strbuf_char(buf, '"');
}

void strbuf_url(struct strbuf *buf, const char *text)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (; *text; text++)
        if (strchr(unreserved, *text))
            strbuf_char(buf, *text);
        else
            strbuf_format(buf, "%%%02X", (unsigned char)*text);
}

void strbuf_hex(struct strbuf *buf, const void *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;

    for (size_t i = 0; i < length; i++) {
        strbuf_char(buf, digits[at[i] >> 4]);
        strbuf_char(buf, digits[at[i] & 15]);
    }
}

void strbuf_base64(struct strbuf *buf, const void *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = bytes;

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                         (left > 2 ? at[i + 2] : 0);

        strbuf_char(buf, digits[group >> 18]);
        strbuf_char(buf, digits[group >> 12 & 63]);
        strbuf_char(buf, left > 1 ? digits[group >> 6 & 63] : '=');
        strbuf_char(buf, left > 2 ? digits[group & 63] : '=');
    }
}
