#include "protocols/pypi/upstream_page.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/project_name.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32, KEY_MAX = 256, MEMBERS_MAX = 256, BUFFER_SIZE = 32 * 1024 };

/* Keys that nobody knows are passed over, and so are values of another kind than the standard's,
 * null above all: some indexes write it where a key should be absent. */
struct walk {
    struct json_cursor cursor;
    struct strbuf key, text;
    struct upstream_reading *reading;
    bool has_files, is_overlong;
    unsigned members; /* of the objects within the file, or of the page: memory ends with them */
};

static enum status add_piece(void *context, const char *bytes, size_t length, struct error *err)
{
    struct walk *walk = context;

    (void)err;
    walk->is_overlong |= memchr(bytes, 0, length) || walk->text.length + length > walk->text.cap;
    if (!walk->is_overlong)
        strbuf_bytes(&walk->text, bytes, length);
    return STATUS_OK;
}

/* A string, into arena; NULL for another kind of value. One that no honest page has sets
 * is_overlong. */
static enum status take_text(struct walk *walk, struct arena *arena, const char **out,
                             struct error *err)
{
    enum token_kind kind;
    enum status rc;

    *out = NULL;
    if ((rc = json_peek(&walk->cursor, &kind, err)))
        return rc;
    if (kind != TOKEN_STRING)
        return json_skip_value(&walk->cursor, err);
    strbuf_clear(&walk->text);
    if ((rc = json_stream_string(&walk->cursor, add_piece, walk, err)))
        return rc;
    *out = arena_copy(arena, walk->text.data);
    return STATUS_OK;
}

static enum status next_key(struct walk *walk, bool *has, struct error *err)
{
    enum status rc = json_next_key(&walk->cursor, &walk->key, err);

    *has = !rc && walk->cursor.kind == TOKEN_KEY;
    if (*has && ++walk->members > MEMBERS_MAX)
        return fail(err, STATUS_BAD_UPSTREAM, "not-an-index",
                    "an object on the upstream's page of %s has more than %d members",
                    walk->reading->project, MEMBERS_MAX);
    return rc;
}

static bool key_is(const struct walk *walk, const char *name)
{
    return !strcmp(walk->key.data, name);
}

/* Enters an object; anything else is passed over. */
static enum status enter(struct walk *walk, enum token_kind wanted, bool *is_inside,
                         struct error *err)
{
    enum token_kind kind;
    enum status rc;

    *is_inside = false;
    if ((rc = json_peek(&walk->cursor, &kind, err)))
        return rc;
    if (kind != wanted)
        return json_skip_value(&walk->cursor, err);
    *is_inside = true;
    return json_enter(&walk->cursor, wanted, err);
}

static enum status read_hashes(struct walk *walk, struct upstream_raw *raw, struct error *err)
{
    struct arena *each = walk->reading->each;
    const char *kind, *hex;
    bool has;
    enum status rc = enter(walk, TOKEN_OBJECT, &has, err);

    while (!rc && has && !(rc = next_key(walk, &has, err)) && has) {
        kind = arena_copy(each, walk->key.data);
        if (!(rc = take_text(walk, each, &hex, err)) && hex)
            upstream_raw_digest(raw, kind, hex);
    }
    return rc;
}

/* true, false, or the hashes of the metadata. Of several spellings the newest counts. */
static enum status read_metadata(struct walk *walk, struct upstream_raw *raw, int rank,
                                 struct error *err)
{
    struct upstream_raw inner;
    enum token_kind kind;
    enum status rc;
    char *hex;

    if ((rc = json_peek(&walk->cursor, &kind, err)))
        return rc;
    if (rank < raw->metadata_rank || kind == TOKEN_NULL)
        return json_skip_value(&walk->cursor, err);
    upstream_raw_begin(&inner);
    if ((rc = kind == TOKEN_OBJECT ? read_hashes(walk, &inner, err)
                                   : json_skip_value(&walk->cursor, err)))
        return rc;
    raw->metadata_rank = rank;
    raw->file.has_metadata = kind == TOKEN_OBJECT || kind == TOKEN_TRUE;
    raw->file.metadata_sha256 = NULL;
    if (inner.file.digests.kinds & DIGEST_SHA256) {
        hex = arena_alloc(walk->reading->each, DIGEST_HEX_MAX);
        digest_hex(inner.file.digests.sha256, SHA256_SIZE, hex);
        raw->file.metadata_sha256 = hex;
    }
    return STATUS_OK;
}

/* PEP 691: false, true, or a reason that is not empty. */
static enum status read_yanked(struct walk *walk, struct upstream_raw *raw, struct error *err)
{
    const char *reason;
    enum token_kind kind;
    enum status rc;

    if ((rc = json_peek(&walk->cursor, &kind, err)) ||
        (rc = take_text(walk, walk->reading->each, &reason, err)))
        return rc;
    if (kind == TOKEN_TRUE)
        raw->file.yanked = "";
    else if (reason && *reason)
        raw->file.yanked = reason;
    return STATUS_OK;
}

static enum status read_size(struct walk *walk, struct upstream_raw *raw, struct error *err)
{
    enum token_kind kind;
    enum status rc;

    if ((rc = json_peek(&walk->cursor, &kind, err)))
        return rc;
    if (kind != TOKEN_NUMBER)
        return json_skip_value(&walk->cursor, err);
    if ((rc = json_take_int(&walk->cursor, &raw->file.size, err)))
        return rc;
    if (raw->file.size < 0)
        raw->file.size = -1;
    return STATUS_OK;
}

static enum status read_member(struct walk *walk, struct upstream_raw *raw, struct error *err)
{
    struct arena *each = walk->reading->each;

    if (key_is(walk, "filename"))
        return take_text(walk, each, &raw->file.name, err);
    if (key_is(walk, "url"))
        return take_text(walk, each, &raw->file.url, err);
    if (key_is(walk, "hashes"))
        return read_hashes(walk, raw, err);
    if (key_is(walk, "requires-python"))
        return take_text(walk, each, &raw->file.requires_python, err);
    if (key_is(walk, "provenance"))
        return take_text(walk, each, &raw->file.provenance, err);
    if (key_is(walk, "upload-time"))
        return take_text(walk, each, &raw->file.uploaded, err);
    if (key_is(walk, "yanked"))
        return read_yanked(walk, raw, err);
    if (key_is(walk, "size"))
        return read_size(walk, raw, err);
    if (key_is(walk, "core-metadata"))
        return read_metadata(walk, raw, 3, err);
    if (key_is(walk, "dist-info-metadata"))
        return read_metadata(walk, raw, 2, err);
    if (key_is(walk, "data-dist-info-metadata"))
        return read_metadata(walk, raw, 1, err);
    return json_skip_value(&walk->cursor, err);
}

static enum status read_file(struct walk *walk, struct error *err)
{
    unsigned members = walk->members;
    struct upstream_raw raw;
    bool has;
    enum status rc = enter(walk, TOKEN_OBJECT, &has, err);

    upstream_raw_begin(&raw);
    walk->is_overlong = false;
    walk->members = 0;
    while (!rc && has && !(rc = next_key(walk, &has, err)) && has)
        rc = read_member(walk, &raw, err);
    raw.is_unusable = walk->is_overlong;
    walk->members = members;
    return rc ? rc : upstream_raw_end(walk->reading, &raw, err);
}

static enum status read_files(struct walk *walk, struct error *err)
{
    bool has;
    enum status rc = enter(walk, TOKEN_ARRAY, &has, err);

    walk->has_files |= has;
    while (!rc && has && !(rc = json_has_element(&walk->cursor, &has, err)) && has)
        rc = read_file(walk, err);
    return rc;
}

/* PEP 792. */
static enum status read_status(struct walk *walk, struct error *err)
{
    struct upstream_page *out = walk->reading->out;
    const char *status = NULL;
    bool has;
    enum status rc = enter(walk, TOKEN_OBJECT, &has, err);

    while (!rc && has && !(rc = next_key(walk, &has, err)) && has)
        if (key_is(walk, "status"))
            rc = take_text(walk, walk->reading->arena, &status, err);
        else if (key_is(walk, "reason"))
            rc = take_text(walk, walk->reading->arena, &out->reason, err);
        else
            rc = json_skip_value(&walk->cursor, err);
    if (!rc && status)
        snprintf(out->status, sizeof out->status, "%s", status);
    return rc;
}

static enum status read_meta(struct walk *walk, struct error *err)
{
    const char *version = NULL;
    bool has;
    enum status rc = enter(walk, TOKEN_OBJECT, &has, err);

    while (!rc && has && !(rc = next_key(walk, &has, err)) && has)
        rc = key_is(walk, "api-version") ? take_text(walk, walk->reading->each, &version, err)
                                         : json_skip_value(&walk->cursor, err);
    if (!rc && version && strncmp(version, "1.", 2))
        return fail(err, STATUS_BAD_UPSTREAM, "api-version",
                    "the upstream's page of %s has API version %.20s, and 1 can be read",
                    walk->reading->project, version);
    return rc;
}

static enum status check_name(struct walk *walk, struct error *err)
{
    struct arena *each = walk->reading->each;
    const char *name, *normalized;
    enum status rc = take_text(walk, each, &name, err);

    if (rc || !name)
        return rc;
    normalized = project_name_normalize(each, name);
    if (normalized && !strcmp(normalized, walk->reading->project))
        return STATUS_OK;
    return fail(err, STATUS_BAD_UPSTREAM, "wrong-package",
                "the upstream's page of %s is that of %.100s", walk->reading->project, name);
}

static enum status read_page(struct walk *walk, struct error *err)
{
    bool has = true;
    enum status rc = json_enter(&walk->cursor, TOKEN_OBJECT, err);

    while (!rc && !(rc = next_key(walk, &has, err)) && has)
        if (key_is(walk, "files"))
            rc = read_files(walk, err);
        else if (key_is(walk, "meta"))
            rc = read_meta(walk, err);
        else if (key_is(walk, "name"))
            rc = check_name(walk, err);
        else if (key_is(walk, "project-status"))
            rc = read_status(walk, err);
        else
            rc = json_skip_value(&walk->cursor, err);
    if (!rc)
        rc = json_finish(&walk->cursor, err);
    if (rc || walk->has_files)
        return rc;
    return fail(err, STATUS_BAD_UPSTREAM, "not-an-index",
                "the upstream's page of %s has no \"files\"", walk->reading->project);
}

/* What is wrong with the JSON is the upstream's fault, and said as such. */
static enum status blame_upstream(struct walk *walk, struct error *err)
{
    struct error why = *err;

    return fail(err, STATUS_BAD_UPSTREAM, "not-an-index",
                "the upstream's page of %s cannot be read: %.300s", walk->reading->project,
                why.message);
}

enum status upstream_page_read_json(struct upstream_reading *reading, struct error *err)
{
    struct walk walk = {.reading = reading};
    void *buffer = arena_alloc(reading->arena, BUFFER_SIZE);
    enum status rc;

    json_cursor_init(&walk.cursor, reading->document, buffer, BUFFER_SIZE, DEPTH_MAX);
    strbuf_init(&walk.key, reading->arena, KEY_MAX);
    strbuf_init(&walk.text, reading->arena, UPSTREAM_TEXT_MAX);
    rc = read_page(&walk, err);
    return rc == STATUS_INVALID ? blame_upstream(&walk, err) : rc;
}
