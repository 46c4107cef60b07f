#include "storage/mirror/appeared.h"

#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { APPEARED_MAX = 20000 };

/* The files of one listing. */
struct files {
    struct arena *arena;
    struct listed *list;
    size_t count, capacity;
};

static enum status add(void *context, const char *version, const char *file, struct error *err)
{
    struct files *files = context;

    (void)err;
    files->list =
        arena_grow(files->arena, files->list, files->count, &files->capacity, sizeof *files->list);
    files->list[files->count++] = (struct listed){.version = arena_copy(files->arena, version),
                                                  .file = arena_copy(files->arena, file)};
    return STATUS_OK;
}

static int by_file(const void *a, const void *b)
{
    const struct listed *one = a, *other = b;

    return strcmp(one->file, other->file);
}

static enum status list(const struct mirror_format *format, const struct mirror_document *document,
                        struct files *out, struct error *err)
{
    struct reader *reader;
    enum status rc;

    if ((rc = mirror_read_document(document, &reader, err)))
        return rc;
    rc = format->list(reader, document, out->arena, add, out, err);
    reader_close(reader);
    return rc;
}

enum status appeared_find(const struct mirror_format *format, const struct mirror_document *before,
                          const struct mirror_document *now, int64_t before_checked_us,
                          struct arena *arena, struct listed **out, size_t *count,
                          struct error *err)
{
    struct arena *scratch = arena_new();
    struct files old = {.arena = scratch}, new = {.arena = scratch}, found = {.arena = arena};
    enum status rc = STATUS_OK;

    *count = 0;
    if (list(format, before, &old, NULL) || (rc = list(format, now, &new, err)))
        goto done;
    if (old.count)
        qsort(old.list, old.count, sizeof *old.list, by_file);
    for (size_t i = 0; i < new.count &&found.count <= APPEARED_MAX; i++)
        if (!old.count || !bsearch(&new.list[i], old.list, old.count, sizeof *old.list, by_file))
            add(&found, new.list[i].version, new.list[i].file, NULL);
    if (found.count > APPEARED_MAX) {
        found.count = 0;
        add(&found, "*", "", NULL);
    }
    for (size_t i = 0; i < found.count; i++)
        found.list[i].after_us = before_checked_us;
    *out = found.list;
    *count = found.count;
done:
    arena_free(scratch);
    return rc;
}
