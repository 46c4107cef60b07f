#include "protocols/npm/publish_body.h"

#include "protocols/npm/manifest.h"
#include "protocols/npm/name.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/memory/base64.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { BUFFER_SIZE = 64 << 10, KEY_MAX = 1024, TEXT_MAX = 1024, DECODED_SIZE = 6 << 10 };

struct body_reading {
    struct catalog *catalog;
    struct arena *arena;
    struct json_cursor cursor;
    struct strbuf key;
    struct npm_body *body;
    int64_t size;
    bool has_versions, has_tags;
};

static enum status twice(const char *what, struct error *err)
{
    return fail(err, STATUS_INVALID, "duplicate-key", "The body has \"%.200s\" twice", what);
}

/* A string into the arena; null is none. */
static enum status take_text(struct body_reading *reading, const char *key, const char **out,
                             struct error *err)
{
    enum token_kind kind;
    struct strbuf text;
    enum status rc;

    if (*out)
        return twice(key, err);
    if ((rc = json_peek(&reading->cursor, &kind, err)))
        return rc;
    if (kind == TOKEN_NULL)
        return json_skip_value(&reading->cursor, err);
    strbuf_init(&text, reading->arena, TEXT_MAX);
    rc = json_take_string(&reading->cursor, &text, err);
    *out = text.data;
    return rc;
}

/* A value as it came, into the arena. */
static enum status copy_value(struct body_reading *reading, const char **out, size_t *length,
                              struct error *err)
{
    struct strbuf text;
    enum status rc;

    strbuf_init(&text, reading->arena, NPM_MANIFEST_MAX);
    if ((rc = json_copy_value(&reading->cursor, &text, err)))
        return strbuf_failed(&text)
                   ? fail(err, rc, "manifest-too-large",
                          "A manifest or README is larger than %d bytes", NPM_MANIFEST_MAX)
                   : rc;
    *out = text.data;
    *length = text.length;
    return STATUS_OK;
}

static enum status take_readme(struct body_reading *reading, struct error *err)
{
    enum token_kind kind;
    size_t length;
    enum status rc;

    if ((rc = json_peek(&reading->cursor, &kind, err)))
        return rc;
    if (kind != TOKEN_STRING)
        return json_skip_value(&reading->cursor, err);
    return copy_value(reading, &reading->body->readme, &length, err);
}

static enum status take_versions(struct body_reading *reading, struct error *err)
{
    struct npm_body *body = reading->body;
    enum status rc;

    if (reading->has_versions)
        return twice("versions", err);
    reading->has_versions = true;
    rc = json_enter(&reading->cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&reading->cursor, &reading->key, err)) &&
           reading->cursor.kind == TOKEN_KEY) {
        if (body->version)
            return fail(err, STATUS_INVALID, "too-many-versions",
                        "A publish brings exactly one version, and this one has more");
        body->version = arena_copy(reading->arena, reading->key.data);
        rc = copy_value(reading, &body->manifest, &body->manifest_length, err);
    }
    return rc;
}

static enum status take_tags(struct body_reading *reading, struct error *err)
{
    struct npm_body *body = reading->body;
    enum status rc;

    if (reading->has_tags)
        return twice("dist-tags", err);
    reading->has_tags = true;
    body->tags = arena_array(reading->arena, NPM_BODY_TAGS_MAX, sizeof *body->tags);
    rc = json_enter(&reading->cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&reading->cursor, &reading->key, err)) &&
           reading->cursor.kind == TOKEN_KEY) {
        struct npm_body_tag *tag = &body->tags[body->tag_count];

        if (body->tag_count == NPM_BODY_TAGS_MAX)
            return fail(err, STATUS_INVALID, "too-many-tags", "A publish sets at most %d tags",
                        NPM_BODY_TAGS_MAX);
        *tag = (struct npm_body_tag){arena_copy(reading->arena, reading->key.data), NULL};
        if (!(rc = take_text(reading, tag->tag, &tag->version, err)) && tag->version)
            body->tag_count++;
    }
    return rc;
}

struct decoding {
    struct base64_decoder decoder;
    struct stage *stage;
};

static enum status decode_piece(void *context, const char *text, size_t length, struct error *err)
{
    struct decoding *decoding = context;
    unsigned char bytes[DECODED_SIZE];

    while (length) {
        size_t piece = length < DECODED_SIZE ? length : DECODED_SIZE, count;
        enum status rc;

        if ((rc = base64_decode(&decoding->decoder, text, piece, bytes, &count, err)) ||
            (rc = stage_write(decoding->stage, bytes, count, err)))
            return rc;
        text += piece;
        length -= piece;
    }
    return STATUS_OK;
}

static enum status stage_data(struct body_reading *reading, struct error *err)
{
    struct decoding decoding;
    enum status rc;

    if (reading->body->stage)
        return twice("data", err);
    if ((rc = catalog_stage(reading->catalog, reading->size < 0 ? -1 : reading->size / 4 * 3,
                            DIGEST_SHA512 | DIGEST_SHA1, &reading->body->stage, err)))
        return rc;
    base64_init(&decoding.decoder);
    decoding.stage = reading->body->stage;
    if ((rc = json_stream_string(&reading->cursor, decode_piece, &decoding, err)))
        return rc;
    return base64_finish(&decoding.decoder, err);
}

static enum status take_tarball(struct body_reading *reading, struct error *err)
{
    struct npm_body *body = reading->body;
    enum status rc;

    if (body->file)
        return fail(err, STATUS_INVALID, "too-many-tarballs",
                    "A publish brings exactly one tarball, and this one has more");
    body->file = arena_copy(reading->arena, reading->key.data);
    rc = json_enter(&reading->cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&reading->cursor, &reading->key, err)) &&
           reading->cursor.kind == TOKEN_KEY) {
        if (!strcmp(reading->key.data, "data"))
            rc = stage_data(reading, err);
        else if (!strcmp(reading->key.data, "length"))
            rc = json_take_int(&reading->cursor, &body->declared_length, err);
        else
            rc = json_skip_value(&reading->cursor, err);
    }
    return rc;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && !strcmp(text + length - end_length, end);
}

static enum status take_attachments(struct body_reading *reading, struct error *err)
{
    struct npm_body *body = reading->body;
    enum status rc;

    if (body->has_attachments)
        return twice("_attachments", err);
    body->has_attachments = true;
    rc = json_enter(&reading->cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&reading->cursor, &reading->key, err)) &&
           reading->cursor.kind == TOKEN_KEY) {
        if (ends_with(reading->key.data, ".tgz")) {
            rc = take_tarball(reading, err);
        } else if (ends_with(reading->key.data, ".sigstore")) {
            body->has_provenance = true;
            rc = json_skip_value(&reading->cursor, err);
        } else {
            rc = fail(err, STATUS_INVALID, "unknown-attachment",
                      "The attachment \"%.200s\" is neither a tarball (.tgz) nor a provenance "
                      "bundle (.sigstore)",
                      reading->key.data);
        }
    }
    return rc;
}

static enum status take_member(struct body_reading *reading, struct error *err)
{
    const char *key = reading->key.data;

    if (!strcmp(key, "_id"))
        return take_text(reading, "_id", &reading->body->id, err);
    if (!strcmp(key, "name"))
        return take_text(reading, "name", &reading->body->name, err);
    if (!strcmp(key, "readme"))
        return take_readme(reading, err);
    if (!strcmp(key, "versions"))
        return take_versions(reading, err);
    if (!strcmp(key, "dist-tags"))
        return take_tags(reading, err);
    if (!strcmp(key, "_attachments"))
        return take_attachments(reading, err);
    return json_skip_value(&reading->cursor, err);
}

enum status npm_body_read(struct catalog *catalog, struct reader *body, int64_t size,
                          unsigned depth, struct arena *arena, struct npm_body *out,
                          struct error *err)
{
    struct body_reading *reading = arena_alloc(arena, sizeof *reading);
    enum status rc;

    *out = (struct npm_body){.declared_length = -1};
    *reading = (struct body_reading){.catalog = catalog, .arena = arena, .body = out, .size = size};
    strbuf_init(&reading->key, arena, KEY_MAX);
    json_cursor_init(&reading->cursor, body, arena_alloc(arena, BUFFER_SIZE), BUFFER_SIZE, depth);
    rc = json_enter(&reading->cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&reading->cursor, &reading->key, err)) &&
           reading->cursor.kind == TOKEN_KEY)
        rc = take_member(reading, err);
    if (!rc)
        rc = json_finish(&reading->cursor, err);
    if (!rc && out->stage)
        rc = stage_end(out->stage, err);
    return rc;
}
