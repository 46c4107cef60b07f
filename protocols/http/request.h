/* One request as a handler sees it: routed, authenticated and admitted by the gate. Handlers know
 * no socket, so they are tested with a request made by hand. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct catalog;
struct chunks;
struct document_cache;
struct metrics;
struct mirror;
struct mount;
struct principal;
struct reader;
struct repository;
struct route;
struct settings;

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_PUT,
    METHOD_POST,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_COUNT
};

struct header {
    const char *name, *value;
};

enum { REQUEST_PARAMS_MAX = 16, REQUEST_ID_SIZE = 33, REQUEST_FACTS_MAX = 4 };

/* What is shared by all requests; the server makes it once. Each member says itself how it is
 * locked. */
struct service {
    struct catalog *catalog;
    struct document_cache *documents;
    struct mirror *mirror; /* NULL in tests that have no upstreams */
    const struct settings *settings;
    const char *public_url;  /* without a final slash; never taken from Host */
    const char *pseudonym;   /* what this server calls itself in Via; NULL: nothing */
    struct metrics *metrics; /* the server's own counters; only its /metrics route looks here */
};

struct request {
    const struct service *service;
    struct arena *arena;
    enum method method;
    const char *target; /* path as sent, nothing decoded, query removed */
    const char *query;  /* as sent, without '?'; "" where there is none */
    const struct header *headers;
    size_t header_count;
    int64_t content_length; /* -1: chunked, so not known; 0: no body */
    const struct chunks *chunks; /* of a chunked body: once it has been read to its end, they have
                                    the trailers. NULL: there are none, or none that can be seen */
    struct reader *body;    /* never NULL; at its end at once where there is none */
    char id[REQUEST_ID_SIZE];
    const char *peer; /* address of the client, as text */

    /* The router's work. mount is NULL where no prefix fits. */
    const struct mount *mount;
    const struct route *route;
    const struct header *params; /* decoded once; named as in the route's pattern */
    size_t param_count;

    /* The gate's work; repository is NULL on routes that name none. principal is never NULL:
     * nobody in particular is the anonymous one. */
    const struct principal *principal;
    const struct repository *repository;

    /* Policy was asked whether the bytes may go out, and may say otherwise tomorrow. */
    bool is_judged;

    struct error error; /* where handlers put their failure */
    /* What the failure's body says beyond the usual, as JSON members with texts: "existing_sha256".
     */
    struct header facts[REQUEST_FACTS_MAX];
    size_t fact_count;
};

/* Adds a member to the body of the failure that follows. Both texts live as long as the request;
 * what is too much is left out. */
static inline void request_fact(struct request *req, const char *name, const char *value)
{
    if (req->fact_count < REQUEST_FACTS_MAX)
        req->facts[req->fact_count++] = (struct header){name, value};
}

/* The value of the first such header, NULL without one. Names are compared without case. */
const char *request_header(const struct request *req, const char *name);
/* A parameter of the route's pattern, decoded; NULL only where the pattern has no such name. */
const char *request_param(const struct request *req, const char *name);
/* A query parameter, decoded into the request's arena ('+' is a blank); NULL without one. */
const char *request_query(const struct request *req, const char *name);
/* Whether one of the comma-separated elements of a header is this token, without case. */
bool request_header_has(const struct request *req, const char *name, const char *token);
/* The failure for a :package that the repository has not got, STATUS_NOT_FOUND. The gate says the
 * same of one that is not for the caller's eyes, so handlers use this and no words of their own. */
enum status request_no_package(struct request *req);
/* Reads the whole body into the arena, for small documents. STATUS_TOO_LARGE over the limit. */
enum status request_body_text(struct request *req, size_t limit, char **text, size_t *length);

/* Picks from offered media types by Accept (RFC 9110 12.5.1); the first offer wins ties and is the
 * answer to no Accept. -1 where none is acceptable. */
int request_accept(const struct request *req, const char *const *offers, size_t count);
/* Whether gzip is acceptable (RFC 9110 12.5.3). */
bool request_accepts_gzip(const struct request *req);
