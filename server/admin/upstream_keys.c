#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "protocols/http/upstream_keys.h"
#include "server/routes.h"
#include "storage/catalog/upstream_keys.h"
#include "storage/memory/arena.h"

#include <string.h>

static const char *hex_of(struct request *req, const uint8_t sha256[SHA256_SIZE])
{
    char hex[2 * SHA256_SIZE + 1];

    digest_hex(sha256, SHA256_SIZE, hex);
    return arena_copy(req->arena, hex);
}

static enum status compare(struct request *req, struct upstream *upstream, struct upstream_keys *out)
{
    struct org org;
    enum status rc;

    if ((rc = admin_org(req, &org)) ||
        (rc = catalog_find_upstream(req->service->catalog, org.id, request_param(req, "upstream"), req->arena,
                                    upstream, &req->error)))
        return rc;
    for (size_t i = 0; upstream_keys_formats[i]; i++)
        if (upstream_keys_formats[i]->format == upstream->format)
            return upstream_keys_formats[i]->compare(req, upstream, out);
    return fail(&req->error, STATUS_INVALID, "no-keys", "a %s upstream has no signing keys",
                format_name(upstream->format));
}

static enum status respond_keys(struct request *req, struct response *res, const struct upstream *upstream,
                                const struct upstream_keys *keys, bool is_accepted, int64_t forgotten)
{
    struct strbuf out;

    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_text(&out, "upstream", upstream->name);
    write_json(&out, "pinned", is_accepted ? keys->said : keys->pinned);
    write_json(&out, "said", keys->said);
    write_text(&out, "said_sha256", keys->said ? hex_of(req, keys->said_sha256) : NULL);
    write_text(&out, "trouble", keys->said ? NULL : keys->trouble.message);
    write_json(&out, "added", keys->added);
    write_json(&out, "expiry_changed", keys->expiry_changed);
    write_json(&out, "replaced", keys->replaced);
    write_json(&out, "gone", keys->gone);
    write_bool(&out, "accepted", is_accepted);
    write_int(&out, "judged_again", forgotten);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

enum status admin_get_upstream_keys(struct request *req, struct response *res)
{
    struct upstream upstream;
    struct upstream_keys keys;
    enum status rc;

    if ((rc = compare(req, &upstream, &keys)))
        return rc;
    return respond_keys(req, res, &upstream, &keys, false, 0);
}

/* Only what the administrator has looked at is taken. */
static enum status check_said(struct request *req, const struct upstream *upstream,
                              const struct upstream_keys *keys, const char *seen)
{
    if (!keys->said) {
        req->error = keys->trouble;
        return keys->trouble.status;
    }
    if (!keys->said_count)
        return fail(&req->error, STATUS_CONFLICT, "no-keys",
                    "%s says that it has no keys: there is nothing to accept", upstream->name);
    if (strcmp(seen, hex_of(req, keys->said_sha256)))
        return fail(&req->error, STATUS_CONFLICT, "keys-changed",
                    "%s says other keys by now than those that you saw: look at them again", upstream->name);
    return STATUS_OK;
}

enum status admin_accept_upstream_keys(struct request *req, struct response *res)
{
    static const char *const members[] = {"said_sha256", "reason"};
    struct kept_answer answer = {.path = UPSTREAM_KEYS_PATH, .action = "upstream.keys-accepted"};
    struct actor actor = admin_actor(req);
    const char *seen, *reason;
    struct upstream upstream;
    struct upstream_keys keys;
    struct strbuf detail;
    int64_t forgotten;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 2, &body)) || (rc = admin_need_text(req, body, "said_sha256", &seen)) ||
        (rc = admin_need_text(req, body, "reason", &reason)) || (rc = compare(req, &upstream, &keys)) ||
        (rc = check_said(req, &upstream, &keys, seen)))
        goto done;
    strbuf_init(&detail, req->arena, UPSTREAM_ANSWER_MAX);
    strbuf_text(&detail, "{\"reason\":");
    strbuf_json(&detail, reason);
    strbuf_format(&detail, ",\"added\":%s,\"expiry_changed\":%s,\"replaced\":%s,\"gone\":%s}", keys.added,
                  keys.expiry_changed, keys.replaced, keys.gone);
    answer.body = arena_format(req->arena, "{\"keys\":%s}", keys.said);
    answer.length = strlen(answer.body);
    answer.said_sha256 = keys.said_sha256;
    answer.detail = detail.data;
    if ((rc = catalog_accept_upstream_keys(req->service->catalog, &actor, &upstream, &answer, &forgotten,
                                           &req->error)))
        goto done;
    rc = respond_keys(req, res, &upstream, &keys, true, forgotten);
done:
    json_free(body);
    return rc;
}
