struct verdict_effect;/* Packages that are published here, rendered from stored manifests, as policy lets them be seen. Links
 * lead to req->repository, whichever repository has the package. */
#pragma once
#include "protocols/http/request.h"
#include "protocols/npm/upstream_packument.h"
#include "storage/catalog/repository.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

struct npm_local_form {
    const char *name;
    enum npm_form form;
    bool with_restrictions; /* for npm from 10.9 on, which prints why a version is held back */
    bool is_for_writing;    /* it is to be changed and sent back: what is held back is in it */
};

/* Adds the packument. effect: see package_document.h. STATUS_NOT_FOUND where nothing is published,
 * STATUS_FORBIDDEN, with policy's sentence, where all versions are held back. */
enum status npm_local_render(struct request *req, const struct repository *repository,
                             const struct npm_local_form *how, struct strbuf *out,
                             int64_t *modified_us, struct verdict_effect *effect, struct error *err);
/* Adds the tags, as an object. */
enum status npm_local_render_tags(struct request *req, const struct repository *repository,
                                  const char *name, struct strbuf *out, int64_t *modified_us,
                                  struct verdict_effect *effect, struct error *err);
/* Adds the manifest of a version, named exactly or by a tag; fails in req->error. */
enum status npm_local_render_version(struct request *req, const struct repository *repository,
                                     const char *name, const char *wanted, struct strbuf *out,
                                     int64_t *modified_us);

/* The full packument, read as if an upstream had sent it. Not to be moved. */
struct npm_local {
    struct strbuf text;
    struct memory_reader reader;
    struct npm_upstream_packument packument;
};
enum status npm_local_read(struct request *req, const struct repository *repository,
                           const char *name, struct arena *arena, struct npm_local *out,
                           struct error *err);
/* From its start again. */
struct reader *npm_local_reader(struct npm_local *local);
