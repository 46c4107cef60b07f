/* Upstreams as npm has them: how they are asked for packages, and how their packages are served. */
#pragma once
#include "protocols/http/response.h"
#include "protocols/npm/upstream_packument.h"
#include "storage/catalog/upstream.h"
#include "storage/mirror/mirror.h"

extern const struct mirror_format npm_mirror_format;

/* Looks through a package's document: removed versions are gone, tags settled. In the request's arena. */
enum status npm_upstream_open(struct request *req, const struct upstream *upstream,
                              const struct mirror_document *document, const char *name,
                              struct npm_upstream_packument *out, struct error *err);

/* Adds the packument in one of its forms. */
enum status npm_upstream_render(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *name,
                                enum npm_form form, struct strbuf *out, int64_t *modified_us,
                                struct error *err);
/* Adds the manifest of a version, named exactly or by a tag; STATUS_NOT_FOUND without it. */
enum status npm_upstream_render_version(struct request *req, const struct upstream *upstream,
                                        const struct mirror_document *document, const char *name,
                                        const char *wanted, struct strbuf *out,
                                        int64_t *modified_us, struct error *err);

/* Answers with a tarball that is kept already; STATUS_NOT_FOUND where it is not. */
enum status npm_respond_kept_tarball(struct request *req, struct response *res,
                                     const struct upstream *upstream, const char *name,
                                     const char *file);
/* Answers with a tarball that the document lists, fetching it. file is as asked, version what it says
 * in the canonical form or NULL. STATUS_NOT_FOUND where no version is listed with it. */
enum status npm_respond_listed_tarball(struct request *req, struct response *res,
                                       const struct upstream *upstream,
                                       const struct mirror_document *document, const char *name,
                                       const char *file, const char *version);
