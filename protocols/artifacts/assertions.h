/* What a client states about the bytes that it sends. All of it must hold. Access spec A2.1. */
#pragma once
#include "protocols/http/request.h"
#include "storage/catalog/publish.h"

struct assertions {
    struct digests digests; /* the expected ones; kinds tells which were stated */
    unsigned announced;     /* kinds that may be stated behind the body */
    int64_t size;           /* -1: not stated */
    bool must_be_new;       /* If-None-Match: * */
};

/* Gathers what the headers and the query state. STATUS_INVALID where a statement cannot be read or
 * two contradict each other, STATUS_UNSUPPORTED for a content coding: coded bytes would be stored
 * as they come, and their digest would not be the file's. */
enum status assertions_read(const struct request *req, struct assertions *out, struct error *err);

/* Adds what the trailers state, once the body has been read. */
enum status assertions_read_trailers(const struct request *req, struct assertions *assertions,
                                     struct error *err);

/* STATUS_INVALID with "digest-mismatch" or "length-mismatch" where the bytes are others; expected
 * and actual become facts of the request. */
enum status assertions_check(struct request *req, const struct assertions *assertions,
                             const struct digests *actual, int64_t size, struct error *err);

/* Whether stored bytes can be compared without reading what is sent: something was stated that is
 * known of them, and no stated length says otherwise. */
bool assertions_decide(const struct assertions *assertions, const struct digests *stored,
                       int64_t size);
/* Whether every statement that can be compared holds for them. */
bool assertions_hold(const struct assertions *assertions, const struct digests *stored);
