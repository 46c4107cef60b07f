/* A package's document, wherever the package lives: in the asked repository, in a local source of it,
 * or at an upstream. Kept in the document cache; exact for what is local, as fresh as its upstream's
 * document for what is not. */
#pragma once
#include "protocols/http/document_cache.h"
#include "protocols/http/request.h"
#include "storage/catalog/owner.h"

struct first_asker;
struct listing_change;
struct mirror_document;
struct response;
struct verdict_effect;
struct verdict_format;

/* How one kind of document is made. context is the caller's. */
struct package_rendering {
    struct request *req;
    enum format format;
    int kind; /* enum document_kind */
    const char *name, *name_norm;
    void *context;
    const struct verdict_format *verdicts;
    struct verdict_effect *effect; /* set by both below: what the document shows of verdicts */
    /* From rows. repository is where the package lives; links lead to req->repository. */
    enum status (*local)(void *context, const struct repository *repository, struct strbuf *out,
                         int64_t *modified_us, struct error *err);
    enum status (*upstream)(void *context, const struct upstream *upstream,
                            const struct mirror_document *document, struct strbuf *out,
                            int64_t *modified_us, struct error *err);
};

/* The document, and whose it is. STATUS_NOT_FOUND where nobody has it; *home then tells a claimed name
 * (HOME_CLAIMED) from an absent one. STATUS_BAD_UPSTREAM and the like are passed on. The caller lets go
 * of the reference, or hands it to respond_document(). Sets Warning where it is stale. */
enum status package_document_get(const struct package_rendering *rendering, struct response *res,
                                 const struct document **out, enum home_kind *home);

/* For files and single versions: where the name lives, after asking the upstreams of an unowned one,
 * in order. For HOME_UPSTREAM, home->upstreams[0] is the owner and *document is its document (the caller
 * releases it); else *document is NULL. */
enum status package_document_home(struct request *req, enum format format, const char *name,
                                  const char *name_norm, struct home *home,
                                  const struct mirror_document **document);

/* Says that an upstream's listing names other bytes than it did, where that is not told yet. */
void upstream_tell_changes(struct request *req, const struct upstream *upstream, const char *name,
                           const char *name_fold, const struct listing_change *changes, size_t count);
/* Who asks an upstream's file by this request. Its texts are the request's. */
struct first_asker upstream_asker(const struct request *req);
