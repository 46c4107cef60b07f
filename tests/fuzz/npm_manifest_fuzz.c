/* The bytes up to the first NUL are a publisher's manifest, the rest is the tarball's package.json:
 * what is stored can always be shown, and is JSON. */
#include "protocols/npm/manifest.h"
#include "protocols/npm/tarball.h"
#include "storage/blobs/digest.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_json(const struct strbuf *text)
{
    struct json_cursor cursor;

    json_cursor_init_text(&cursor, text->data, text->length, 2 * NPM_MANIFEST_DEPTH);
    if (json_skip_value(&cursor, NULL) || json_finish(&cursor, NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct digests digests;
    struct arena *arena = arena_new();
    char *manifest = arena_copy_bytes(arena, data, size), *package_json;
    size_t length = strlen(manifest);
    struct npm_tarball tarball = {.has_binding_gyp = size % 2};
    struct npm_facts facts = {"a", "1.0.0", "alice", &digests, &tarball, NULL};
    struct strbuf stored, shown;
    struct npm_claims claims;

    package_json = manifest + length + (length < size);
    tarball.package_json = package_json;
    tarball.package_json_length = size - (size_t)(package_json - manifest);
    strbuf_init(&stored, arena, 1 << 20);
    strbuf_init(&shown, arena, 1 << 20);
    if (!npm_manifest_read(manifest, length, arena, &claims, NULL) &&
        !npm_claims_check_bytes(&claims, &digests, NULL) &&
        !npm_manifest_build(manifest, length, &facts, &stored, NULL)) {
        must_be_json(&stored);
        if (npm_manifest_show(stored.data, stored.length, &(struct npm_view){NPM_FULL, .tarball_url = "u"}, &shown, NULL))
            abort();
        must_be_json(&shown);
        strbuf_clear(&shown);
        if (npm_manifest_show(stored.data, stored.length, &(struct npm_view){NPM_ABBREVIATED, .tarball_url = "u"}, &shown, NULL))
            abort();
        must_be_json(&shown);
        strbuf_clear(&shown);
        strbuf_text(&shown, "{\"x\":1");
        if (npm_manifest_hoist(stored.data, stored.length, &shown, NULL))
            abort();
        strbuf_char(&shown, '}');
        must_be_json(&shown);
    }
    arena_free(arena);
    return 0;
}
