#include "protocols/pypi/wheel.h"

#include "config/settings.h"
#include "protocols/pypi/wheel_name.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/unpack.h"

#include <string.h>

enum { METADATA_MAX = 4 << 20 };

static bool is_metadata(void *context, const char *path)
{
    (void)context;
    return unpack_path_matches("*.dist-info/METADATA", path);
}

enum status wheel_read_metadata(int fd, int64_t size, const struct wheel_name *wheel,
                                const struct settings *settings, struct arena *arena,
                                struct strbuf *out, struct error *err)
{
    struct unpack_limits limits = unpack_limits_from(settings);
    struct unpack_found found;
    const char *expected;
    enum status rc;

    strbuf_init(out, arena, METADATA_MAX);
    if ((rc = unpack_find(fd, (uint64_t)size, UNPACK_ZIP, &limits, is_metadata, NULL, out, &found,
                          err)))
        return rc;
    expected = wheel ? arena_format(arena, "%s-%s.dist-info/METADATA", wheel->project,
                                    wheel->version)
                     : "METADATA";
    if (found.count != 1 || (wheel && strcmp(found.path, expected)))
        return fail(err, STATUS_INVALID, "invalid-distribution",
                    "Invalid distribution file: %s %s",
                    found.count > 1 ? "the wheel has more METADATA than" : "the wheel has no",
                    expected);
    return STATUS_OK;
}
