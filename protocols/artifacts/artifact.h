/* One file of a version as a request names it, and the handlers of artifacts.c's table. */
#pragma once
#include "protocols/http/response.h"
#include "storage/catalog/publish.h"

struct artifact {
    const char *package, *version;
    const char *path; /* within the version; "" where the route has none, and so the version */
    const char *file; /* "version/path", the file's name in its row */
};

/* The names in the request's path. STATUS_INVALID with code "invalid-path" for one that no upload
 * can have made. */
enum status artifact_locate(struct request *req, struct artifact *out, struct error *err);

/* Sets ETag, Repr-Digest and X-Checksum-Sha256, and more digests where Want-Repr-Digest asks. */
void artifact_digest_headers(struct request *req, struct response *res,
                             const struct digests *digests);
/* The form in which digests stand in RFC 9530's fields, of those kinds. */
const char *artifact_digest_field(struct request *req, const struct digests *digests,
                                  unsigned kinds);

/* By the name's ending: what a client said at the upload is not trusted with a browser. */
const char *artifact_media_type(const char *path);

enum status artifact_put_file(struct request *req, struct response *res);
enum status artifact_get_file(struct request *req, struct response *res);
enum status artifact_remove(struct request *req, struct response *res);
enum status artifact_list_files(struct request *req, struct response *res);
enum status artifact_list_versions(struct request *req, struct response *res);
