/* Every byte string is a name, a tarball's name, a version and a tag, or is refused. */
#include "protocols/npm/name.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size), *version;
    struct semver parsed;

    if (npm_name_check_publish(text, NULL) == STATUS_OK) {
        /* What may be published may be read, and its tarball finds the way back. */
        const char *file = npm_tarball_name(text, "1.0.0-a-1", arena);

        if (!npm_name_is_readable(text) ||
            strcmp(npm_tarball_version(text, file, arena), "1.0.0-a-1"))
            abort();
    }
    npm_name_scope(text, arena);
    npm_tarball_version("hello", text, arena);
    version = npm_version_clean(text, arena);
    if (version && (!semver_parse(version, &parsed) || parsed.build ||
                    strcmp(npm_version_clean(version, arena), version) ||
                    npm_tag_check(version, arena, NULL) == STATUS_OK))
        abort();
    arena_free(arena);
    return 0;
}
