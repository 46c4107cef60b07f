#include "protocols/http/content_coding.h"

#include "storage/memory/arena.h"
#include "storage/memory/gzip.h"
#include "storage/memory/stream.h"

#include <string.h>
#include <strings.h>

enum { RATIO_MAX = 200 };

static const unsigned char GZIP_MAGIC[] = {0x1f, 0x8b}; /* RFC 1952 2.3.1 */

/* Gives what was read ahead, then the rest. */
struct looked_at_reader {
    struct reader reader;
    struct reader *source;
    unsigned char start[sizeof GZIP_MAGIC];
    size_t at, length;
};

static enum status looked_at_read(struct reader *base, void *buffer, size_t size, size_t *got,
                                  struct error *err)
{
    struct looked_at_reader *reader = (struct looked_at_reader *)base;
    size_t left = reader->length - reader->at;

    if (!left)
        return reader_read(reader->source, buffer, size, got, err);
    *got = size < left ? size : left;
    memcpy(buffer, reader->start + reader->at, *got);
    reader->at += *got;
    return STATUS_OK;
}

static enum status looks_like_gzip(struct request *req, bool *is_gzip)
{
    struct looked_at_reader *reader = arena_alloc(req->arena, sizeof *reader);
    enum status rc;

    *is_gzip = false;
    if (!req->content_length)
        return STATUS_OK;
    *reader = (struct looked_at_reader){
        .reader = {looked_at_read, NULL},
          .source = req->body
    };
    if ((rc = reader_read_all(req->body, reader->start, sizeof reader->start, &reader->length,
                              &req->error)))
        return rc;
    req->body = &reader->reader;
    *is_gzip = reader->length == sizeof GZIP_MAGIC &&
               !memcmp(reader->start, GZIP_MAGIC, sizeof GZIP_MAGIC);
    return STATUS_OK;
}

enum status request_decode_body(struct request *req, int64_t limit, struct reader **opened)
{
    const struct gzip_limits limits = {limit < 0 ? 0 : (uint64_t)limit, RATIO_MAX};
    const char *coding = request_header(req, "Content-Encoding");
    bool is_gzip = coding && (!strcasecmp(coding, "gzip") || !strcasecmp(coding, "x-gzip"));
    enum status rc;

    *opened = NULL;
    if (coding && *coding && !is_gzip && strcasecmp(coding, "identity"))
        return fail(&req->error, STATUS_UNSUPPORTED, "",
                    "a body in the content coding %.40s is not taken: send it plain or as gzip",
                    coding);
    if (!is_gzip && (rc = looks_like_gzip(req, &is_gzip)))
        return rc;
    if (!is_gzip)
        return STATUS_OK;
    req->body = *opened = gzip_reader_new(req->body, &limits);
    req->content_length = -1;
    return STATUS_OK;
}
