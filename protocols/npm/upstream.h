/* Upstreams as npm has them: how they are asked for packages, and how their packages are served. */
#pragma once
#include "protocols/http/document_cache.h"
#include "protocols/http/response.h"
#include "protocols/http/verdicts.h"
#include "protocols/npm/member.h"
#include "protocols/npm/upstream_packument.h"
#include "storage/catalog/upstream.h"
#include "storage/mirror/mirror.h"

struct npm_tarball;
struct review_format;
struct settings;
struct whole_file;

extern const struct mirror_format npm_mirror_format;

/* How policy looks at them. */
extern const struct verdict_format npm_verdict_format;
/* How its releases are compared. */
extern const struct review_format npm_review_format;
/* The scripts that run when a package is installed, of its "scripts" or of its package.json's. */
void npm_facts_scripts(struct npm_value scripts, bool has_gyp, struct arena *arena,
                       struct facts *out);

/* What a tarball has to agree with, as far as its listing says: copied into its wish. */
struct npm_expectation {
    const struct settings *settings;
    int64_t published_us;
    size_t length;
    char listing[]; /* an object with a few members of the manifest, and the upstream's keys */
};
const struct npm_expectation *npm_expect(struct request *req, const struct upstream *upstream,
                                         const struct npm_listing *listing, int64_t published_us,
                                         size_t *size);
/* What the archive says, and whether the signature is the upstream's. changes_verdicts: besides its
 * listing or against it. */
const char *npm_archive_facts(const struct npm_tarball *tarball,
                              const struct npm_expectation *expected,
                              const struct mirror_wish *wish, struct arena *arena,
                              bool *changes_verdicts);

/* Looks through a package's document: versions that were removed or that policy holds back are gone,
 * tags settled. In the request's arena, where *verdicts is, too. */
enum status npm_upstream_open(struct request *req, const struct upstream *upstream,
                              const struct mirror_document *document, const char *name,
                              struct npm_upstream_packument *out,
                              struct package_verdicts *verdicts, struct error *err);
/* The same without asking policy, for those who are about to. */
enum status npm_upstream_open_unjudged(struct request *req, const struct upstream *upstream,
                                       const struct mirror_document *document, const char *name,
                                       struct arena *arena, struct npm_upstream_packument *out,
                                       struct error *err);

/* Adds the packument in one of its forms. with_restrictions: for npm from 10.9 on, which prints why a
 * version is held back. effect: see package_document.h. STATUS_FORBIDDEN, with policy's sentence,
 * where all versions are. */
enum status npm_upstream_render(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *name,
                                enum npm_form form, bool with_restrictions, struct strbuf *out,
                                int64_t *modified_us, struct verdict_effect *effect, struct error *err);
/* Adds the manifest of a version, named exactly or by a tag; STATUS_NOT_FOUND without it,
 * STATUS_FORBIDDEN where it is held back. */
enum status npm_upstream_render_version(struct request *req, const struct upstream *upstream,
                                        const struct mirror_document *document, const char *name,
                                        const char *wanted, struct strbuf *out,
                                        int64_t *modified_us, struct error *err);

/* What a tarball is held to by its listing: of several digests of an algorithm the first. */
void npm_listing_digests(const struct npm_listing *listing, struct digests *out);

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
/* All of a version's tarball, for who looks into it here, and what its listing says; that is empty where the
 * version is kept and listed no more. STATUS_NOT_FOUND without it. */
enum status npm_open_tarball(struct request *req, const struct verdict_subject *subject,
                             const struct mirror_document *document, const char *version,
                             struct npm_listing *listing, struct whole_file *out);
