#include "server/admin/admin.h"
#include "server/admin/exchange.h"
#include "server/admin/owner_preview.h"

#include "storage/catalog/owner.h"
#include "storage/memory/arena.h"

#include <string.h>

static void write_owner(struct strbuf *out, const struct owner *owner, const struct request *req)
{
    write_text(out, "package", arena_format(req->arena, "%s:%s", format_name(owner->format), owner->name_fold));
    write_text(out, "owner", owner->upstream ? owner->upstream : "org");
    write_text(out, "claim", owner->claim);
    write_time(out, "since", owner->since_us);
}

enum status admin_get_owner(struct request *req, struct response *res)
{
    const char *name;
    enum format format;
    struct owner owner;
    struct strbuf out;
    struct org org;
    enum status rc;

    if ((rc = admin_org(req, &org)) ||
        (rc = admin_package(req, "package", request_query(req, "package"), &format, &name)) ||
        (rc = catalog_find_owner(req->service->catalog, org.id, format, name, req->arena, &owner,
                                 &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_owner(&out, &owner, req);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

/* What is asked for: the name, and whose it shall be. */
struct owner_wish {
    struct org org;
    enum format format;
    const char *name, *owner, *reason;
    struct upstream upstream;
    const struct upstream *to; /* NULL: the org */
    bool confirm;
};

static enum status read_wish(struct request *req, const struct json *body, struct owner_wish *out)
{
    const char *package;
    enum status rc;

    if ((rc = admin_org(req, &out->org)) || (rc = admin_need_text(req, body, "package", &package)) ||
        (rc = admin_package(req, "package", package, &out->format, &out->name)) ||
        (rc = admin_need_text(req, body, "owner", &out->owner)) ||
        (rc = admin_need_text(req, body, "reason", &out->reason)) ||
        (rc = admin_get_bool(req, body, "confirm", &out->confirm)))
        return rc;
    if (!strcmp(out->owner, "org"))
        return STATUS_OK;
    out->to = &out->upstream;
    return catalog_find_upstream(req->service->catalog, out->org.id, out->owner, req->arena,
                                 &out->upstream, &req->error);
}

static void write_versions(struct strbuf *out, const char *name, const struct version_list *list)
{
    write_open(out, name, '[');
    for (size_t i = 0; i < list->count; i++)
        write_text(out, NULL, list->versions[i]);
    write_close(out, ']');
}

static enum status respond_wish(struct request *req, struct response *res,
                                const struct owner_wish *wish, const struct owner_preview *preview)
{
    struct strbuf out;

    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_text(&out, "package", arena_format(req->arena, "%s:%s", format_name(wish->format), wish->name));
    write_text(&out, "owner", wish->owner);
    write_bool(&out, "done", wish->confirm);
    write_versions(&out, "versions_no_longer_seen", &preview->gone);
    write_versions(&out, "versions_seen_instead", &preview->seen);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

/* Without "confirm" nothing changes, and the answer tells what would. */
enum status admin_set_owner(struct request *req, struct response *res)
{
    static const char *const members[] = {"package", "owner", "reason", "confirm"};
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct owner_wish wish = {0};
    struct owner_preview preview;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 4, &body)) || (rc = read_wish(req, body, &wish)))
        goto done;
    if ((rc = owner_preview_read(req, wish.org.id, wish.format, wish.name, wish.to, &preview)))
        goto done;
    if (wish.confirm && (rc = catalog_set_owner(catalog, &actor, wish.org.id, wish.format, wish.name,
                                                wish.to, wish.reason, &req->error)))
        goto done;
    rc = respond_wish(req, res, &wish, &preview);
done:
    json_free(body);
    return rc;
}
