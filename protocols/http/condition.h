/* What a request makes its answer depend on: preconditions (RFC 9110 13) and ranges (14). */
#pragma once
#include "protocols/http/request.h"

enum condition { CONDITION_HOLDS, CONDITION_NOT_MODIFIED, CONDITION_FAILED };

/* Judges If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in the order of RFC
 * 9110 13.2.2. etag is the strong one of what would be sent; modified_us 0: not known. */
enum condition condition_check(const struct request *req, const char *etag, int64_t modified_us);

struct byte_range {
    int64_t offset, length;
};
enum range_outcome { RANGE_WHOLE, RANGE_PART, RANGE_UNSATISFIABLE };

/* The single range that a GET asks for, as far as If-Range allows it; all of size bytes otherwise.
 * More than one range, and what is none, is answered whole (RFC 9110 14.2 allows it). */
enum range_outcome range_of_request(const struct request *req, const char *etag, int64_t size,
                                    struct byte_range *out);
