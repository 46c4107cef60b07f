#include "protocols/http/package_document.h"

#include "config/clock.h"
#include "config/log.h"
#include "protocols/http/response.h"
#include "protocols/http/verdicts.h"
#include "storage/catalog/access.h"
#include "storage/catalog/ingest.h"
#include "storage/mirror/mirror.h"

enum { OWNER_TRIES = 3 }; /* whoever loses the race for a name looks again who owns it */

/* One render, and what it found. */
struct making {
    const struct package_rendering *how;
    bool is_made; /* by this thread, not by another one that was faster */
    enum home_kind kind;
    uint64_t place;
    bool is_stale;
    int64_t fresh_until_us;
    struct mirror_tally *tally;
};

/* The first of the upstreams that has it. STATUS_NOT_FOUND where none has. */
static enum status ask_upstreams(struct request *req, const char *name, const char *name_norm,
                                 struct home *home, const struct mirror_document **document,
                                 struct error *err)
{
    enum status rc = STATUS_NOT_FOUND;

    if (!req->service->mirror)
        return fail(err, STATUS_UPSTREAM_AWAY, "", "no upstream is asked here");
    for (size_t i = 0; i < home->upstream_count && rc == STATUS_NOT_FOUND; i++) {
        rc = mirror_get_document(req->service->mirror, &home->upstreams[i], name, name_norm, document,
                                 err);
        if (!rc) {
            home->kind = HOME_UPSTREAM;
            home->upstreams += i;
            home->upstream_count = 1;
        }
    }
    if (rc == STATUS_NOT_FOUND && home->kind == HOME_UNOWNED)
        home->kind = HOME_ABSENT;
    return rc;
}

static enum status find(struct request *req, enum format format, const char *name,
                        const char *name_norm, struct home *home,
                        const struct mirror_document **document, struct error *err)
{
    enum status rc = STATUS_CONFLICT;

    for (int tries = 0; tries < OWNER_TRIES && rc == STATUS_CONFLICT; tries++) {
        *document = NULL;
        if ((rc = catalog_find_home(req->service->catalog, req->repository, format, name_norm,
                                    req->arena, home, err)))
            return rc;
        if (home->kind == HOME_LOCAL)
            return STATUS_OK;
        if (home->kind == HOME_ABSENT || home->kind == HOME_CLAIMED)
            return fail(err, STATUS_NOT_FOUND, "", "there is no such package: %.200s", name);
        rc = ask_upstreams(req, name, name_norm, home, document, err);
    }
    return rc;
}

enum status package_document_home(struct request *req, enum format format, const char *name,
                                  const char *name_norm, struct home *home,
                                  const struct mirror_document **document)
{
    return find(req, format, name, name_norm, home, document, &req->error);
}

/* Where a package lives, as far as its documents depend on it. */
static uint64_t place_of(const struct home *home, uint64_t generation)
{
    int64_t id = home->kind == HOME_UPSTREAM ? home->upstreams->id : home->repository.id;

    return (generation * 31 + (uint64_t)id) * 31 + home->kind;
}

/* Never 0, which is not known. */
static uint64_t outcome_at(uint64_t place, const struct verdict_effect *effect)
{
    return (place * UINT64_C(0x9e3779b97f4a7c15) ^ effect->outcome) | 1;
}

static uint64_t places(const struct request *req)
{
    return catalog_place_generation(req->service->catalog, req->repository->org_id);
}

static enum status make(void *context, struct strbuf *out, int64_t *modified_us, struct error *err)
{
    struct making *making = context;
    const struct package_rendering *how = making->how;
    const struct mirror_document *document = NULL;
    struct home home = {0};
    uint64_t generation = places(how->req);
    enum status rc =
        find(how->req, how->format, how->name, how->name_norm, &home, &document, err);

    making->is_made = true;
    making->kind = home.kind;
    *how->effect = (struct verdict_effect){0};
    if (rc)
        return rc;
    making->place = place_of(&home, generation);
    if (!document)
        return how->local(how->context, &home.repository, out, modified_us, err);
    making->fresh_until_us = document->fresh_until_us;
    making->is_stale = document->is_stale;
    making->tally = mirror_tally(how->req->service->mirror, home.upstreams);
    rc = how->upstream(how->context, home.upstreams, document, out, modified_us, err);
    mirror_release_document(document);
    return rc;
}

/* RFC 7234 5.5: 110 while it is being refreshed, 111 where that failed. */
static void warn_of_age(struct request *req, struct response *res, bool has_failed)
{
    response_header(req, res, "Warning",
                    has_failed ? "111 packhouse \"Revalidation Failed\"" :
                                 "110 packhouse \"Response is Stale\"");
}

/* Of a document that is kept rendered; what is rendered now, the mirror counts. */
static void count_hit(const struct document *document)
{
    struct mirror_tally *tally = document->tally;

    if (tally)
        mirror_tally_hit(tally, (int64_t)(document->gzip ? document->gzip_length : document->plain_length));
}

/* Looks after a document whose time is over. False: it may not be served any more. */
static bool renew(const struct package_rendering *how, struct response *res,
                  const struct document *document)
{
    struct request *req = how->req;
    const struct mirror_document *now = NULL;
    struct home home;
    int64_t until_us;

    if (catalog_find_home(req->service->catalog, req->repository, how->format, how->name_norm,
                          req->arena, &home, NULL) ||
        home.kind != HOME_UPSTREAM)
        return false;
    until_us = mirror_refresh(req->service->mirror, home.upstreams, how->name, how->name_norm);
    if (until_us < 0)
        return false;
    if (until_us > 0) {
        document_set_fresh(document, until_us);
        count_hit(document);
        return true;
    }
    if (!mirror_get_document(req->service->mirror, home.upstreams, how->name, how->name_norm, &now,
                             NULL)) {
        warn_of_age(req, res, now->is_stale);
        mirror_release_document(now);
    }
    return true;
}

/* Whether the document that was made under another policy is what would be made now: the facts are at
 * hand, and most of what a policy says of most packages is what the one before it said. */
static bool still_holds(const struct package_rendering *how, const struct document_key *key)
{
    struct request *req = how->req;
    const struct document *old = document_cache_old(req->service->documents, key);
    uint64_t generation = places(req);
    struct verdict_subject subject;
    struct package_verdicts verdicts;
    struct home home;
    bool holds = false;

    if (!old)
        return false;
    if (old->outcome && !document_has_ended(old) &&
        !catalog_find_home(req->service->catalog, req->repository, how->format, how->name_norm,
                           req->arena, &home, NULL) &&
        (home.kind == HOME_UPSTREAM || home.kind == HOME_LOCAL)) {
        subject = verdict_subject_at(how->verdicts, &home, how->name);
        holds = !package_verdicts_get(req, &subject, NULL, &verdicts, NULL) &&
                outcome_at(place_of(&home, generation), &verdicts.effect) == old->outcome;
    }
    if (holds) {
        document_set_end(old, verdicts.effect.ends_us);
        holds = document_cache_renew(req->service->documents, key, old);
    }
    document_release(old);
    return holds;
}

static bool is_over(const struct document *document)
{
    return document->fresh_until_us && clock_now_us() > document->fresh_until_us;
}

enum status package_document_get(const struct package_rendering *how, struct response *res,
                                 const struct document **out, enum home_kind *home)
{
    struct request *req = how->req;
    struct document_cache *cache = req->service->documents;
    struct document_key key = {
        .repository_id = req->repository->id,
        .kind = how->kind,
        .name = how->name_norm,
        .generation = catalog_home_generation(req->service->catalog, req->repository->org_id),
    };
    const struct mirror_document *fetched = NULL;
    struct making making = {.how = how};
    struct home found = {0};
    enum status rc = STATUS_OK;

    /* What is fetched while it is rendered changes the package, and the render would be for nothing. */
    if (!document_cache_has(cache, &key) && !still_holds(how, &key) &&
        (rc = find(req, how->format, how->name, how->name_norm, &found, &fetched, &req->error))) {
        *home = found.kind;
        return rc;
    }
    rc = document_cache_get(cache, &key, make, &making, out, &req->error);
    if (fetched)
        mirror_release_document(fetched);
    if (!rc && !making.is_made && !document_has_ended(*out) && !is_over(*out)) {
        count_hit(*out);
    } else if (!rc && !making.is_made && (document_has_ended(*out) || !renew(how, res, *out))) {
        document_cache_drop(cache, &key, *out);
        document_release(*out);
        rc = document_cache_get(cache, &key, make, &making, out, &req->error);
    }
    if (!rc && making.is_made && making.fresh_until_us) {
        document_set_fresh(*out, making.fresh_until_us);
        document_set_tally(*out, making.tally);
    }
    if (!rc && making.is_made) {
        document_set_outcome(*out, outcome_at(making.place, how->effect));
        document_set_end(*out, how->effect->ends_us);
    }
    if (!rc && making.is_stale)
        warn_of_age(req, res, true);
    if (rc == STATUS_NOT_FOUND && !making.is_made &&
        !catalog_find_home(req->service->catalog, req->repository, how->format, how->name_norm,
                           req->arena, &found, NULL))
        making.kind = found.kind;
    *home = making.kind;
    return rc;
}

void upstream_tell_changes(struct request *req, const struct upstream *upstream, const char *name,
                           const char *name_fold, const struct listing_change *changes, size_t count)
{
    struct error err;

    if (!count)
        return;
    for (size_t i = 0; i < count; i++)
        log_event(LOG_WARN, "upstream.bytes-changed", "upstream=%s package=%s file=%s pinned=%s listed=%s",
                  upstream->name, name, changes[i].file, changes[i].expected, changes[i].listed);
    if (catalog_report_listing(req->service->catalog, upstream, name, name_fold, changes, count, &err))
        log_event(LOG_ERROR, "upstream.report-failed", "upstream=%s package=%s reason=\"%s\"", upstream->name,
                  name, err.message);
}

struct first_asker upstream_asker(const struct request *req)
{
    return (struct first_asker){
        .name = req->principal ? req->principal->name : NULL,
        .peer = req->peer,
        .request_id = req->id,
        .token_id = req->principal ? req->principal->token_id : 0,
        .org = req->repository->org,
        .repository = req->repository->name,
    };
}
