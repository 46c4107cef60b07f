/* A file name that is taken is put together again from its parts. */
#include "protocols/pypi/wheel_name.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be(const char *text, const char *expected)
{
    if (strcmp(text, expected))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *file = arena_copy_bytes(arena, data, size);
    struct wheel_name wheel;
    struct sdist_name sdist;
    struct error err;

    if (!wheel_name_parse(file, arena, &wheel, &err)) {
        must_be(arena_format(arena, "%s-%s-%s%s%s-%s-%s.whl", wheel.project, wheel.version,
                             wheel.build ? wheel.build : "", wheel.build ? "-" : "", wheel.python,
                             wheel.abi, wheel.platform),
                file);
        wheel_name_check(&wheel, project_name_normalize(arena, wheel.project), wheel.version, arena,
                         &err);
    }
    if (!sdist_name_parse(file, arena, &sdist, &err)) {
        must_be(arena_format(arena, "%s-%s.tar.gz", sdist.project, sdist.version), file);
        sdist_name_check(&sdist, project_name_normalize(arena, sdist.project), sdist.version, arena,
                         &err);
    }
    arena_free(arena);
    return 0;
}
