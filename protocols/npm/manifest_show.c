#include "protocols/npm/manifest.h"
#include "protocols/npm/member.h"
#include "storage/memory/strbuf.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* An object being written. */
struct showing {
    const struct npm_view *view;
    struct strbuf *out;
    bool has_members;
    bool has_install_script, has_bundle; /* written already */
    struct npm_value scripts, bundled;
};

static void put_key(struct showing *showing, const char *key)
{
    strbuf_char(showing->out, showing->has_members ? ',' : '{');
    strbuf_json(showing->out, key);
    strbuf_char(showing->out, ':');
    showing->has_members = true;
}

static void put(struct showing *showing, const char *key, struct npm_value value)
{
    put_key(showing, key);
    strbuf_bytes(showing->out, value.text, value.length);
}

static void put_text(struct showing *showing, const char *key, const char *text)
{
    put_key(showing, key);
    strbuf_json(showing->out, text);
}

static bool is_object(struct npm_value value)
{
    return value.text && *value.text == '{';
}

static void end_object(struct showing *showing)
{
    strbuf_text(showing->out, showing->has_members ? "}" : "{}");
}

static enum status show_attestation(void *context, const char *key, struct npm_value value,
                                    struct error *err)
{
    struct showing *showing = context;

    (void)err;
    if (!strcmp(key, "url"))
        put_text(showing, key, showing->view->attestations_url);
    else
        put(showing, key, value);
    return STATUS_OK;
}

static enum status show_dist_member(void *context, const char *key, struct npm_value value,
                                    struct error *err)
{
    struct showing *showing = context;
    const struct npm_view *view = showing->view;
    struct showing inner = {.view = view, .out = showing->out};
    enum status rc;

    if (!strcmp(key, "tarball") || !strcmp(key, "npm-signature"))
        return STATUS_OK;
    if (view->integrity && (!strcmp(key, "integrity") || !strcmp(key, "shasum")))
        return STATUS_OK;
    if (strcmp(key, "attestations") || !view->attestations_url || !is_object(value)) {
        put(showing, key, value);
        return STATUS_OK;
    }
    put_key(showing, key);
    if ((rc = npm_each_last_known_member(value.text, value.length, show_attestation, &inner, err)))
        return rc;
    end_object(&inner);
    return STATUS_OK;
}

static void put_signatures(struct showing *inner)
{
    const struct npm_view *view = inner->view;

    put_key(inner, "signatures");
    strbuf_text(inner->out, "[{\"keyid\":");
    strbuf_json(inner->out, view->keyid);
    strbuf_text(inner->out, ",\"sig\":\"");
    strbuf_base64(inner->out, view->signature, view->signature_length);
    strbuf_text(inner->out, "\"}]");
}

static enum status show_dist(struct showing *showing, struct npm_value dist, struct error *err)
{
    const struct npm_view *view = showing->view;
    struct showing inner = {.view = view, .out = showing->out};
    enum status rc;

    put_key(showing, "dist");
    put_text(&inner, "tarball", view->tarball_url);
    if (view->integrity) {
        put_text(&inner, "integrity", view->integrity);
        if (view->shasum)
            put_text(&inner, "shasum", view->shasum);
    }
    if ((rc = npm_each_last_known_member(dist.text, dist.length, show_dist_member, &inner, err)))
        return rc;
    if (view->keyid)
        put_signatures(&inner);
    end_object(&inner);
    return STATUS_OK;
}

/* 5.2: of the publisher, only what tells how a version came to be trusted. */
static enum status show_trust(void *context, const char *key, struct npm_value value,
                              struct error *err)
{
    static const char *const kept[] = {"name", "trustedPublisher", "approver"};

    (void)err;
    for (size_t i = 0; i < COUNT(kept); i++)
        if (!strcmp(key, kept[i]))
            put(context, key, value);
    return STATUS_OK;
}

static enum status show_publisher(struct showing *showing, struct npm_value user, struct error *err)
{
    struct showing inner = {.view = showing->view, .out = showing->out};
    enum status rc;

    if (!is_object(user))
        return STATUS_OK;
    put_key(showing, "_npmUser");
    if ((rc = npm_each_last_known_member(user.text, user.length, show_trust, &inner, err)))
        return rc;
    end_object(&inner);
    return STATUS_OK;
}

/* The short form says less, and says in one way what the long one may say in two. */
static enum status show_abbreviated(struct showing *showing, const char *key,
                                    struct npm_value value, struct error *err)
{
    if (!strcmp(key, "scripts")) {
        showing->scripts = value;
        return STATUS_OK;
    }
    if (!strcmp(key, "bundledDependencies")) {
        showing->bundled = value;
        return STATUS_OK;
    }
    if (!npm_member_rule(key)->is_abbreviated)
        return STATUS_OK;
    if (!strcmp(key, "_npmUser"))
        return show_publisher(showing, value, err);
    if (!strcmp(key, "hasInstallScript")) {
        if (!npm_value_is(value, "true"))
            return STATUS_OK;
        showing->has_install_script = true;
    }
    if (!strcmp(key, "bundleDependencies"))
        showing->has_bundle = true;
    put(showing, key, value);
    return STATUS_OK;
}

static enum status show_member(void *context, const char *key, struct npm_value value,
                               struct error *err)
{
    struct showing *showing = context;

    if (!strcmp(key, "readme") || !strcmp(key, "_attachments") || !strcmp(key, "_rev"))
        return STATUS_OK;
    if (!strcmp(key, "dist"))
        return show_dist(showing, value, err);
    if (!strcmp(key, "version") && showing->view->version) {
        put_text(showing, key, showing->view->version);
        return STATUS_OK;
    }
    if (showing->view->form == NPM_ABBREVIATED)
        return show_abbreviated(showing, key, value, err);
    put(showing, key, value);
    return STATUS_OK;
}

bool npm_scripts_install(struct npm_value scripts)
{
    static const char *const hooks[] = {"preinstall", "install", "postinstall"};

    for (size_t i = 0; is_object(scripts) && i < COUNT(hooks); i++) {
        struct npm_value hook = npm_value_get(scripts.text, scripts.length, hooks[i]);

        if (hook.text && *hook.text == '"' && hook.length > 2)
            return true;
    }
    return false;
}

enum status npm_manifest_show(const char *document, size_t length, const struct npm_view *view,
                              struct strbuf *out, struct error *err)
{
    struct showing showing = {.view = view, .out = out};
    enum status rc;

    if ((rc = npm_each_last_known_member(document, length, show_member, &showing, err)))
        return rc;
    if (!showing.has_bundle && showing.bundled.text)
        put(&showing, "bundleDependencies", showing.bundled);
    if (!showing.has_install_script && npm_scripts_install(showing.scripts)) {
        put_key(&showing, "hasInstallScript");
        strbuf_text(out, "true");
    }
    end_object(&showing);
    return STATUS_OK;
}

static enum status hoist_member(void *context, const char *key, struct npm_value value,
                                struct error *err)
{
    (void)err;
    if (npm_member_rule(key)->is_hoisted)
        put(context, key, value);
    return STATUS_OK;
}

enum status npm_manifest_hoist(const char *document, size_t length, struct strbuf *out,
                               struct error *err)
{
    struct showing showing = {.out = out, .has_members = true};

    return npm_each_last_known_member(document, length, hoist_member, &showing, err);
}
