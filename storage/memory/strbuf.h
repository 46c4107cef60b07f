/* Text that grows up to a cap. Failure sticks: add many times, ask strbuf_failed() once. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct arena;

struct strbuf {
    struct arena *arena; /* where data lives; NULL: the heap, and strbuf_free() gives it back */
    char *data;          /* NUL behind length bytes; never NULL after strbuf_init() */
    size_t length, capacity, cap;
    bool failed; /* more than cap was added; data holds what fitted */
    void (*drain)(void *context, const void *bytes, size_t length); /* NULL: all is held */
    void *drain_context;
    size_t drain_at;
};

/* cap is in bytes, without the final NUL. arena may be NULL, for documents that outlive a request. */
void strbuf_init(struct strbuf *buf, struct arena *arena, size_t cap);
void strbuf_free(struct strbuf *buf);
/* Hands the bytes to the caller, who free()s them; only for a strbuf on the heap. */
char *strbuf_detach(struct strbuf *buf, size_t *length);
void strbuf_clear(struct strbuf *buf);
bool strbuf_failed(const struct strbuf *buf);
/* From now on, what is held is handed to drain, but for its last byte, whenever more is added to at
 * bytes or more. Who renders into such a buffer may look at its last byte, and no further back. */
void strbuf_drain(struct strbuf *buf, size_t at,
                  void (*drain)(void *context, const void *bytes, size_t length), void *context);

void strbuf_bytes(struct strbuf *buf, const void *bytes, size_t length);
void strbuf_text(struct strbuf *buf, const char *text);
void strbuf_char(struct strbuf *buf, char c);
void strbuf_format(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Escapes for HTML text and quoted attributes. */
void strbuf_html(struct strbuf *buf, const char *text);
/* A JSON string with its quotes, RFC 8259 7; bytes that are no UTF-8 become U+FFFD. NULL: null. */
void strbuf_json(struct strbuf *buf, const char *text);
/* Percent-encodes all but RFC 3986 2.3's unreserved characters. */
void strbuf_url(struct strbuf *buf, const char *text);
void strbuf_hex(struct strbuf *buf, const void *bytes, size_t length);
/* RFC 4648 4, with padding. */
void strbuf_base64(struct strbuf *buf, const void *bytes, size_t length);
