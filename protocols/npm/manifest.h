/* The manifest of one version: what its publisher says, held against what was really published,
 * kept as one JSON document, and shown in full or abbreviated. Values keep the bytes they came in.
 */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct digests;
struct npm_tarball;
struct strbuf;

enum {
    NPM_MANIFEST_MAX = 4 << 20, /* bytes of one manifest, its README included */
    NPM_MANIFEST_DEPTH = 64,
    NPM_MANIFEST_MEMBERS_MAX = 1000,
};

/* What a publisher's manifest says that must hold; NULL where it does not say. */
struct npm_claims {
    const char *name, *version, *integrity, *shasum;
    bool is_private;
};

/* STATUS_INVALID where it is no object, or says one thing twice. */
enum status npm_manifest_read(const char *manifest, size_t length, struct arena *arena,
                              struct npm_claims *out, struct error *err);

/* SRI (any of the strongest algorithm that is known here) and hex SHA-1, where given, against the
 * bytes that came: STATUS_INVALID "EINTEGRITY". */
enum status npm_claims_check_bytes(const struct npm_claims *claims, const struct digests *digests,
                                   struct error *err);

/* What is known without the publisher's word. */
struct npm_facts {
    const char *name, *version, *publisher;
    const struct digests *digests; /* SHA-512 and SHA-1 */
    const struct npm_tarball *tarball;
    const char *readme; /* a JSON string, used where the manifest has none; NULL: none */
};

/* Adds the document to be stored. What decides about an install (dependencies, scripts, bin,
 * platforms) is taken from the tarball's package.json, for a manifest that says otherwise would
 * hide something. STATUS_UNPROCESSABLE where the tarball is another package. */
enum status npm_manifest_build(const char *manifest, size_t length, const struct npm_facts *facts,
                               struct strbuf *out, struct error *err);

enum npm_form { NPM_FULL, NPM_ABBREVIATED };

/* How a version is shown. What is NULL is shown as the document has it. */
struct npm_view {
    enum npm_form form;
    const char *tarball_url;
    /* Of a version that is kept here: by the instance's own key. */
    const char *keyid;
    const void *signature;
    size_t signature_length;
    /* Of an upstream's version. */
    const char *version; /* what it is called here, without build metadata */
    const char *attestations_url;
    const char *integrity, *shasum; /* both, for bytes that were pinned before the listing changed;
                                       then no shasum is known where it is NULL */
};

/* Adds a stored document, or one of an upstream, as clients see it: without its README, and with
 * the tarball's URL. STATUS_INVALID where an upstream's is not what a manifest must be. */
enum status npm_manifest_show(const char *document, size_t length, const struct npm_view *view,
                              struct strbuf *out, struct error *err);
/* Adds ',"key":value' for each member that a packument shows at its top: description, readme … */
enum status npm_manifest_hoist(const char *document, size_t length, struct strbuf *out,
                               struct error *err);
