#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/audit.h"
#include "storage/memory/arena.h"

static void write_entry(struct strbuf *out, const struct audit_entry *entry)
{
    write_open(out, NULL, '{');
    write_int(out, "id", entry->id);
    write_time(out, "at", entry->at_us);
    write_text(out, "actor", entry->actor);
    write_text(out, "peer", entry->peer);
    write_text(out, "action", entry->action);
    write_text(out, "target", entry->target);
    write_json(out, "detail", entry->detail);
    write_text(out, "request", entry->request_id);
    write_close(out, '}');
}

static enum status list(struct request *req, struct response *res, int64_t org_id)
{
    struct audit_entry *entries;
    struct page page;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = admin_page(req, true, &page)))
        return rc;
    if ((rc = catalog_list_audit(req->service->catalog, org_id, page.id, page.limit + 1, req->arena,
                                 &entries, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_entry(&out, &entries[i]);
    write_next(&out, count > page.limit
                         ? arena_format(req->arena, "%lld", (long long)entries[page.limit - 1].id)
                         : NULL);
    return admin_respond(req, res, 200, &out);
}

enum status admin_list_audit(struct request *req, struct response *res)
{
    return list(req, res, 0);
}

enum status admin_list_org_audit(struct request *req, struct response *res)
{
    struct org org;
    enum status rc;

    if ((rc = admin_org(req, &org)))
        return rc;
    return list(req, res, org.id);
}
