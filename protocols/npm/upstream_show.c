#include "config/clock.h"
#include "config/log.h"
#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "protocols/npm/upstream_cut.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { RESTRICTED_MAX = 4 << 20 };

static const char *attestations_url(const struct npm_upstream_view *view, const char *name,
                                    const char *version, struct arena *arena)
{
    const char *base = npm_name_base(name);

    /* As npm asks for it: one segment. */
    return arena_format(arena, "%s/-/npm/v1/attestations/%.*s%s%s@%s", view->base,
                        base == name ? 0 : (int)(base - name - 1), name, base == name ? "" : "%2f",
                        base, version);
}

static enum status show_manifest(const char *name, const char *version,
                                 const struct npm_listing *listing,
                                 const struct npm_upstream_view *view, struct arena *arena,
                                 struct strbuf *out, struct error *err)
{
    struct npm_view shown = {
        .form = view->form,
        .version = version,
        .tarball_url = arena_format(arena, "%s/%s/-/%s", view->base, name,
                                    npm_tarball_name(name, version, arena)),
    };
    struct npm_pinned pinned = {0};

    if (listing->attestations_url)
        shown.attestations_url = attestations_url(view, name, version, arena);
    if (view->pinned)
        view->pinned(view->pins, version, listing, &pinned);
    shown.integrity = pinned.integrity;
    shown.shasum = pinned.shasum;
    return npm_manifest_show(listing->manifest, listing->manifest_length, &shown, out, err);
}

/* A packument on its way out. */
struct writing {
    struct npm_upstream_packument *packument;
    const struct npm_upstream_view *view;
    const struct npm_sink *sink;
    struct npm_cutting cutting;
    struct arena *scratch; /* of one version */
    struct strbuf manifest, piece, hoisted;
    struct strbuf restricted; /* manifests of versions that are held back */
    const char *hoist;        /* the version whose fields go to the top; NULL: the document's own */
    size_t shown;
    int64_t unknown_us, first_us, last_us;
};

static enum status flush(struct writing *writing, struct error *err)
{
    enum status rc;

    if (strbuf_failed(&writing->piece))
        return fail(err, STATUS_BAD_UPSTREAM, "upstream-too-large",
                    "A manifest of %.214s is too large", writing->packument->name);
    rc =
        writing->sink->put(writing->sink->context, writing->piece.data, writing->piece.length, err);
    strbuf_clear(&writing->piece);
    return rc;
}

static void note_left_out(struct npm_upstream_packument *packument, struct npm_entry *version,
                          const char *why)
{
    version->is_gone = true;
    if (packument->left_out++)
        return;
    packument->left_out_version = version->key;
    packument->left_out_why = why;
}

static enum status write_version(struct writing *writing, struct npm_entry *version,
                                 struct error *err)
{
    const char *name = writing->packument->name, *why;
    struct npm_listing listing;
    enum status rc;

    arena_reset(writing->scratch);
    strbuf_clear(&writing->manifest);
    if ((rc = npm_cut(&writing->cutting, version->range, NULL, &writing->manifest, err)))
        return rc;
    why = npm_listing_read(writing->manifest.data, writing->manifest.length, name, version->key,
                writing->scratch, &listing);
    if (!why) {
        strbuf_text(&writing->piece, writing->shown ? "," : "");
        strbuf_json(&writing->piece, version->key);
        strbuf_char(&writing->piece, ':');
        if (show_manifest(name, version->key, &listing, writing->view, writing->scratch,
                          &writing->piece, NULL) ||
            strbuf_failed(&writing->piece)) {
            strbuf_clear(&writing->piece);
            why = "its manifest cannot be shown";
        }
    }
    if (why) {
        note_left_out(writing->packument, version, why);
        return STATUS_OK;
    }
    writing->shown++;
    if (writing->hoist && !strcmp(writing->hoist, version->key) &&
        (rc =
             npm_manifest_hoist(listing.manifest, listing.manifest_length, &writing->hoisted, err)))
        return rc;
    return flush(writing, err);
}

/* 16.3: npm asks for the manifest of what it may not have. Over the limit, those before are told.
 */
static enum status keep_restricted(struct writing *writing, const struct npm_entry *version,
                                   struct error *err)
{
    struct strbuf *out = &writing->restricted;
    struct npm_listing listing;
    enum status rc;

    arena_reset(writing->scratch);
    strbuf_clear(&writing->manifest);
    if (!writing->view->restricted || out->length > RESTRICTED_MAX)
        return STATUS_OK;
    if ((rc = npm_cut(&writing->cutting, version->range, NULL, &writing->manifest, err)) ||
        npm_listing_read(writing->manifest.data, writing->manifest.length, writing->packument->name,
              version->key, writing->scratch, &listing))
        return rc;
    if (out->length)
        strbuf_char(out, ',');
    strbuf_json(out, version->key);
    strbuf_char(out, ':');
    return show_manifest(writing->packument->name, version->key, &listing, writing->view,
                         writing->scratch, out, err);
}

static enum status write_versions(struct writing *writing, struct error *err)
{
    struct npm_entries *versions = &writing->packument->versions;
    enum status rc = STATUS_OK;

    strbuf_text(&writing->piece, ",\"versions\":{");
    if ((rc = flush(writing, err)))
        return rc;
    for (size_t i = 0; !rc && i < versions->count; i++)
        if (!versions->list[i].is_gone)
            rc = write_version(writing, &versions->list[i], err);
        else if (versions->list[i].is_held)
            rc = keep_restricted(writing, &versions->list[i], err);
    strbuf_char(&writing->piece, '}');
    return rc ? rc : flush(writing, err);
}

/* What is written here, or nowhere. */
static bool is_ours(const char *key)
{
    static const char *const ours[] = {"name", "_id",       "_rev",    "_attachments",
                                       "time", "dist-tags", "modified"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!strcmp(key, ours[i]))
            return true;
    return false;
}

static enum status write_members(struct writing *writing, struct error *err)
{
    const struct npm_entries *members = &writing->packument->members;
    enum status rc = STATUS_OK;

    for (size_t i = 0; !rc && i < members->count; i++) {
        const struct npm_entry *member = &members->list[i];

        if (member->is_gone)
            continue;
        if (!strcmp(member->key, "versions")) {
            rc = write_versions(writing, err);
            continue;
        }
        if (writing->view->form == NPM_ABBREVIATED || is_ours(member->key) ||
            (writing->hoist && npm_member_rule(member->key)->is_hoisted))
            continue;
        strbuf_char(&writing->piece, ',');
        strbuf_json(&writing->piece, member->key);
        strbuf_char(&writing->piece, ':');
        if (!(rc = flush(writing, err)))
            rc = npm_cut(&writing->cutting, member->range, writing->sink, NULL, err);
    }
    return rc;
}

static void put_time(struct strbuf *out, const char *key, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];

    clock_format_iso(time_us, text);
    strbuf_json(out, key);
    strbuf_char(out, ':');
    strbuf_json(out, text);
}

/* A version without a time is as new as the newest, for clients wait until versions are old enough.
 * Where nothing at all is known, it is the oldest time there is: nobody takes that for a real one,
 * and a young one would keep all versions back for as long as the document changes. */
static int64_t unknown_time(const struct npm_upstream_packument *packument)
{
    int64_t newest = packument->modified_us > 0 ? packument->modified_us : 0;

    if ((newest = npm_upstream_time(packument, "modified", newest)))
        return newest;
    for (size_t i = 0; i < packument->times.count; i++)
        if (packument->times.list[i].time_us > newest)
            newest = packument->times.list[i].time_us;
    return newest;
}

int64_t npm_upstream_modified(const struct npm_upstream_packument *packument)
{
    int64_t last = unknown_time(packument);

    return packument->changed_us > last ? packument->changed_us : last;
}

/* Versions that are not shown count as well: what went must not take the document back in time. */
static void find_ends(struct writing *writing)
{
    const struct npm_upstream_packument *packument = writing->packument;
    int64_t first = INT64_MAX;

    writing->unknown_us = unknown_time(writing->packument);
    for (size_t i = 0; i < packument->versions.count; i++) {
        int64_t time_us =
            npm_upstream_time(packument, packument->versions.list[i].key, writing->unknown_us);

        first = time_us < first ? time_us : first;
    }
    writing->first_us = npm_upstream_time(packument, "created", first);
    writing->last_us = npm_upstream_modified(packument);
}

static enum status write_times(struct writing *writing, struct error *err)
{
    const struct npm_upstream_packument *packument = writing->packument;
    struct strbuf *piece = &writing->piece;
    enum status rc = STATUS_OK;

    strbuf_text(piece, ",\"time\":{");
    put_time(piece, "created", writing->first_us);
    strbuf_char(piece, ',');
    put_time(piece, "modified", writing->last_us);
    for (size_t i = 0; !rc && i < packument->versions.count; i++) {
        const struct npm_entry *version = &packument->versions.list[i];

        if (version->is_gone)
            continue;
        strbuf_char(piece, ',');
        put_time(piece, version->key,
                 npm_upstream_time(packument, version->key, writing->unknown_us));
        if (piece->length > NPM_PIECE_SIZE)
            rc = flush(writing, err);
    }
    /* Versions that went: their numbers are taken. */
    for (size_t i = 0; !rc && i < packument->times.count; i++) {
        const struct npm_entry *time = &packument->times.list[i];
        const struct npm_entry *version = npm_entries_find(&packument->versions, time->key);

        if (time->is_gone || (version && !version->is_gone) || !strcmp(time->key, "created") ||
            !strcmp(time->key, "modified"))
            continue;
        strbuf_char(piece, ',');
        put_time(piece, time->key, time->time_us);
        if (piece->length > NPM_PIECE_SIZE)
            rc = flush(writing, err);
    }
    strbuf_char(piece, '}');
    return rc ? rc : flush(writing, err);
}

void npm_upstream_show_tags(const struct npm_upstream_packument *packument, struct strbuf *out)
{
    bool is_first = true;

    strbuf_char(out, '{');
    for (size_t i = 0; i < packument->tags.count; i++) {
        const struct npm_entry *tag = &packument->tags.list[i];

        if (tag->is_gone)
            continue;
        strbuf_text(out, is_first ? "" : ",");
        strbuf_json(out, tag->key);
        strbuf_char(out, ':');
        strbuf_json(out, tag->text);
        is_first = false;
    }
    strbuf_char(out, '}');
}

static enum status write_tags(struct writing *writing, struct error *err)
{
    struct strbuf tags;
    enum status rc;

    npm_upstream_settle_tags(writing->packument); /* some versions may have been left out */
    strbuf_init(&tags, NULL, 4 * NPM_ENTRY_KEYS_MAX);
    strbuf_text(&tags, ",\"dist-tags\":");
    npm_upstream_show_tags(writing->packument, &tags);
    rc = strbuf_failed(&tags)
             ? fail(err, STATUS_BAD_UPSTREAM, "upstream-too-large",
                    "The tags of %.214s are too many", writing->packument->name)
             : writing->sink->put(writing->sink->context, tags.data, tags.length, err);
    strbuf_free(&tags);
    return rc;
}

static enum status write_restrictions(struct writing *writing, struct error *err)
{
    const struct npm_sink *sink = writing->sink;
    enum status rc;

    if (!writing->restricted.length)
        return STATUS_OK;
    strbuf_text(&writing->piece, ",\"policyRestrictions\":{\"message\":");
    strbuf_json(&writing->piece, writing->view->restricted);
    strbuf_text(&writing->piece, ",\"versions\":{");
    if ((rc = flush(writing, err)) ||
        (rc = sink->put(sink->context, writing->restricted.data, writing->restricted.length, err)))
        return rc;
    return sink->put(sink->context, "}}", 2, err);
}

static enum status write_end(struct writing *writing, struct error *err)
{
    enum status rc;

    if (!writing->shown)
        return fail(err, STATUS_NOT_FOUND, "", "no version of %.214s can be shown",
                    writing->packument->name);
    find_ends(writing);
    if ((rc = write_tags(writing, err)) || (rc = write_times(writing, err)))
        return rc;
    if (writing->view->form == NPM_ABBREVIATED) {
        strbuf_char(&writing->piece, ',');
        put_time(&writing->piece, "modified", writing->last_us);
    }
    if ((rc = flush(writing, err)) || (rc = write_restrictions(writing, err)))
        return rc;
    strbuf_char(&writing->hoisted, '}');
    return writing->sink->put(writing->sink->context, writing->hoisted.data,
                              writing->hoisted.length, err);
}

static void log_left_out(const struct npm_upstream_packument *packument)
{
    if (packument->left_out)
        log_event(LOG_WARN, "upstream.versions-left-out",
                  "package=%s count=%zu first=\"%s\" reason=\"%s\"", packument->name,
                  packument->left_out, packument->left_out_version, packument->left_out_why);
}

enum status npm_upstream_show(struct npm_upstream_packument *packument, struct reader *document,
                              const struct npm_upstream_view *view, const struct npm_sink *sink,
                              int64_t *modified_us, struct error *err)
{
    unsigned char piece[NPM_PIECE_SIZE];
    struct writing writing = {
        .packument = packument,
        .view = view,
        .sink = sink,
        .cutting = {.document = document, .piece = piece},
        .scratch = arena_new(),
    };
    const struct npm_entry *latest;
    enum status rc;

    strbuf_init(&writing.manifest, NULL, NPM_MANIFEST_MAX);
    strbuf_init(&writing.piece, NULL, 2 * NPM_MANIFEST_MAX);
    strbuf_init(&writing.hoisted, NULL, NPM_MANIFEST_MAX);
    strbuf_init(&writing.restricted, NULL, RESTRICTED_MAX + 3 * NPM_MANIFEST_MAX);
    npm_upstream_settle_tags(packument);
    latest = npm_entries_find(&packument->tags, "latest");
    if (packument->is_latest_moved && view->form == NPM_FULL && latest)
        writing.hoist = latest->text;
    strbuf_char(&writing.piece, '{');
    if (view->form == NPM_FULL) {
        strbuf_text(&writing.piece, "\"_id\":");
        strbuf_json(&writing.piece, packument->name);
        strbuf_char(&writing.piece, ',');
    }
    strbuf_text(&writing.piece, "\"name\":");
    strbuf_json(&writing.piece, packument->name);
    if (!(rc = flush(&writing, err)) && !(rc = write_members(&writing, err)))
        rc = write_end(&writing, err);
    *modified_us = writing.last_us;
    log_left_out(packument);
    strbuf_free(&writing.manifest);
    strbuf_free(&writing.piece);
    strbuf_free(&writing.hoisted);
    strbuf_free(&writing.restricted);
    arena_free(writing.scratch);
    return rc;
}

enum status npm_upstream_show_version(const struct npm_upstream_packument *packument,
                                      const struct npm_entry *version,
                                      const struct npm_listing *listing,
                                      const struct npm_upstream_view *view, struct strbuf *out,
                                      struct error *err)
{
    struct arena *arena = arena_new();
    enum status rc = show_manifest(packument->name, version->key, listing, view, arena, out, err);

    arena_free(arena);
    return rc;
}

