#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/signing_key.h"

#include <string.h>

static const char *state_of(const struct signing_key *key)
{
    return key->retired_us ? "retired" : "current";
}

static void write_key(struct strbuf *out, const struct request *req, const struct signing_key *key)
{
    struct strbuf public_key;

    strbuf_init(&public_key, req->arena, 2 * SECRET_PUBLIC_SIZE);
    strbuf_base64(&public_key, key->public_key, sizeof key->public_key);
    write_open(out, NULL, '{');
    write_text(out, "keyid", key->keyid);
    write_text(out, "state", state_of(key));
    write_text(out, "key", public_key.data);
    write_time(out, "created_at", key->created_us);
    write_time(out, "expires_at", key->retired_us);
    write_text(out, "because", key->because);
    write_close(out, '}');
}

static enum status respond_keys(struct request *req, struct response *res, int code)
{
    struct signing_key *keys;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_signing_keys(req->service->catalog, req->arena, &keys, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count; i++)
        write_key(&out, req, &keys[i]);
    write_next(&out, NULL);
    return admin_respond(req, res, code, &out);
}

/* They are public. */
enum status admin_list_signing_keys(struct request *req, struct response *res)
{
    return respond_keys(req, res, 200);
}

enum status admin_rotate_signing_key(struct request *req, struct response *res)
{
    struct actor actor = admin_actor(req);
    enum status rc;

    if ((rc = catalog_rotate_signing_key(req->service->catalog, &actor, &req->error)))
        return rc;
    return respond_keys(req, res, 201);
}
