#include "protocols/http/chunks.h"

#include "storage/memory/arena.h"

#include <string.h>

enum state {
    SIZE,        /* hex digits */
    EXTENSION,   /* from ';' to the end of the line */
    QUOTED,      /* a quoted string in it */
    QUOTED_PAIR, /* behind a backslash in that */
    SIZE_LF,     /* behind the CR of that line */
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    TRAILER_LF,
    OVER,
};

enum { DIGITS_MAX = 15, EXTENSION_MAX = 4096 };

void chunks_init(struct chunks *chunks, struct arena *arena)
{
    *chunks = (struct chunks){.state = SIZE, .arena = arena};
}

bool chunks_are_over(const struct chunks *chunks)
{
    return chunks->state == OVER;
}

static enum status invalid(struct error *err, const char *what)
{
    return fail(err, STATUS_INVALID, "chunk-invalid", "the chunked body has %s", what);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_field_char(char c)
{
    return c == '\t' || (unsigned char)c >= ' ';
}

static enum status take_size(struct chunks *chunks, char c, struct error *err)
{
    int digit = hex_digit(c);

    if (digit >= 0 && chunks->digits < DIGITS_MAX) {
        chunks->left = chunks->left * 16 + digit;
        chunks->digits++;
    } else if (c == '\r' && chunks->digits) {
        chunks->state = SIZE_LF;
    } else if (c == ';' && chunks->digits) {
        chunks->state = EXTENSION;
    } else {
        return invalid(err, "a size that is no number");
    }
    return STATUS_OK;
}

/* RFC 9112 7.1.1: what is not known is passed over, up to a reasonable length. */
static enum status take_extension(struct chunks *chunks, char c, struct error *err)
{
    if (++chunks->extension > EXTENSION_MAX)
        return invalid(err, "an extension that is too long");
    if (c == '\r' && chunks->state == EXTENSION)
        chunks->state = SIZE_LF;
    else if (!is_field_char(c) || c == 0x7f)
        return invalid(err, "a control character in an extension");
    else if (chunks->state == QUOTED_PAIR)
        chunks->state = QUOTED;
    else if (chunks->state == QUOTED)
        chunks->state = c == '"' ? EXTENSION : c == '\\' ? QUOTED_PAIR : QUOTED;
    else if (c == '"')
        chunks->state = QUOTED;
    return STATUS_OK;
}

/* "name: value" in chunks->line becomes a trailer. */
static enum status add_trailer(struct chunks *chunks, struct error *err)
{
    char *colon = memchr(chunks->line, ':', chunks->line_length), *value, *end;

    if (!colon || colon == chunks->line || chunks->trailer_count == CHUNK_TRAILERS_MAX)
        return invalid(err, "a trailer that is no field, or too many");
    for (const char *c = chunks->line; c < colon; c++)
        if (!is_token_char(*c))
            return invalid(err, "a trailer that is no field");
    value = colon + 1;
    end = chunks->line + chunks->line_length;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = *colon = '\0';
    chunks->trailers[chunks->trailer_count++] = (struct header){chunks->line, value};
    chunks->line = NULL;
    chunks->line_length = 0;
    return STATUS_OK;
}

static enum status take_trailer(struct chunks *chunks, char c, struct error *err)
{
    if (c == '\r') {
        chunks->state = TRAILER_LF;
        return STATUS_OK;
    }
    if (++chunks->trailer_bytes >= CHUNK_TRAILER_BYTES)
        return invalid(err, "trailers that are too long");
    if (!is_field_char(c) || c == 0x7f)
        return invalid(err, "a control character in a trailer");
    if (!chunks->line)
        chunks->line = arena_alloc(chunks->arena, CHUNK_TRAILER_BYTES + 1);
    chunks->line[chunks->line_length++] = c;
    return STATUS_OK;
}

static enum status take_line_end(struct chunks *chunks, char c, struct error *err)
{
    if (c != '\n')
        return invalid(err, "a line that does not end in CR and LF");
    if (chunks->state == TRAILER_LF && chunks->line) {
        chunks->state = TRAILER;
        return add_trailer(chunks, err);
    }
    switch ((enum state)chunks->state) {
    case SIZE_LF: chunks->state = chunks->left ? DATA : TRAILER; break;
    case DATA_LF:
        chunks->state = SIZE;
        chunks->digits = chunks->extension = 0;
        break;
    default: chunks->state = OVER; break;
    }
    return STATUS_OK;
}

static enum status take_byte(struct chunks *chunks, char c, struct error *err)
{
    switch ((enum state)chunks->state) {
    case SIZE: return take_size(chunks, c, err);
    case EXTENSION:
    case QUOTED:
    case QUOTED_PAIR: return take_extension(chunks, c, err);
    case DATA_CR:
        chunks->state = DATA_LF;
        return c == '\r' ? STATUS_OK : invalid(err, "a chunk that is longer than its size");
    case TRAILER: return take_trailer(chunks, c, err);
    case SIZE_LF:
    case DATA_LF:
    case TRAILER_LF: return take_line_end(chunks, c, err);
    case DATA:
    case OVER: break;
    }
    return invalid(err, "bytes behind its end");
}

enum status chunks_take(struct chunks *chunks, char *raw, size_t length, size_t *got,
                        struct error *err)
{
    size_t at = 0;
    enum status rc;

    *got = 0;
    while (at < length && chunks->state != OVER) {
        size_t piece = length - at;

        if (chunks->state != DATA) {
            if ((rc = take_byte(chunks, raw[at++], err)))
                return rc;
            continue;
        }
        if ((int64_t)piece > chunks->left)
            piece = (size_t)chunks->left;
        memmove(raw + *got, raw + at, piece);
        *got += piece;
        at += piece;
        chunks->left -= (int64_t)piece;
        if (!chunks->left)
            chunks->state = DATA_CR;
    }
    return STATUS_OK;
}
