/* The answer to a request. A handler fills it; the server sends it. Conditions (If-None-Match,
 * If-Range …), ranges, HEAD and gzip are answered here, once for all protocols. */
#pragma once
#include "protocols/http/request.h"

struct document;
struct mirror_file;
struct stored_file;
struct strbuf;

enum { RESPONSE_HEADERS_MAX = 32 };

struct response {
    int code;           /* HTTP status; 0 until set */
    const char *reason; /* NULL: the standard phrase. Printable ASCII, no CR or LF */
    struct header headers[RESPONSE_HEADERS_MAX];
    size_t header_count;

    /* The body: bytes in memory, or a range of a descriptor. Both empty: no body. */
    const void *bytes;
    size_t length;
    int fd; /* -1: none; closed by response_release() */
    int64_t offset, file_length;
    int64_t announced_length; /* of a HEAD's answer: what a GET would send; -1: as the body */
    bool close_connection;
    bool read_body_first; /* a refusal that waits until the client has sent what it has: for npm,
                             which reads no answer before */
    const struct document *document; /* a reference held until response_release() */
    char *inflated;                  /* freed by response_release() */
    /* Asked before the last piece of what arrives is sent: false cuts the answer. NULL: it may. */
    bool (*may_end)(void *context);
    void *may_end_context;
    struct mirror_file *arriving; /* fd grows still: mirror_file_wait() says how far it may be sent, and
                                     a failure of it cuts the connection. Closed by
                                     response_release(), which leaves fd alone then */
};

/* The standard phrase of a status code, RFC 9110 15; "Unknown" for none. */
const char *response_phrase(int code);

void response_init(struct response *res);
/* Closes the descriptor, lets go of the document. */
void response_release(struct response *res);

/* Adds a header; the value is copied into the request's arena; control bytes in it become blanks.
 * Setting the same name again replaces it. */
void response_header(struct request *req, struct response *res, const char *name,
                     const char *value);
void response_header_format(struct request *req, struct response *res, const char *name,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Answers with a body from memory that lives as long as the request. */
enum status respond_text(struct request *req, struct response *res, int code,
                         const char *content_type, const char *text);
/* The same for a strbuf; STATUS_INTERNAL where it overflowed its cap. */
enum status respond_strbuf(struct request *req, struct response *res, int code,
                           const char *content_type, const struct strbuf *body);
/* Answers with stored bytes: ETag, Last-Modified, ranges, If-*, HEAD. Headers that the format adds
 * are set before the call. The file's etag is its SHA-256 unless an ETag header is set already. */
enum status respond_file(struct request *req, struct response *res, const struct stored_file *file,
                         const char *content_type);
/* The same with a file on its way in, which it takes over: file says the row that it will become, with
 * the digests that are known. */
enum status respond_arriving_file(struct request *req, struct response *res,
                                  struct mirror_file *arriving, const struct stored_file *file,
                                  const char *content_type);
/* Answers with a rendered document: strong ETag, 304, gzip where accepted, Vary. Takes over the
 * caller's reference. */
enum status respond_document(struct request *req, struct response *res,
                             const struct document *document, const char *content_type);
/* 201 or 200 and so on without a body of its own. */
enum status respond_empty(struct request *req, struct response *res, int code);
