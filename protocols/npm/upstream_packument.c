#include "protocols/npm/upstream_packument.h"

#include "config/clock.h"
#include "protocols/npm/name.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_MAX = 1024,
    TEXT_MAX = 4096,
    PIECE_SIZE = 64 << 10,
    TAGS_MOVED_MAX = 100, /* each looks at all versions */
};

/* The look through. */
struct reading {
    struct json_cursor cursor;
    struct npm_upstream_packument *out;
    struct strbuf key, text; /* of what is being looked at */
    bool has_name, has_versions;
};

static enum status too_many(struct error *err)
{
    return fail(err, STATUS_BAD_UPSTREAM, "upstream-too-large",
                "The upstream's document has more than %d members in one place", NPM_ENTRIES_MAX);
}

/* A string into reading->text; any other value is skipped, and *is_string tells. */
static enum status take_text(struct reading *reading, bool *is_string, struct error *err)
{
    enum token_kind kind;
    enum status rc;

    strbuf_clear(&reading->text);
    if ((rc = json_peek(&reading->cursor, &kind, err)))
        return rc;
    *is_string = kind == TOKEN_STRING;
    return *is_string ? json_take_string(&reading->cursor, &reading->text, err)
                      : json_skip_value(&reading->cursor, err);
}

/* Enters an object; anything else is skipped, and *is_object tells. */
static enum status enter_object(struct reading *reading, bool *is_object, struct error *err)
{
    enum token_kind kind;
    enum status rc;

    if ((rc = json_peek(&reading->cursor, &kind, err)))
        return rc;
    *is_object = kind == TOKEN_OBJECT;
    return *is_object ? json_enter(&reading->cursor, TOKEN_OBJECT, err)
                      : json_skip_value(&reading->cursor, err);
}

/* Whether there is another key, which is then in reading->key. */
static enum status next_key(struct reading *reading, bool *has, struct error *err)
{
    enum status rc = json_next_key(&reading->cursor, &reading->key, err);

    *has = !rc && reading->cursor.kind == TOKEN_KEY;
    return rc;
}

static enum status read_name(struct reading *reading, struct error *err)
{
    bool is_string;
    enum status rc;

    if ((rc = take_text(reading, &is_string, err)))
        return rc;
    if (!is_string || strcmp(reading->text.data, reading->out->name))
        return fail(err, STATUS_BAD_UPSTREAM, "upstream-foreign-name",
                    "The upstream answered with the package \"%.100s\" when asked for %.214s",
                    is_string ? reading->text.data : "", reading->out->name);
    reading->has_name = true;
    return STATUS_OK;
}

static void leave_out(struct npm_upstream_packument *packument, const char *version,
                      const char *why)
{
    if (packument->left_out++)
        return;
    packument->left_out_version = arena_format(packument->arena, "%.100s", version);
    packument->left_out_why = why;
}

static enum status read_version(struct reading *reading, struct arena *scratch, struct error *err)
{
    struct npm_upstream_packument *out = reading->out;
    const struct json_range *range = &reading->cursor.range;
    const char *version = npm_version_clean(reading->key.data, scratch);
    struct npm_entry *entry;
    enum status rc;

    if ((rc = json_skip_value(&reading->cursor, err)))
        return rc;
    if (!version || range->end - range->start > NPM_MANIFEST_MAX) {
        leave_out(out, reading->key.data, version ? "its manifest is too large" : "no version");
        return STATUS_OK;
    }
    if (!(entry = npm_entries_add(&out->versions, version)))
        return too_many(err);
    entry->range = *range;
    return STATUS_OK;
}

static enum status read_versions(struct reading *reading, struct error *err)
{
    struct arena *scratch = arena_new();
    bool has;
    enum status rc;

    npm_entries_init(&reading->out->versions, reading->out->arena);
    reading->has_versions = true;
    if (!(rc = json_enter(&reading->cursor, TOKEN_OBJECT, err)))
        while (!(rc = next_key(reading, &has, err)) && has) {
            arena_reset(scratch);
            if ((rc = read_version(reading, scratch, err)))
                break;
        }
    arena_free(scratch);
    return rc;
}

static enum status read_tags(struct reading *reading, struct error *err)
{
    struct npm_upstream_packument *out = reading->out;
    bool has, is_string;
    enum status rc;

    npm_entries_init(&out->tags, out->arena);
    if ((rc = enter_object(reading, &has, err)) || !has)
        return rc;
    while (!(rc = next_key(reading, &has, err)) && has) {
        struct npm_entry *entry = npm_entries_add(&out->tags, reading->key.data);

        if (!entry)
            return too_many(err);
        if ((rc = take_text(reading, &is_string, err)))
            return rc;
        entry->text = is_string ? npm_version_clean(reading->text.data, out->arena) : NULL;
        entry->is_gone = !entry->text;
    }
    return rc;
}

/* Keys are versions, spelt as in "versions", and created, modified and unpublished. */
static enum status read_times(struct reading *reading, struct error *err)
{
    struct npm_upstream_packument *out = reading->out;
    bool has, is_string;
    enum status rc;

    npm_entries_init(&out->times, out->arena);
    out->is_unpublished = false;
    if ((rc = enter_object(reading, &has, err)) || !has)
        return rc;
    while (!(rc = next_key(reading, &has, err)) && has) {
        const char *version = npm_version_clean(reading->key.data, out->arena);
        const char *key = version ? version : reading->key.data;
        struct npm_entry *entry = npm_entries_add(&out->times, key);

        if (!entry)
            return too_many(err);
        if ((rc = take_text(reading, &is_string, err)))
            return rc;
        if (!strcmp(entry->key, "unpublished"))
            out->is_unpublished = true;
        entry->time_us = is_string ? clock_parse_iso(reading->text.data) : -1;
        entry->is_gone = entry->time_us < 0;
    }
    return rc;
}

static enum status read_member(struct reading *reading, struct error *err)
{
    struct npm_upstream_packument *out = reading->out;
    struct npm_entry *entry = npm_entries_add(&out->members, reading->key.data);
    bool is_string;
    enum status rc;

    if (!entry)
        return too_many(err);
    if (!strcmp(entry->key, "versions")) {
        if (!(rc = read_versions(reading, err)))
            entry->range = reading->cursor.range; /* of its closing bracket */
        return rc;
    }
    if (!strcmp(entry->key, "name"))
        return read_name(reading, err);
    if (!strcmp(entry->key, "dist-tags"))
        return read_tags(reading, err);
    if (!strcmp(entry->key, "time"))
        return read_times(reading, err);
    if (!strcmp(entry->key, "modified")) {
        rc = take_text(reading, &is_string, err);
        out->modified_us = !rc && is_string ? clock_parse_iso(reading->text.data) : -1;
    } else {
        rc = json_skip_value(&reading->cursor, err);
    }
    entry->range = reading->cursor.range;
    return rc;
}

/* What the tokenizer or a limit says of a client's input is the upstream's fault here. */
static enum status blame_upstream(enum status rc, struct error *err)
{
    char message[sizeof err->message];

    if (rc != STATUS_INVALID && rc != STATUS_TOO_LARGE)
        return rc;
    if (!err)
        return STATUS_BAD_UPSTREAM;
    memcpy(message, err->message, sizeof message);
    return fail(err, STATUS_BAD_UPSTREAM, "upstream-invalid",
                "The upstream's document cannot be read: %.400s", message);
}

enum status npm_upstream_read(struct reader *document, const char *name, struct arena *arena,
                              struct npm_upstream_packument *out, struct error *err)
{
    struct reading *reading = calloc(1, sizeof *reading);
    unsigned char *piece = malloc(PIECE_SIZE);
    bool has;
    enum status rc;

    if (!reading || !piece) {
        rc = fail(err, STATUS_INTERNAL, "", "out of memory");
        goto done;
    }
    *out = (struct npm_upstream_packument){.name = name, .arena = arena, .modified_us = -1};
    npm_entries_init(&out->members, arena);
    npm_entries_init(&out->versions, arena);
    npm_entries_init(&out->tags, arena);
    npm_entries_init(&out->times, arena);
    reading->out = out;
    strbuf_init(&reading->key, NULL, KEY_MAX);
    strbuf_init(&reading->text, NULL, TEXT_MAX);
    json_cursor_init(&reading->cursor, document, piece, PIECE_SIZE, NPM_MANIFEST_DEPTH);
    if (!(rc = json_enter(&reading->cursor, TOKEN_OBJECT, err)))
        while (!(rc = next_key(reading, &has, err)) && has)
            if ((rc = read_member(reading, err)))
                break;
    if (!rc)
        rc = json_finish(&reading->cursor, err);
    rc = blame_upstream(rc, err);
    if (!rc && (!reading->has_name || !(reading->has_versions || out->is_unpublished)))
        rc = fail(err, STATUS_BAD_UPSTREAM, "upstream-invalid",
                  "The upstream's document of %.214s has no %s", name,
                  reading->has_name ? "versions" : "name");
    strbuf_free(&reading->key);
    strbuf_free(&reading->text);
done:
    free(piece);
    free(reading);
    return rc;
}

void npm_upstream_remove(struct npm_upstream_packument *packument, const char *version)
{
    struct npm_entry *entry = npm_entries_find(&packument->versions, version);

    if (entry)
        entry->is_gone = true;
}

static bool is_there(const struct npm_upstream_packument *packument, const char *version)
{
    const struct npm_entry *entry = npm_entries_find(&packument->versions, version);

    return entry && !entry->is_gone;
}

/* Which versions may take a tag. */
struct wanted {
    const char *not_above; /* NULL: any */
    bool only_stable;
    const char *same_line_as; /* its major, or of a prerelease its major.minor.patch */
};

static int compare(const char *a, const char *b)
{
    struct strbuf keys[2];
    struct semver versions[2];
    int order = 0;
    size_t least;

    if (!semver_parse(a, &versions[0]) || !semver_parse(b, &versions[1]))
        return strcmp(a, b);
    for (size_t i = 0; i < 2; i++) {
        strbuf_init(&keys[i], NULL, TEXT_MAX);
        semver_sort_key(&versions[i], &keys[i]);
    }
    least = keys[0].length < keys[1].length ? keys[0].length : keys[1].length;
    order = memcmp(keys[0].data, keys[1].data, least);
    if (!order)
        order = (keys[0].length > keys[1].length) - (keys[0].length < keys[1].length);
    strbuf_free(&keys[0]);
    strbuf_free(&keys[1]);
    return order;
}

/* Whether both texts begin with the same numbers: so many dots on, or up to what is no number. */
static bool is_same_line(const char *a, const char *b)
{
    struct semver one, other;

    if (!semver_parse(a, &one) || !semver_parse(b, &other) ||
        one.major_length != other.major_length || memcmp(one.major, other.major, one.major_length))
        return false;
    return !one.prerelease ||
           (one.minor_length == other.minor_length && one.patch_length == other.patch_length &&
            !memcmp(one.minor, other.minor, one.minor_length) &&
            !memcmp(one.patch, other.patch, one.patch_length));
}

static const char *best_version(const struct npm_upstream_packument *packument,
                                const struct wanted *wanted)
{
    const char *best = NULL;

    for (size_t i = 0; i < packument->versions.count; i++) {
        const struct npm_entry *entry = &packument->versions.list[i];

        if (entry->is_gone || (wanted->only_stable && strchr(entry->key, '-')) ||
            (wanted->same_line_as && !is_same_line(wanted->same_line_as, entry->key)) ||
            (wanted->not_above && compare(entry->key, wanted->not_above) > 0))
            continue;
        if (!best || compare(entry->key, best) > 0)
            best = entry->key;
    }
    return best;
}

static const char *best_latest(const struct npm_upstream_packument *packument, const char *old)
{
    const struct wanted choices[] = {
        {.not_above = old, .only_stable = true},
        {.only_stable = true               },
        {.not_above = NULL},
    };
    const char *best = NULL;

    for (size_t i = 0; !best && i < sizeof choices / sizeof *choices; i++)
        best = best_version(packument, &choices[i]);
    return best;
}

static const char *best_of_line(const struct npm_upstream_packument *packument, const char *old)
{
    const struct wanted wanted = {
        .not_above = old, .only_stable = !strchr(old, '-'), .same_line_as = old};

    /* What never was there says nothing about what was meant. */
    return npm_entries_find(&packument->versions, old) ? best_version(packument, &wanted) : NULL;
}

void npm_upstream_settle_tags(struct npm_upstream_packument *packument)
{
    struct npm_entry *latest = npm_entries_find(&packument->tags, "latest");
    size_t moved = 0;

    if (!latest && (latest = npm_entries_add(&packument->tags, "latest")))
        latest->is_gone = true;
    for (size_t i = 0; i < packument->tags.count; i++) {
        struct npm_entry *tag = &packument->tags.list[i];

        if (tag->is_gone && tag != latest)
            continue;
        if (tag->text && is_there(packument, tag->text))
            continue;
        if (tag == latest) {
            packument->is_latest_moved =
                tag->text && npm_entries_find(&packument->versions, tag->text);
            tag->text = best_latest(packument, tag->text);
        } else {
            tag->text = moved++ < TAGS_MOVED_MAX ? best_of_line(packument, tag->text) : NULL;
        }
        tag->is_gone = !tag->text;
    }
}

const struct npm_entry *npm_upstream_find(const struct npm_upstream_packument *packument,
                                          const char *text)
{
    const struct npm_entry *tag = npm_entries_find(&packument->tags, text), *entry;
    struct arena *arena = arena_new();
    const char *version = tag && !tag->is_gone ? tag->text : npm_version_clean(text, arena);

    entry = version ? npm_entries_find(&packument->versions, version) : NULL;
    arena_free(arena);
    return entry && !entry->is_gone ? entry : NULL;
}

int64_t npm_upstream_time(const struct npm_upstream_packument *packument, const char *version,
                          int64_t otherwise_us)
{
    const struct npm_entry *entry = npm_entries_find(&packument->times, version);

    return entry && !entry->is_gone ? entry->time_us : otherwise_us;
}

enum status npm_put(void *context, const void *bytes, size_t length, struct error *err)
{
    struct strbuf *out = context;

    strbuf_bytes(out, bytes, length);
    if (strbuf_failed(out))
        return fail(err, STATUS_BAD_UPSTREAM, "upstream-too-large",
                    "The upstream's document is larger than %zu bytes", out->cap);
    return STATUS_OK;
}
