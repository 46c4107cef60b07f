#include "storage/memory/gzip.h"

#include "storage/memory/strbuf.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    LEVEL = 6, /* level 9 saves 2 % and takes three times as long */
    BUFFER_SIZE = 32 * 1024,
    RATIO_FROM = 1 << 20, /* small documents may well repeat themselves */
};

static void *or_abort(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

struct gzip_compressor {
    struct libdeflate_compressor *compressor;
};

struct gzip_compressor *gzip_compressor_new(void)
{
    struct gzip_compressor *compressor = or_abort(malloc(sizeof *compressor));

    compressor->compressor = or_abort(libdeflate_alloc_compressor(LEVEL));
    return compressor;
}

void gzip_compressor_free(struct gzip_compressor *compressor)
{
    if (!compressor)
        return;
    libdeflate_free_compressor(compressor->compressor);
    free(compressor);
}

void *gzip_compress_with(struct gzip_compressor *compressor, const void *bytes, size_t length,
                         size_t *out_length)
{
    size_t bound = libdeflate_gzip_compress_bound(compressor->compressor, length);
    void *out = or_abort(malloc(bound));
    void *fitting;

    *out_length = libdeflate_gzip_compress(compressor->compressor, bytes, length, out, bound);
    fitting = realloc(out, *out_length);
    return fitting ? fitting : out;
}

void *gzip_compress(const void *bytes, size_t length, size_t *out_length)
{
    struct gzip_compressor *compressor = gzip_compressor_new();
    void *out = gzip_compress_with(compressor, bytes, length, out_length);

    gzip_compressor_free(compressor);
    return out;
}

enum status gzip_expand(const void *gzip, size_t gzip_length, void *out, size_t length,
                        struct error *err)
{
    struct libdeflate_decompressor *decompressor = or_abort(libdeflate_alloc_decompressor());
    enum libdeflate_result result =
        libdeflate_gzip_decompress(decompressor, gzip, gzip_length, out, length, NULL);

    libdeflate_free_decompressor(decompressor);
    if (result != LIBDEFLATE_SUCCESS)
        return fail(err, STATUS_INTERNAL, "", "a document in memory could not be inflated");
    return STATUS_OK;
}

struct gzip_writer {
    z_stream stream;
    char *out;
    size_t length, capacity;
};

enum { GZIP_WINDOW = 15 + 16, FAST_LEVEL = 4 }; /* zlib: 16 asks for gzip; large texts pay by time */

struct gzip_writer *gzip_writer_new(void)
{
    struct gzip_writer *writer = or_abort(calloc(1, sizeof *writer));

    if (deflateInit2(&writer->stream, FAST_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        or_abort(NULL);
    return writer;
}

static void deflate_all(struct gzip_writer *writer, int flush)
{
    do {
        if (writer->capacity - writer->length < BUFFER_SIZE) {
            writer->capacity = writer->capacity * 3 / 2 + 2 * BUFFER_SIZE;
            writer->out = or_abort(realloc(writer->out, writer->capacity));
        }
        writer->stream.next_out = (unsigned char *)writer->out + writer->length;
        writer->stream.avail_out = (uInt)(writer->capacity - writer->length);
        deflate(&writer->stream, flush);
        writer->length = writer->capacity - writer->stream.avail_out;
    } while (!writer->stream.avail_out);
}

void gzip_writer_add(struct gzip_writer *writer, const void *bytes, size_t length)
{
    writer->stream.next_in = (unsigned char *)(uintptr_t)bytes;
    writer->stream.avail_in = (uInt)length;
    deflate_all(writer, Z_NO_FLUSH);
}

void *gzip_writer_finish(struct gzip_writer *writer, size_t *length)
{
    void *out, *fitting;

    writer->stream.avail_in = 0;
    deflate_all(writer, Z_FINISH);
    deflateEnd(&writer->stream);
    *length = writer->length;
    out = writer->out;
    free(writer);
    fitting = realloc(out, *length);
    return fitting ? fitting : out;
}

struct gzip_reader {
    struct reader reader;
    struct reader *source;
    struct gzip_limits limits;
    z_stream stream;
    uint64_t inflated, compressed;
    bool within_member, source_ended;
    unsigned char buffer[BUFFER_SIZE];
};

static enum status refill(struct gzip_reader *reader, struct error *err)
{
    size_t got;
    enum status rc;

    if ((rc = reader_read(reader->source, reader->buffer, sizeof reader->buffer, &got, err)))
        return rc;
    reader->source_ended = !got;
    reader->compressed += got;
    reader->stream.next_in = reader->buffer;
    reader->stream.avail_in = (uInt)got;
    return STATUS_OK;
}

static enum status check_limits(const struct gzip_reader *reader, struct error *err)
{
    const struct gzip_limits *limits = &reader->limits;

    if (limits->bytes && reader->inflated > limits->bytes)
        return fail(err, STATUS_TOO_LARGE, "inflated-too-large",
                    "the gzip inflates to more than %llu bytes", (unsigned long long)limits->bytes);
    if (limits->ratio && reader->inflated > RATIO_FROM &&
        reader->inflated / limits->ratio > reader->compressed)
        return fail(err, STATUS_TOO_LARGE, "inflated-too-large",
                    "the gzip inflates to more than %u times its size", limits->ratio);
    return STATUS_OK;
}

static enum status broken(const struct gzip_reader *reader, struct error *err)
{
    const char *why = reader->stream.msg ? reader->stream.msg : "it ends too early";

    return fail(err, STATUS_INVALID, "gzip-invalid", "the gzip is broken near byte %llu: %s",
                (unsigned long long)(reader->compressed - reader->stream.avail_in), why);
}

static enum status gzip_read(struct reader *base, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct gzip_reader *reader = (struct gzip_reader *)base;
    z_stream *stream = &reader->stream;
    uInt room = (uInt)(size < (1u << 30) ? size : 1u << 30);
    enum status rc;

    *got = 0;
    while (!*got && room) {
        int result;

        if (!stream->avail_in && !reader->source_ended && (rc = refill(reader, err)))
            return rc;
        if (!stream->avail_in && reader->source_ended) {
            stream->msg = NULL;
            /* Nothing at all is no gzip either: a member has a head of ten bytes. */
            return reader->within_member || !reader->compressed ? broken(reader, err) : STATUS_OK;
        }
        if (!reader->within_member)
            inflateReset(stream);
        reader->within_member = true;
        stream->next_out = buffer;
        stream->avail_out = room;
        result = inflate(stream, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return broken(reader, err);
        if (result == Z_STREAM_END)
            reader->within_member = false;
        *got = room - stream->avail_out;
        reader->inflated += *got;
        if ((rc = check_limits(reader, err)))
            return rc;
    }
    return STATUS_OK;
}

static void gzip_close(struct reader *base)
{
    struct gzip_reader *reader = (struct gzip_reader *)base;

    inflateEnd(&reader->stream);
    free(reader);
}

struct reader *gzip_reader_new(struct reader *source, const struct gzip_limits *limits)
{
    struct gzip_reader *reader = or_abort(calloc(1, sizeof *reader));

    reader->reader = (struct reader){gzip_read, gzip_close};
    reader->source = source;
    reader->limits = *limits;
    /* 16 more than the window's bits: gzip heads only, no zlib ones. */
    if (inflateInit2(&reader->stream, 16 + MAX_WBITS) != Z_OK)
        or_abort(NULL);
    return &reader->reader;
}

/* What the last four bytes say, RFC 1952 2.3.1: of one member, and modulo 2^32. */
static size_t told_length(const unsigned char *gzip, size_t gzip_length)
{
    const unsigned char *end = gzip + gzip_length;

    return gzip_length < 18 ? 0
                            : (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;
}

void *gzip_inflate_at_once(const void *gzip, size_t gzip_length, const struct gzip_limits *limits, size_t most,
                           size_t *out_length)
{
    size_t length = told_length(gzip, gzip_length), used = 0;
    struct libdeflate_decompressor *decompressor;
    enum libdeflate_result result;
    void *out;

    *out_length = length;
    if (!length || length > most || (limits->bytes && length > limits->bytes) ||
        (limits->ratio && length > RATIO_FROM && length / limits->ratio > gzip_length))
        return NULL;
    out = or_abort(malloc(length));
    decompressor = or_abort(libdeflate_alloc_decompressor());
    result = libdeflate_gzip_decompress_ex(decompressor, gzip, gzip_length, out, length, &used, NULL);
    libdeflate_free_decompressor(decompressor);
    if (result == LIBDEFLATE_SUCCESS && used == gzip_length)
        return out;
    free(out);
    return NULL;
}

enum status gzip_inflate(const void *gzip, size_t gzip_length, const struct gzip_limits *limits,
                         struct strbuf *out, struct error *err)
{
    struct memory_reader source;
    struct reader *reader;
    char buffer[8192];
    size_t got;
    enum status rc;

    memory_reader_init(&source, gzip, gzip_length);
    reader = gzip_reader_new(&source.reader, limits);
    while (!(rc = reader_read(reader, buffer, sizeof buffer, &got, err)) && got) {
        strbuf_bytes(out, buffer, got);
        if (strbuf_failed(out)) {
            rc = fail(err, STATUS_TOO_LARGE, "inflated-too-large",
                      "the gzip inflates to more than %zu bytes", out->cap);
            break;
        }
    }
    reader_close(reader);
    return rc;
}

const char *gzip_library_versions(void)
{
    return "zlib " ZLIB_VERSION ", libdeflate " LIBDEFLATE_VERSION_STRING;
}
