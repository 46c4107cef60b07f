/* gzip (RFC 1952): documents made once and served often, and foreign bytes inflated under limits.
 */
#pragma once
#include "config/error.h"
#include "storage/memory/stream.h"
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* The same bytes always give the same gzip: no name, no time. The caller free()s it; never NULL. */
void *gzip_compress(const void *bytes, size_t length, size_t *out_length);
/* The same for who compresses much: the tables of one are 300 KiB, and getting them from the system costs
 * more than a small document. For one thread at a time. */
struct gzip_compressor;
struct gzip_compressor *gzip_compressor_new(void); /* never NULL */
void gzip_compressor_free(struct gzip_compressor *compressor);
void *gzip_compress_with(struct gzip_compressor *compressor, const void *bytes, size_t length,
                         size_t *out_length);

/* Inflates what gzip_compress() made into exactly length bytes; STATUS_INTERNAL otherwise. */
enum status gzip_expand(const void *gzip, size_t gzip_length, void *out, size_t length,
                        struct error *err);

/* The same in pieces, for what is too large to be held whole. */
struct gzip_writer;
struct gzip_writer *gzip_writer_new(void); /* never NULL */
void gzip_writer_add(struct gzip_writer *writer, const void *bytes, size_t length);
/* Ends and frees the writer; the caller free()s the gzip. */
void *gzip_writer_finish(struct gzip_writer *writer, size_t *length);

/* What foreign gzip may become. Beyond: STATUS_TOO_LARGE "inflated-too-large". */
struct gzip_limits {
    uint64_t bytes; /* inflated; 0: no limit */
    unsigned ratio; /* inflated to compressed, looked at from the first MiB on; 0: no limit */
};

/* A reader of the inflated bytes of source, members one behind the other (RFC 1952 2.2). Broken,
 * cut short or followed by other bytes is STATUS_INVALID "gzip-invalid". reader_close() frees it;
 * source stays the caller's and must live longer. */
struct reader *gzip_reader_new(struct reader *source, const struct gzip_limits *limits);

/* All of a foreign gzip at once, which costs half of what a reader does. NULL where it is no single good
 * member, or inflates to more than `most` or beyond the limits: a reader tells why. The caller free()s it. */
void *gzip_inflate_at_once(const void *gzip, size_t gzip_length, const struct gzip_limits *limits, size_t most,
                           size_t *out_length);

/* Adds the inflated bytes to out; its cap is one of the limits. */
enum status gzip_inflate(const void *gzip, size_t gzip_length, const struct gzip_limits *limits,
                         struct strbuf *out, struct error *err);

/* Such as "zlib 1.2.13, libdeflate 1.14". */
const char *gzip_library_versions(void);
