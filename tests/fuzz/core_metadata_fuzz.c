/* What METADATA is taken for is what clients would take it for: a name, a version, a specifier. */
#include "protocols/pypi/core_metadata.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/specifier.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    const char *text = arena_copy_bytes(arena, data, size);
    struct core_metadata metadata;
    struct pypi_version version;
    struct error err;

    if (!core_metadata_parse(text, size, arena, &metadata, &err) &&
        (!project_name_normalize(arena, metadata.name) ||
         !pypi_version_parse(metadata.version, &version) ||
         (metadata.requires_python && !specifier_set_is_valid(metadata.requires_python))))
        abort();
    arena_free(arena);
    return 0;
}
