/* Versions that are taken away, and brought back. */
#include "config/settings.h"
#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/owner.h"
#include "storage/catalog/removal.h"
#include "storage/memory/arena.h"

#include <string.h>

/* "npm:@acme/ui". */
static enum status read_package(struct request *req, const char *package, struct removal *out)
{
    const char *colon = strchr(package, ':');

    for (int i = FORMAT_NPM; colon && i <= FORMAT_ARTIFACT; i++)
        if (!strncmp(package, format_name(i), (size_t)(colon - package)) &&
            strlen(format_name(i)) == (size_t)(colon - package))
            out->format = i;
    if (!out->format || !colon[1])
        return admin_invalid(req, "package", "npm:NAME, pypi:NAME or artifact:NAME, not \"%s\"", package);
    out->name_norm = strchr(admin_package_glob(req, package), ':') + 1;
    return STATUS_OK;
}

static enum status read_removal(struct request *req, const struct json *body,
                                const struct actor *actor, struct removal *out)
{
    const char *package, *subject;
    enum status rc;

    *out = (struct removal){.repository = req->repository,
                            .actor = actor,
                            .trash_us = req->service->settings->trash_days * 86400 * 1000000};
    if ((rc = admin_need_text(req, body, "package", &package)) ||
        (rc = admin_need_text(req, body, "version", &out->version)) ||
        (rc = admin_get_text(req, body, "reason", &out->reason)) ||
        (rc = admin_get_bool(req, body, "now", &out->now)) ||
        (rc = read_package(req, package, out)))
        return rc;
    subject = arena_format(req->arena, "%s:%s", format_name(out->format), out->name_norm);
    if (!access_allows(req->principal, req->repository, subject, PKG_DELETE))
        return gate_forbidden(req, PKG_DELETE, subject);
    return STATUS_OK;
}

static enum status answer(struct request *req, struct response *res, const struct removal *removal)
{
    struct strbuf out;

    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_text(&out, "package",
               arena_format(req->arena, "%s:%s", format_name(removal->format), removal->name_norm));
    write_text(&out, "version", removal->version);
    write_int(&out, "files", removal->files);
    write_int(&out, "bytes", removal->bytes);
    write_time(&out, "restorable_until", removal->restore_us);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

/* What came from an upstream is nothing that this repository has: whoever wants it gone is told what does it. */
static enum status tell_upstream(struct request *req, const struct removal *removal, enum status rc)
{
    const char *format = format_name(removal->format), *name = removal->name_norm;
    struct owner owner;

    if (removal->format == FORMAT_ARTIFACT ||
        catalog_find_owner(req->service->catalog, req->repository->org_id, removal->format, name, req->arena,
                           &owner, NULL) ||
        !owner.upstream)
        return rc;
    return fail(&req->error, rc, "from-upstream",
                "%s:%s comes from the upstream %s, so there is nothing of it to remove here: deny it in the org's"
                " policy, or have no upstream asked for it any more with packhouse owner set %s:%s org",
                format, name, owner.upstream, format, name);
}

static enum status change(struct request *req, struct response *res, const char *const *members,
                          size_t count,
                          enum status (*run)(struct catalog *catalog, struct removal *removal,
                                             struct error *err))
{
    struct actor actor = admin_actor(req);
    struct removal removal;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, count, &body)) || (rc = read_removal(req, body, &actor, &removal)))
        goto done;
    rc = run(req->service->catalog, &removal, &req->error);
    if (rc == STATUS_NOT_FOUND)
        rc = tell_upstream(req, &removal, rc);
    if (!(rc = admin_about(req, "reason", rc)))
        rc = answer(req, res, &removal);
done:
    json_free(body);
    return rc;
}

enum status admin_remove_version(struct request *req, struct response *res)
{
    static const char *const members[] = {"package", "version", "reason", "now"};

    return change(req, res, members, 4, catalog_remove_version);
}

enum status admin_restore_version(struct request *req, struct response *res)
{
    static const char *const members[] = {"package", "version"};

    return change(req, res, members, 2, catalog_restore_version);
}

static void write_removed(struct request *req, struct strbuf *out, const struct removed *removed)
{
    write_open(out, NULL, '{');
    write_text(out, "package",
               arena_format(req->arena, "%s:%s", format_name(removed->format), removed->name));
    write_text(out, "version", removed->version);
    write_text(out, "reason", removed->reason);
    write_text(out, "by", removed->account);
    write_time(out, "removed_at", removed->removed_us);
    write_time(out, "restorable_until", removed->restore_us);
    write_close(out, '}');
}

enum status admin_list_removed(struct request *req, struct response *res)
{
    struct removed *removed;
    struct page page;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = admin_page(req, false, &page)))
        return rc;
    if ((rc = catalog_list_removed(req->service->catalog, req->repository, page.after,
                                   page.limit + 1, req->arena, &removed, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_removed(req, &out, &removed[i]);
    write_next(&out, count > page.limit ? removed_position(&removed[page.limit - 1], req->arena) : NULL);
    return admin_respond(req, res, 200, &out);
}
