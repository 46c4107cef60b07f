/* What the manifests of an upstream's packument say, one after the other. */
#include "protocols/npm/name.h"
#include "protocols/npm/upstream_cut.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <string.h>

enum status npm_cut(struct npm_cutting *cutting, struct json_range range,
                    const struct npm_sink *sink, struct strbuf *buffer, struct error *err)
{
    while (cutting->at < range.end) {
        size_t there = cutting->to - cutting->from, taken;
        bool is_wanted = cutting->at >= range.start;
        uint64_t until = is_wanted ? range.end : range.start;
        const unsigned char *bytes;
        enum status rc;

        if (!there) {
            cutting->from = cutting->to = 0;
            if ((rc =
                     reader_read(cutting->document, cutting->piece, NPM_PIECE_SIZE, &cutting->to, err)))
                return rc;
            if (!cutting->to)
                return fail(err, STATUS_BAD_UPSTREAM, "upstream-invalid",
                            "The upstream's document has become shorter");
            continue;
        }
        bytes = cutting->piece + cutting->from;
        taken = until - cutting->at < there ? (size_t)(until - cutting->at) : there;
        cutting->from += taken;
        cutting->at += taken;
        if (is_wanted && buffer)
            strbuf_bytes(buffer, bytes, taken);
        if (is_wanted && sink && (rc = sink->put(sink->context, bytes, taken, err)))
            return rc;
    }
    return STATUS_OK;
}

/* Where the members that say something stand in a list. */
enum { NAME, VERSION, DIST, LICENSE, HAS_INSTALL_SCRIPT, SCRIPTS, GYPFILE, DEPRECATED, USER, MEMBERS };
enum { TARBALL, INTEGRITY, SHASUM, ATTESTATIONS, SIGNATURES, UNPACKED_SIZE, DIST_MEMBERS };

static void keep_members(const struct npm_value *members, const struct npm_value *dist,
                         struct npm_listing *out)
{
    out->license = members[LICENSE];
    out->has_install_script = members[HAS_INSTALL_SCRIPT];
    out->scripts = members[SCRIPTS];
    out->gypfile = members[GYPFILE];
    out->deprecated = members[DEPRECATED];
    out->user = members[USER];
    out->attestations = dist[ATTESTATIONS];
    out->signatures = dist[SIGNATURES];
    out->unpacked_size = dist[UNPACKED_SIZE];
}

static const char *read_attestations_url(struct npm_value attestations, struct arena *arena)
{
    static const char *const keys[] = {"url"};
    struct npm_value url;

    npm_value_pick(attestations, keys, 1, &url);
    return npm_value_text(url, arena);
}

const char *npm_listing_read(const char *manifest, size_t length, const char *name,
                             const char *version, struct arena *arena, struct npm_listing *out)
{
    static const char *const keys[MEMBERS] = {
        "name",    "version", "dist",       "license", "hasInstallScript",
        "scripts", "gypfile", "deprecated", "_npmUser"};
    static const char *const dist_keys[DIST_MEMBERS] = {"tarball",      "integrity",  "shasum",
                                                        "attestations", "signatures", "unpackedSize"};
    struct npm_value members[MEMBERS], dist[DIST_MEMBERS];
    const char *says;

    *out = (struct npm_listing){.manifest = manifest, .manifest_length = length};
    if (*manifest != '{')
        return "its manifest is no object";
    npm_value_pick((struct npm_value){manifest, length}, keys, MEMBERS, members);
    says = npm_value_text(members[NAME], arena);
    if (!says || strcmp(says, name))
        return "its manifest has another name";
    says = npm_value_text(members[VERSION], arena);
    if (says && strcmp(says, version))
        says = npm_version_clean(says, arena);
    if (!says || strcmp(says, version))
        return "its manifest has another version";
    if (!members[DIST].text || *members[DIST].text != '{')
        return "it has no dist";
    npm_value_pick(members[DIST], dist_keys, DIST_MEMBERS, dist);
    keep_members(members, dist, out);
    out->tarball = npm_value_text(dist[TARBALL], arena);
    out->integrity = npm_value_text(dist[INTEGRITY], arena);
    out->shasum = npm_value_text(dist[SHASUM], arena);
    out->attestations_url = read_attestations_url(dist[ATTESTATIONS], arena);
    return out->tarball && *out->tarball ? NULL : "it has no tarball";
}

enum status npm_upstream_take(const struct npm_upstream_packument *packument,
                              const struct npm_entry *version, struct reader *document,
                              struct arena *arena, struct npm_listing *out, struct error *err)
{
    unsigned char piece[NPM_PIECE_SIZE];
    struct npm_cutting cutting = {.document = document, .piece = piece};
    struct strbuf manifest;
    enum status rc;

    strbuf_init(&manifest, arena, NPM_MANIFEST_MAX);
    if ((rc = npm_cut(&cutting, version->range, NULL, &manifest, err)))
        return rc;
    if (npm_listing_read(manifest.data, manifest.length, packument->name, version->key, arena, out))
        return fail(err, STATUS_NOT_FOUND, "", "version not found: %.256s", version->key);
    return STATUS_OK;
}

enum status
npm_upstream_each(const struct npm_upstream_packument *packument, struct reader *document,
                  enum status (*visit)(void *context, const struct npm_entry *version,
                                       const struct npm_listing *listing, struct error *err),
                  void *context, struct error *err)
{
    unsigned char piece[NPM_PIECE_SIZE];
    struct npm_cutting cutting = {.document = document, .piece = piece};
    struct arena *arena = arena_new();
    struct strbuf manifest;
    enum status rc = STATUS_OK;

    strbuf_init(&manifest, NULL, NPM_MANIFEST_MAX);
    for (size_t i = 0; !rc && i < packument->versions.count; i++) {
        const struct npm_entry *version = &packument->versions.list[i];
        struct npm_listing listing;

        if (version->is_gone)
            continue;
        arena_reset(arena);
        strbuf_clear(&manifest);
        if (!(rc = npm_cut(&cutting, version->range, NULL, &manifest, err)) &&
            !npm_listing_read(manifest.data, manifest.length, packument->name, version->key, arena, &listing))
            rc = visit(context, version, &listing, err);
    }
    strbuf_free(&manifest);
    arena_free(arena);
    return rc;
}

/* Whether the URL's path ends with this segment. */
static bool is_file_of(const char *url, const char *file)
{
    size_t length = strcspn(url, "?#"), file_length = strlen(file);

    return length > file_length && url[length - file_length - 1] == '/' &&
           !memcmp(url + length - file_length, file, file_length);
}

struct file_search {
    const char *file;
    const struct npm_entry *found;
};

static enum status match_file(void *context, const struct npm_entry *version,
                              const struct npm_listing *listing, struct error *err)
{
    struct file_search *search = context;

    (void)err;
    if (!search->found && is_file_of(listing->tarball, search->file))
        search->found = version;
    return STATUS_OK;
}

enum status npm_upstream_find_file(const struct npm_upstream_packument *packument,
                                   struct reader *document, const char *file,
                                   const struct npm_entry **out, struct error *err)
{
    struct file_search search = {.file = file};
    enum status rc = npm_upstream_each(packument, document, match_file, &search, err);

    *out = search.found;
    return rc;
}
