#include "protocols/npm/tarball.h"

#include "config/settings.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/memory/unpack.h"

#include <string.h>

enum { PACKAGE_JSON_MAX = 1 << 20 };

struct tarball_reading {
    struct npm_tarball *tarball;
    enum npm_tarball_origin origin;
    struct strbuf package_json;
    size_t package_json_count;
};

static enum status read_package_json(struct tarball_reading *reading,
                                     const struct unpack_entry *entry, struct reader *content,
                                     struct error *err)
{
    char piece[4096];
    size_t got;
    enum status rc;

    /* Installers drop the first folder of each path, so two would become one file. */
    if (reading->package_json_count++ && reading->origin == NPM_TARBALL_OURS)
        return fail(err, STATUS_UNPROCESSABLE, "EBADTARBALL",
                    "The tarball has more than one package.json, also %.300s", entry->path);
    strbuf_clear(&reading->package_json);
    while (!(rc = reader_read(content, piece, sizeof piece, &got, err)) && got)
        strbuf_bytes(&reading->package_json, piece, got);
    if (!rc && strbuf_failed(&reading->package_json))
        rc = fail(err, STATUS_UNPROCESSABLE, "EBADTARBALL",
                  "The tarball's package.json is larger than %d bytes", PACKAGE_JSON_MAX);
    return rc;
}

static enum status see_entry(void *context, const struct unpack_entry *entry,
                             struct reader *content, struct error *err)
{
    struct tarball_reading *reading = context;

    if (entry->kind == UNPACK_LINK && reading->origin == NPM_TARBALL_OURS)
        return fail(err, STATUS_UNPROCESSABLE, "EBADTARBALL",
                    "The tarball has the link %.300s: installers skip or follow links as they "
                    "please, so a package has none",
                    entry->path);
    if (entry->kind != UNPACK_FILE)
        return STATUS_OK;
    if (unpack_path_matches("*/package.json", entry->path))
        return read_package_json(reading, entry, content, err);
    if (unpack_path_matches("*/npm-shrinkwrap.json", entry->path))
        reading->tarball->has_shrinkwrap = true;
    if (unpack_path_matches("*/binding.gyp", entry->path))
        reading->tarball->has_binding_gyp = true;
    return STATUS_OK;
}

static void skip_byte_order_mark(struct npm_tarball *tarball)
{
    if (tarball->package_json_length >= 3 && !memcmp(tarball->package_json, "\xef\xbb\xbf", 3)) {
        tarball->package_json += 3;
        tarball->package_json_length -= 3;
    }
}

enum status npm_tarball_read(int fd, int64_t size, enum npm_tarball_origin origin,
                             const struct settings *settings, struct arena *arena,
                             struct npm_tarball *out, struct error *err)
{
    struct unpack_limits limits = unpack_limits_from(settings);
    struct tarball_reading reading = {.tarball = out, .origin = origin};
    struct unpack_totals totals;
    enum status rc;

    *out = (struct npm_tarball){0};
    strbuf_init(&reading.package_json, arena, PACKAGE_JSON_MAX);
    if ((rc = unpack_walk(fd, (uint64_t)size, UNPACK_TAR_GZIP, &limits, see_entry, &reading,
                          &totals, err)))
        return rc;
    if (!reading.package_json_count)
        return fail(err, STATUS_UNPROCESSABLE, "EBADTARBALL",
                    "The tarball has no package.json in its top folder");
    out->package_json = reading.package_json.data;
    out->package_json_length = reading.package_json.length;
    out->file_count = (int64_t)totals.files;
    out->unpacked_bytes = (int64_t)totals.bytes;
    skip_byte_order_mark(out);
    return STATUS_OK;
}
