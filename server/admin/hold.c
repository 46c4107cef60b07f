/* What policy holds back. */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"
#include "server/admin/held.h"

#include "storage/catalog/hold.h"
#include "storage/memory/arena.h"

#include <string.h>

static void write_hold(struct request *req, struct strbuf *out, const struct hold *hold)
{
    write_open(out, NULL, '{');
    write_package(req, out, hold->format, hold->name, hold->version);
    write_text(out, "repository", hold->repository);
    write_text(out, "verdict", verdict_word(hold->verdict));
    write_words(req, out, "rules", hold->rules);
    write_time(out, "until", hold->until_us == INT64_MAX ? 0 : hold->until_us);
    write_time(out, "first_at", hold->first_us);
    write_time(out, "last_at", hold->last_us);
    write_close(out, '}');
}

static enum status read_filter(struct request *req, const struct org *org, struct hold_filter *out)
{
    const char *repository = request_query(req, "repo"), *verdict = request_query(req, "verdict");
    struct repository found;
    struct purl purl;
    enum status rc;

    *out = (struct hold_filter){.org_id = org->id};
    if ((rc = admin_package_query(req, &purl, &out->name_fold)))
        return rc;
    out->format = purl.format;
    if (verdict && !strcmp(verdict, verdict_word(VERDICT_HOLD)))
        out->verdict = VERDICT_HOLD;
    else if (verdict && !strcmp(verdict, verdict_word(VERDICT_DENY)))
        out->verdict = VERDICT_DENY;
    else if (verdict)
        return admin_invalid(req, "verdict", "\"hold\" or \"deny\", not \"%.40s\"", verdict);
    if (!repository)
        return STATUS_OK;
    if ((rc = admin_find_visible(req, arena_format(req->arena, "%s/%s", org->name, repository), &found)))
        return rc;
    out->repository_id = found.id;
    return STATUS_OK;
}

enum status admin_list_holds(struct request *req, struct response *res)
{
    struct hold_filter filter;
    struct hold *holds;
    struct page page;
    struct strbuf out;
    struct org org;
    bool sees_all;
    size_t count;
    enum status rc;

    if ((rc = admin_policy_org(req, &org, &sees_all)) || (rc = admin_page(req, false, &page)) ||
        (rc = read_filter(req, &org, &filter)) ||
        (rc = catalog_write_holds(req->service->catalog, &req->error)) ||
        (rc = catalog_list_holds(req->service->catalog, &filter, page.after, page.limit + 1, req->arena,
                                 &holds, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        if (sees_all ||
            admin_sees_package(req, org.name, holds[i].repository, holds[i].format, holds[i].name))
            write_hold(req, &out, &holds[i]);
    write_next(&out, count > page.limit ? hold_position(&holds[page.limit - 1], req->arena) : NULL);
    return admin_respond(req, res, 200, &out);
}
