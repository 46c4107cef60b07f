/* Request bodies that came compressed. */
#pragma once
#include "protocols/http/request.h"

/* Puts a reader of the plain bytes in req->body's place where the body is gzip: by its
 * Content-Encoding, or without one by its first two bytes, for some middle boxes strip the header
 * and no format here begins with them. Beyond limit plain bytes (-1: none) or 200 times the
 * compressed ones reading ends with STATUS_TOO_LARGE. STATUS_UNSUPPORTED for another coding.
 * content_length is -1 from then on. *opened is to be closed by the caller, after the last read;
 * NULL where nothing was opened. */
enum status request_decode_body(struct request *req, int64_t limit, struct reader **opened);
