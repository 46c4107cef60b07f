#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/owner.h"
#include "storage/memory/arena.h"

enum status admin_list_claims(struct request *req, struct response *res)
{
    struct claim *claims;
    struct strbuf out;
    struct org org;
    size_t count;
    enum status rc;

    if ((rc = admin_org(req, &org)) ||
        (rc = catalog_list_claims(req->service->catalog, org.id, req->arena, &claims, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count; i++) {
        write_open(&out, NULL, '{');
        write_text(&out, "pattern", claims[i].pattern);
        write_text(&out, "format", claims[i].format ? format_name(claims[i].format) : NULL);
        write_time(&out, "created_at", claims[i].created_us);
        write_close(&out, '}');
    }
    write_next(&out, NULL);
    return admin_respond(req, res, 200, &out);
}

/* A word that is no format is a mistake; none means every format. */
static enum status read_format(struct request *req, const char *word, enum format *out)
{
    *out = word ? admin_format(word) : 0;
    return word && !*out ? admin_invalid(req, "format", "\"npm\" or \"pypi\", not \"%s\"", word)
                         : STATUS_OK;
}

enum status admin_add_claim(struct request *req, struct response *res)
{
    static const char *const members[] = {"pattern", "format", "take"};
    struct actor actor = admin_actor(req);
    const char *pattern, *word = NULL;
    struct owner *owned;
    enum format format;
    struct strbuf out;
    struct json *body;
    bool take = false;
    size_t count;
    struct org org;
    enum status rc;

    if ((rc = admin_body(req, members, 3, &body)) || (rc = admin_org(req, &org)) ||
        (rc = admin_need_text(req, body, "pattern", &pattern)) ||
        (rc = admin_get_text(req, body, "format", &word)) ||
        (rc = admin_get_bool(req, body, "take", &take)) || (rc = read_format(req, word, &format)))
        goto done;
    rc = catalog_add_claim(req->service->catalog, &actor, org.id, format, pattern, take, req->arena,
                           &owned, &count, &req->error);
    if ((rc = admin_about(req, "pattern", rc)))
        goto done;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_text(&out, "pattern", pattern);
    write_text(&out, "format", word);
    write_open(&out, "taken", '[');
    for (size_t i = 0; i < count; i++)
        write_text(&out, NULL, arena_format(req->arena, "%s:%s", format_name(owned[i].format), owned[i].name_fold));
    write_close(&out, ']');
    write_close(&out, '}');
    rc = admin_respond(req, res, 201, &out);
done:
    json_free(body);
    return rc;
}

enum status admin_remove_claim(struct request *req, struct response *res)
{
    const char *pattern = request_query(req, "pattern");
    struct actor actor = admin_actor(req);
    enum format format;
    struct org org;
    enum status rc;

    if ((rc = admin_org(req, &org)) || (rc = read_format(req, request_query(req, "format"), &format)))
        return rc;
    if (!pattern)
        return admin_invalid(req, "pattern", "which claim?");
    if ((rc = catalog_remove_claim(req->service->catalog, &actor, org.id, format, pattern, &req->error)))
        return rc;
    return respond_empty(req, res, 204);
}
