#include "protocols/npm/signature.h"

#include "config/clock.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/base64.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/secret.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { DECODED_MAX = 1024, OBJECTS_MAX = 100 };

const char *npm_signed_words(const char *name, const char *version, const char *integrity,
                             struct arena *arena)
{
    return arena_format(arena, "%s@%s:%s", name, version, integrity);
}

const char *npm_stored_words(const char *name, const struct version *version, struct arena *arena)
{
    struct npm_value dist = npm_value_get(version->document, version->document_length, "dist");
    const char *integrity = npm_value_text(npm_value_get(dist.text, dist.length, "integrity"), arena);

    return integrity ? npm_signed_words(name, version->version, integrity, arena) : NULL;
}

/* Calls visit for each object of an array. */
static void each_object(struct npm_value array,
                        void (*visit)(void *context, struct npm_value object), void *context)
{
    struct json_cursor cursor;
    size_t count = 0;
    bool has = false;

    if (!array.text || *array.text != '[')
        return;
    json_cursor_init_text(&cursor, array.text, array.length, 0);
    if (json_enter(&cursor, TOKEN_ARRAY, NULL))
        return;
    while (!json_has_element(&cursor, &has, NULL) && has && count++ < OBJECTS_MAX) {
        struct npm_value object;

        if (json_skip_value(&cursor, NULL))
            return;
        object = (struct npm_value){array.text + cursor.range.start,
                                    (size_t)(cursor.range.end - cursor.range.start)};
        if (*object.text == '{')
            visit(context, object);
    }
}

static void note_any(void *context, struct npm_value object)
{
    bool *any = context;

    (void)object;
    *any = true;
}

bool npm_is_signed(struct npm_value signatures)
{
    bool any = false;

    each_object(signatures, note_any, &any);
    return any;
}

struct judging {
    const struct npm_signed *what;
    struct npm_value keys;
    struct arena *arena;
    const char *keyid; /* of the signature that is being looked at */
    struct npm_value key;
    bool is_verified;
};

static const char *text_of(const struct judging *judging, struct npm_value object, const char *key)
{
    return npm_value_text(npm_value_get(object.text, object.length, key), judging->arena);
}

static void match_key(void *context, struct npm_value object)
{
    struct judging *judging = context;
    const char *keyid = text_of(judging, object, "keyid");

    if (keyid && !strcmp(keyid, judging->keyid))
        judging->key = object;
}

/* A key that expires later than the version was published was good then. */
static bool had_expired(const struct judging *judging)
{
    const char *expires = text_of(judging, judging->key, "expires");
    int64_t expires_us = expires ? clock_parse_iso(expires) : -1;

    if (!expires)
        return false;
    return expires_us < 0 || !judging->what->published_us ||
           judging->what->published_us >= expires_us;
}

static bool decode(const char *text, struct arena *arena, struct strbuf *out)
{
    strbuf_init(out, arena, DECODED_MAX);
    return text && !base64_decode_text(text, strlen(text), out, NULL) && out->length;
}

static void check_signature(void *context, struct npm_value object)
{
    struct judging *judging = context;
    const struct npm_signed *what = judging->what;
    struct strbuf key, signature;
    const char *message;

    judging->keyid = text_of(judging, object, "keyid");
    judging->key = (struct npm_value){0};
    if (!judging->keyid)
        return;
    each_object(judging->keys, match_key, judging);
    if (!judging->key.text || had_expired(judging) ||
        !decode(text_of(judging, judging->key, "key"), judging->arena, &key) ||
        !decode(text_of(judging, object, "sig"), judging->arena, &signature))
        return;
    message = npm_signed_words(what->name, what->version, what->integrity, judging->arena);
    judging->is_verified |= secret_verify_p256(key.data, key.length, message, strlen(message),
                                               signature.data, signature.length);
}

enum signature npm_signature_judge(const struct npm_signed *what, struct npm_value keys,
                                   struct arena *arena)
{
    struct judging judging = {.what = what, .keys = keys, .arena = arena};

    if (!npm_is_signed(keys))
        return SIGNATURE_UNKNOWN;
    if (!what->integrity || !npm_is_signed(what->signatures))
        return SIGNATURE_MISSING;
    each_object(what->signatures, check_signature, &judging);
    return judging.is_verified ? SIGNATURE_VERIFIED : SIGNATURE_INVALID;
}
