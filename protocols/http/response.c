#include "protocols/http/response.h"

#include "config/clock.h"
#include "protocols/http/condition.h"
#include "protocols/http/document_cache.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/gzip.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { INFLATE_MAX = 16 << 20 }; /* in memory */

static const struct {
    int code;
    const char *phrase;
} phrases[] = {
    {200, "OK"                             },
    {201, "Created"                        },
    {202, "Accepted"                       },
    {204, "No Content"                     },
    {206, "Partial Content"                },
    {301, "Moved Permanently"              },
    {302, "Found"                          },
    {303, "See Other"                      },
    {304, "Not Modified"                   },
    {307, "Temporary Redirect"             },
    {308, "Permanent Redirect"             },
    {400, "Bad Request"                    },
    {401, "Unauthorized"                   },
    {403, "Forbidden"                      },
    {404, "Not Found"                      },
    {405, "Method Not Allowed"             },
    {406, "Not Acceptable"                 },
    {408, "Request Timeout"                },
    {409, "Conflict"                       },
    {410, "Gone"                           },
    {411, "Length Required"                },
    {412, "Precondition Failed"            },
    {413, "Content Too Large"              },
    {415, "Unsupported Media Type"         },
    {416, "Range Not Satisfiable"          },
    {417, "Expectation Failed"             },
    {422, "Unprocessable Content"          },
    {429, "Too Many Requests"              },
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"  },
    {500, "Internal Server Error"          },
    {501, "Not Implemented"                },
    {502, "Bad Gateway"                    },
    {503, "Service Unavailable"            },
    {504, "Gateway Timeout"                },
    {507, "Insufficient Storage"           },
};

const char *response_phrase(int code)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].code == code)
            return phrases[i].phrase;
    return "Unknown";
}

void response_init(struct response *res)
{
    *res = (struct response){.fd = -1, .announced_length = -1};
}

void response_release(struct response *res)
{
    if (res->arriving)
        mirror_file_close(res->arriving); /* with its descriptor */
    else if (res->fd >= 0)
        close(res->fd);
    if (res->document)
        document_release(res->document);
    free(res->inflated);
    response_init(res);
}

static struct header *find_header(struct response *res, const char *name)
{
    for (size_t i = 0; i < res->header_count; i++)
        if (!strcasecmp(res->headers[i].name, name))
            return &res->headers[i];
    return NULL;
}

/* A value that was copied already. What does not fit is a fault of ours, which a test finds. */
static void put_header(struct response *res, const char *name, char *value)
{
    struct header *header = find_header(res, name);

    for (char *at = value; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    if (!header && res->header_count == RESPONSE_HEADERS_MAX)
        abort();
    if (!header)
        header = &res->headers[res->header_count++];
    *header = (struct header){name, value};
}

void response_header(struct request *req, struct response *res, const char *name, const char *value)
{
    put_header(res, name, arena_copy(req->arena, value));
}

void response_header_format(struct request *req, struct response *res, const char *name,
                            const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_header(res, name, arena_copy(req->arena, text));
}

static void default_header(struct request *req, struct response *res, const char *name,
                           const char *value)
{
    if (!find_header(res, name))
        response_header(req, res, name, value);
}

/* A body from memory; HEAD gets its length alone. */
static void set_body(struct request *req, struct response *res, const void *bytes, size_t length)
{
    if (req->method == METHOD_HEAD) {
        res->announced_length = (int64_t)length;
        return;
    }
    res->bytes = bytes;
    res->length = length;
}

enum status respond_text(struct request *req, struct response *res, int code,
                         const char *content_type, const char *text)
{
    res->code = code;
    response_header(req, res, "Content-Type", content_type);
    set_body(req, res, text, strlen(text));
    return STATUS_OK;
}

enum status respond_strbuf(struct request *req, struct response *res, int code,
                           const char *content_type, const struct strbuf *body)
{
    if (strbuf_failed(body))
        return fail(&req->error, STATUS_INTERNAL, "", "an answer is larger than %zu bytes",
                    body->cap);
    res->code = code;
    response_header(req, res, "Content-Type", content_type);
    set_body(req, res, body->data, body->length);
    return STATUS_OK;
}

enum status respond_empty(struct request *req, struct response *res, int code)
{
    (void)req;
    res->code = code;
    return STATUS_OK;
}

/* Sets the validators and answers the conditions. true: the answer is complete, or rc says why
 * there is none. */
static bool conditions_end_it(struct request *req, struct response *res, const char *etag,
                              int64_t modified_us, enum status *rc)
{
    char date[CLOCK_TEXT_SIZE];

    if (modified_us) {
        clock_format_http(modified_us, date);
        response_header(req, res, "Last-Modified", date);
    }
    *rc = STATUS_OK;
    switch (condition_check(req, etag, modified_us)) {
    case CONDITION_NOT_MODIFIED: res->code = 304; return true;
    case CONDITION_FAILED:
        *rc = fail(&req->error, STATUS_PRECONDITION, "",
                   "the precondition does not hold: this is %s", etag);
        return true;
    case CONDITION_HOLDS: break;
    }
    return false;
}

/* Hosted things may be stored by shared caches only where anybody may read them. */
static bool is_public(const struct request *req)
{
    return req->repository && req->repository->anonymous_read;
}

/* A file on its way in may be known by another digest only, until it is whole. */
static void default_etag(struct request *req, struct response *res, const struct digests *digests)
{
    bool by_sha512 = !(digests->kinds & DIGEST_SHA256) && digests->kinds & DIGEST_SHA512;
    char hex[DIGEST_HEX_MAX];

    if (find_header(res, "ETag"))
        return;
    if (by_sha512)
        digest_hex(digests->sha512, SHA512_SIZE, hex);
    else
        digest_hex(digests->sha256, SHA256_SIZE, hex);
    response_header_format(req, res, "ETag", "\"%s:%s\"", by_sha512 ? "sha512" : "sha256", hex);
}

/* A file never changes, but a cache that many share must not give what policy holds by then. */
static const char *file_caching(const struct request *req)
{
    if (!is_public(req))
        return "private, max-age=31536000, immutable";
    return req->is_judged ? "public, no-cache" : "public, max-age=31536000, immutable";
}

/* All but where the bytes are. *range is empty where none are to be sent. */
static enum status begin_file(struct request *req, struct response *res,
                              const struct stored_file *file, const char *content_type,
                              struct byte_range *range)
{
    enum range_outcome outcome;
    struct header *etag;
    enum status rc;

    *range = (struct byte_range){0};
    default_etag(req, res, &file->digests);
    etag = find_header(res, "ETag");
    if (!find_header(res, "Cache-Control"))
        response_header(req, res, "Cache-Control", file_caching(req));
    response_header(req, res, "Accept-Ranges", "bytes");
    if (conditions_end_it(req, res, etag->value, file->created_us, &rc))
        return rc;

    outcome = range_of_request(req, etag->value, file->size, range);
    if (outcome == RANGE_UNSATISFIABLE) {
        response_header_format(req, res, "Content-Range", "bytes */%lld", (long long)file->size);
        return fail(&req->error, STATUS_RANGE, "", "the file has %lld bytes",
                    (long long)file->size);
    }
    response_header(req, res, "Content-Type", content_type);
    if (outcome == RANGE_PART)
        response_header_format(req, res, "Content-Range", "bytes %lld-%lld/%lld",
                               (long long)range->offset,
                               (long long)(range->offset + range->length - 1),
                               (long long)file->size);
    if (req->method == METHOD_HEAD) {
        res->announced_length = file->size;
        range->length = 0;
    }
    res->code = outcome == RANGE_PART ? 206 : 200;
    return STATUS_OK;
}

static void send_range(struct response *res, int fd, const struct byte_range *range)
{
    res->fd = fd;
    res->offset = range->offset;
    res->file_length = range->length;
}

enum status respond_file(struct request *req, struct response *res, const struct stored_file *file,
                         const char *content_type)
{
    struct byte_range range;
    enum status rc;
    int fd;

    if ((rc = begin_file(req, res, file, content_type, &range)) || !range.length)
        return rc;
    if (file->bytes) {
        set_body(req, res, (const char *)file->bytes + range.offset, (size_t)range.length);
        return STATUS_OK;
    }
    if ((rc = catalog_open_file(req->service->catalog, file, &fd, &req->error)))
        return rc;
    send_range(res, fd, &range);
    return STATUS_OK;
}

enum status respond_arriving_file(struct request *req, struct response *res,
                                  struct mirror_file *arriving, const struct stored_file *file,
                                  const char *content_type)
{
    struct byte_range range;
    enum status rc = begin_file(req, res, file, content_type, &range);

    res->arriving = arriving;
    if (!rc && range.length)
        send_range(res, mirror_file_fd(arriving), &range);
    return rc;
}

/* A strong ETag names one sequence of bytes (RFC 9110 8.8.3), so the compressed form has its own.
 */
static const char *document_etag(struct request *req, const struct document *document, bool gzip)
{
    size_t length = strlen(document->etag);

    if (!gzip)
        return document->etag;
    return arena_format(req->arena, "%.*s-gz\"", (int)(length - 1), document->etag);
}

/* A text too large to be held is inflated into a file without a name. */
static enum status inflate_to_file(const struct document *document, int *fd, struct error *err)
{
    struct memory_reader source;
    struct reader *reader;
    FILE *file = tmpfile();
    char piece[8 * 1024];
    size_t got;
    enum status rc;

    if (!file)
        return fail_errno(err, "could not make a temporary file");
    memory_reader_init(&source, document->gzip, document->gzip_length);
    reader = gzip_reader_new(&source.reader, &(struct gzip_limits){0});
    while (!(rc = reader_read(reader, piece, sizeof piece, &got, err)) && got)
        if (fwrite(piece, 1, got, file) != got) {
            rc = fail_errno(err, "could not write a temporary file");
            break;
        }
    reader_close(reader);
    if (!rc && (fflush(file) || (*fd = dup(fileno(file))) < 0))
        rc = fail_errno(err, "could not write a temporary file");
    fclose(file);
    return rc;
}

enum status respond_document(struct request *req, struct response *res,
                             const struct document *document, const char *content_type)
{
    bool gzip = document->gzip && request_accepts_gzip(req);
    const char *etag = document_etag(req, document, gzip);
    size_t length = document->plain_length;
    enum status rc;

    res->document = document;
    response_header(req, res, "ETag", etag);
    default_header(req, res, "Vary", "Accept, Accept-Encoding, Authorization");
    if (!find_header(res, "Cache-Control"))
        response_header(req, res, "Cache-Control",
                        is_public(req) ? "public, no-cache" : "private, no-cache");
    if (conditions_end_it(req, res, etag, document->modified_us, &rc))
        return rc;

    response_header(req, res, "Content-Type", content_type);
    if (gzip) {
        response_header(req, res, "Content-Encoding", "gzip");
        set_body(req, res, document->gzip, document->gzip_length);
    } else if (document->plain || req->method == METHOD_HEAD) {
        set_body(req, res, document->plain, length);
    } else if (length > INFLATE_MAX) {
        if ((rc = inflate_to_file(document, &res->fd, &req->error)))
            return rc;
        res->file_length = (int64_t)length;
    } else {
        if (!(res->inflated = malloc(length)))
            return fail_errno(&req->error, "a document of %zu bytes finds no memory", length);
        if ((rc = gzip_expand(document->gzip, document->gzip_length, res->inflated, length,
                              &req->error)))
            return rc;
        set_body(req, res, res->inflated, length);
    }
    res->code = 200;
    return STATUS_OK;
}
