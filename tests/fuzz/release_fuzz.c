/* Whatever an archive holds, it is read into a release that is the same as itself, and all of which is new
 * where there was nothing. The first byte chooses the format. */
#include "protocols/review/release_diff.h"
#include "protocols/review/release_read.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct unpack_limits limits = {
    .entries = 50,
    .bytes = 1 << 20,
    .ratio = 100,
    .ratio_from = 1 << 16,
    .path_length = 100,
    .depth = 5,
};

static void require(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "release_fuzz: %s\n", what);
        abort();
    }
}

static const char *behind_the_first_folder(struct arena *arena, const char *path)
{
    const char *slash = strchr(path, '/');

    (void)arena;
    return slash && slash[1] ? slash + 1 : NULL;
}

static const struct release_paths paths = {behind_the_first_folder, NULL};

static void compare(struct release *release, struct arena *arena)
{
    struct release_diff diff;

    release_settle(release);
    for (size_t i = 1; i < release->file_count; i++)
        require(strcmp(release->files[i - 1].path, release->files[i].path) < 0, "files are not in order");
    release_compare(release, release, arena, &diff);
    require(!diff.file_count, "it differs from itself");
    release_compare(NULL, release, arena, &diff);
    require(diff.file_counts.added == release->file_count, "not all of it is new");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum unpack_format format = size && *data == 'z' ? UNPACK_ZIP : UNPACK_TAR_GZIP;
    int fd = memfd_create("archive", MFD_CLOEXEC);
    struct arena *arena = arena_new();
    struct error err = {0};
    struct release release;
    struct strbuf text;
    struct release_text texts[] = {
        {"package.json", &text, false},
        {NULL,           NULL,  false}
    };

    if (size && (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1))
        abort();
    strbuf_init(&text, arena, 100);
    release_init(&release, arena);
    require(!release_read(fd, size ? (int64_t)size - 1 : 0, format, &limits, &paths, texts, &release, &err),
            "an archive is a failure");
    require(release.file_count <= limits.entries, "too many files");
    require(!release.broken == !release.broken_code, "a code without a sentence");
    compare(&release, arena);
    arena_free(arena);
    close(fd);
    return 0;
}
