/* What became of a package: who asked for it, who let it through, who fetched it under which verdict. */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"
#include "server/admin/held.h"

#include "storage/catalog/fetch_count.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { EACH_MAX = 1000 }; /* requests, exceptions and days of fetches */

struct deed {
    int64_t at_us, times;
    const char *by, *did, *version, *rules, *note;
};

struct history {
    struct request *req;
    int64_t org_id;
    struct purl purl;
    const char *name_fold;
    struct deed *deeds;
    size_t count, capacity;
};

static void add(struct history *history, const struct deed *deed)
{
    if (history->count == history->capacity) {
        size_t capacity = history->capacity ? 2 * history->capacity : 64;
        struct deed *larger = arena_array(history->req->arena, capacity, sizeof *larger);

        if (history->count)
            memcpy(larger, history->deeds, history->count * sizeof *larger);
        history->deeds = larger;
        history->capacity = capacity;
    }
    history->deeds[history->count++] = *deed;
}

static bool is_wanted(const struct history *history, const char *version)
{
    return !history->purl.version || !strcmp(history->purl.version, version);
}

static enum status add_requesters(struct history *history, const struct request_entry *entry)
{
    struct request *req = history->req;
    struct requester *list;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_requesters(req->service->catalog, history->org_id, entry->number, req->arena,
                                      &list, &count, &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++)
        add(history, &(struct deed){list[i].at_us, 1, list[i].account, "asked", entry->version, entry->rules,
                                    list[i].reason});
    return STATUS_OK;
}

static enum status add_requests(struct history *history)
{
    struct request *req = history->req;
    const struct request_filter filter = {
        .org_id = history->org_id, .format = history->purl.format, .name_fold = history->name_fold};
    struct request_entry *list;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_requests(req->service->catalog, &filter, 0, EACH_MAX, req->arena, &list, &count,
                                    &req->error)))
        return rc;
    for (size_t i = 0; i < count && !rc; i++) {
        if (!is_wanted(history, list[i].version))
            continue;
        rc = add_requesters(history, &list[i]);
        if (list[i].decided_us)
            add(history, &(struct deed){list[i].decided_us, 1, list[i].decided_by,
                                        request_state_name(list[i].state), list[i].version, list[i].rules,
                                        list[i].comment});
    }
    return rc;
}

/* Of exceptions only what their requests do not tell: those that were ended. */
static enum status add_endings(struct history *history)
{
    struct request *req = history->req;
    const struct exception_filter filter = {.org_id = history->org_id,
                                            .with_ended = true,
                                            .format = history->purl.format,
                                            .name_fold = history->name_fold};
    struct exception *list;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_exceptions(req->service->catalog, &filter, 0, EACH_MAX, req->arena, &list, &count,
                                      &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++)
        if (list[i].ended_us && (list[i].scope != SCOPE_VERSION || is_wanted(history, list[i].wanted)))
            add(history, &(struct deed){list[i].ended_us, 1, list[i].ended_by, "ended", list[i].wanted,
                                        list[i].rules, list[i].ended_reason});
    return STATUS_OK;
}

static const char *fetch_word(const struct fetch_count *fetch)
{
    if (fetch->verdict == VERDICT_ALLOW)
        return "fetched";
    if (fetch->is_audited)
        return fetch->verdict == VERDICT_HOLD ? "fetched (would_hold)" : "fetched (would_deny)";
    return fetch->verdict == VERDICT_HOLD ? "was held" : "was denied";
}

static enum status add_fetches(struct history *history)
{
    struct request *req = history->req;
    struct fetch_count *list;
    size_t count;
    enum status rc;

    if ((rc = catalog_write_fetches(req->service->catalog, &req->error)) ||
        (rc = catalog_list_fetches(req->service->catalog, history->org_id, history->purl.format,
                                   history->name_fold, history->purl.version, EACH_MAX, req->arena, &list,
                                   &count, &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++)
        add(history, &(struct deed){list[i].last_us, list[i].fetches, list[i].account, fetch_word(&list[i]),
                                    list[i].version, list[i].rules, list[i].repository});
    return STATUS_OK;
}

static int newest_first(const void *a, const void *b)
{
    const struct deed *one = a, *other = b;

    return (one->at_us < other->at_us) - (one->at_us > other->at_us);
}

enum status admin_list_history(struct request *req, struct response *res)
{
    struct history history = {.req = req};
    struct strbuf out;
    struct org org;
    enum status rc;

    if ((rc = admin_org(req, &org)) || (rc = admin_package_query(req, &history.purl, &history.name_fold)))
        return rc;
    if (!history.purl.format)
        return admin_invalid(req, "package", "which one? npm:NAME, or npm:NAME@VERSION");
    history.org_id = org.id;
    if ((rc = add_requests(&history)) || (rc = add_endings(&history)) || (rc = add_fetches(&history)))
        return rc;
    if (history.count)
        qsort(history.deeds, history.count, sizeof *history.deeds, newest_first);
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < history.count; i++) {
        const struct deed *deed = &history.deeds[i];

        write_open(&out, NULL, '{');
        write_time(&out, "at", deed->at_us);
        write_text(&out, "by", deed->by);
        write_text(&out, "did", deed->did);
        write_text(&out, "version", deed->version);
        write_words(req, &out, "rules", deed->rules);
        write_int(&out, "times", deed->times);
        write_text(&out, "note", deed->note);
        write_close(&out, '}');
    }
    write_next(&out, NULL);
    return admin_respond(req, res, 200, &out);
}
