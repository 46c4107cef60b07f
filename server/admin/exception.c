/* What was let through in spite of policy. Access spec C4. */
#include "server/admin/exception.h"
#include "server/admin/admin.h"
#include "server/admin/held.h"

#include "config/clock.h"
#include "storage/memory/arena.h"

#include <inttypes.h>
#include <string.h>

void write_exception(struct request *req, struct strbuf *out, const struct exception *exception)
{
    write_int(out, "id", exception->number);
    write_text(out, "covers", exception_pattern(exception, req->arena));
    write_text(out, "scope", exception_scope_name(exception->scope));
    write_words(req, out, "rules", exception->rules);
    write_text(out, "comment", exception->comment);
    write_text(out, "by", exception->by);
    write_bool(out, "alone", exception->is_alone);
    if (exception->request)
        write_int(out, "request", exception->request);
    write_time(out, "created_at", exception->created_us);
    write_time(out, "until", exception->not_after_us);
    write_time(out, "ended_at", exception->ended_us);
    write_text(out, "ended_by", exception->ended_by);
    write_bool(out, "live", exception_is_live(exception, clock_now_us()));
}

enum status admin_list_exceptions(struct request *req, struct response *res)
{
    const char *all = request_query(req, "all");
    struct exception_filter filter = {.with_ended = all && !strcmp(all, "true")};
    struct exception *exceptions;
    struct page page;
    struct strbuf out;
    struct purl purl;
    struct org org;
    bool sees_all;
    size_t count;
    enum status rc;

    if ((rc = admin_policy_org(req, &org, &sees_all)))
        return rc;
    if (!sees_all)
        return gate_forbidden(req, POLICY_READ, org.name);
    if (all && strcmp(all, "true") && strcmp(all, "false"))
        return admin_invalid(req, "all", "\"true\" or \"false\", not \"%.40s\"", all);
    filter.org_id = org.id;
    if ((rc = admin_page(req, true, &page)) || (rc = admin_package_query(req, &purl, &filter.name_fold)))
        return rc;
    filter.format = purl.format;
    if ((rc = catalog_list_exceptions(req->service->catalog, &filter, page.id, page.limit + 1, req->arena,
                                      &exceptions, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++) {
        write_open(&out, NULL, '{');
        write_exception(req, &out, &exceptions[i]);
        write_close(&out, '}');
    }
    write_next(&out, count > page.limit
                         ? arena_format(req->arena, "%" PRId64, exceptions[page.limit - 1].number)
                         : NULL);
    return admin_respond(req, res, 200, &out);
}

enum status admin_end_exception(struct request *req, struct response *res)
{
    static const char *const members[] = {"reason"};
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct exception exception;
    const char *reason = NULL;
    struct json *body;
    struct strbuf out;
    struct org org;
    int64_t id;
    enum status rc;

    if ((rc = admin_body(req, members, 1, &body)) || (rc = admin_get_text(req, body, "reason", &reason)) ||
        (rc = admin_path_id(req, &id)) || (rc = admin_org(req, &org)) ||
        (rc = catalog_end_exception(catalog, &actor, org.id, id, reason, &req->error)) ||
        (rc = catalog_find_exception(catalog, org.id, id, req->arena, &exception, &req->error)))
        goto done;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_exception(req, &out, &exception);
    write_close(&out, '}');
    rc = admin_respond(req, res, 200, &out);
done:
    json_free(body);
    return rc;
}
