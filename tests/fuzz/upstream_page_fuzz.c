/* Whatever an upstream sends in place of a page, what is told on is a file of the project with an
 * address of the web, and the size of the pieces that it comes in changes nothing. */
#include "protocols/pypi/upstream_page.h"
#include "protocols/pypi/wheel_name.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct told {
    struct arena *arena;
    size_t files;
    uint64_t sum;
};

static void add(struct told *told, const char *text)
{
    for (; text && *text; text++)
        told->sum = told->sum * 31 + (unsigned char)*text;
}

static enum status visit(void *context, const struct upstream_file *file, struct error *err)
{
    struct told *told = context;

    (void)err;
    require(file_name_version(file->name, "demo-pkg", told->arena) && file->version);
    require(!strncmp(file->url, "http://", 7) || !strncmp(file->url, "https://", 8));
    require(!strpbrk(file->url, "# \r\n\t\"<>") && file->size >= -1);
    require(!file->metadata_sha256 || (file->has_metadata && strlen(file->metadata_sha256) == 64));
    add(told, file->name);
    add(told, file->url);
    add(told, file->requires_python);
    add(told, file->yanked);
    add(told, file->uploaded);
    told->files++;
    return STATUS_OK;
}

struct small {
    struct memory_reader memory;
    size_t piece;
};

static enum status read_small(struct reader *reader, void *buffer, size_t size, size_t *got,
                              struct error *err)
{
    struct small *small = (struct small *)reader;

    (void)err;
    *got = small->memory.left < small->piece ? small->memory.left : small->piece;
    if (*got > size)
        *got = size;
    memcpy(buffer, small->memory.at, *got);
    small->memory.at += *got;
    small->memory.left -= *got;
    return STATUS_OK;
}

static enum status read_in(const uint8_t *data, size_t size, size_t piece, struct told *told)
{
    struct arena *arena = arena_new();
    struct small small = {.piece = piece};
    struct upstream_page page;
    struct error err = {0};
    enum status rc;

    *told = (struct told){.arena = arena};
    memory_reader_init(&small.memory, data, size);
    small.memory.reader.read = read_small;
    rc = upstream_page_read(&small.memory.reader, NULL, "https://index.example/simple/demo-pkg/",
                            "demo-pkg", visit, told, arena, &page, &err);
    require(!rc || (rc == STATUS_BAD_UPSTREAM && *err.message));
    require(rc || page.files == told->files);
    arena_free(arena);
    return rc;
}

/* The first byte decides which of the two forms is read; the corpus has both. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told whole, cut;
    enum status rc = read_in(data, size, size + 1, &whole);

    for (size_t piece = 1; piece < 4; piece++)
        require(read_in(data, size, piece, &cut) == rc && cut.files == whole.files &&
                cut.sum == whole.sum);
    return 0;
}
