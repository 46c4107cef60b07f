/* Whatever an archive says, no path leaves it and no limit is passed. The first byte chooses the
 * format. */
#include "storage/memory/stream.h"
#include "storage/memory/unpack.h"

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
        fprintf(stderr, "unpack_fuzz: %s\n", what);
        abort();
    }
}

static enum status visit(void *context, const struct unpack_entry *entry, struct reader *content,
                         struct error *err)
{
    uint64_t *visits = context, total = 0;
    char buffer[1000];
    size_t got;
    enum status rc;

    require(++*visits <= limits.entries, "too many entries");
    require(*entry->path != '/' && strlen(entry->path) <= limits.path_length, "a bad path");
    require(strncmp(entry->path, "../", 3) && !strstr(entry->path, "/../"), "a path leaves");
    require(entry->size <= limits.bytes, "a file is too large");
    if (entry->kind != UNPACK_FILE || *visits % 2)
        return STATUS_OK;
    while (!(rc = reader_read(content, buffer, sizeof buffer, &got, err)) && got)
        total += got;
    require(rc || total <= entry->size, "more bytes than were announced");
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum unpack_format format = size && *data == 'z' ? UNPACK_ZIP : UNPACK_TAR_GZIP;
    struct unpack_totals totals;
    struct error err = {0};
    uint64_t visits = 0;
    int fd = memfd_create("archive", MFD_CLOEXEC);

    if (size && (fd < 0 || write(fd, data + 1, size - 1) != (ssize_t)size - 1))
        abort();
    if (!unpack_walk(fd, size ? size - 1 : 0, format, &limits, visit, &visits, &totals, &err)) {
        require(totals.entries == visits, "entries are not counted");
        require(totals.bytes <= limits.bytes, "too many bytes");
    }
    close(fd);
    return 0;
}
