#include "storage/mirror/appeared.h"

#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { APPEARED_MAX = 20000 };

static const int64_t PRECISION_US = 1000000; /* some forms of a listing tell whole seconds */

/* The files of one listing. */
struct files {
    struct arena *arena;
    struct listed *list;
    size_t count, capacity;
};

static struct listed *add_one(struct files *files, const char *version, const char *file)
{
    files->list =
        arena_grow(files->arena, files->list, files->count, &files->capacity, sizeof *files->list);
    files->list[files->count] = (struct listed){.version = arena_copy(files->arena, version),
                                                .file = arena_copy(files->arena, file)};
    return &files->list[files->count++];
}

static enum status add(void *context, const char *version, const char *file, int64_t published_us,
                       struct error *err)
{
    (void)err;
    add_one(context, version, file)->published_us = published_us;
    return STATUS_OK;
}

static int by_file(const void *a, const void *b)
{
    const struct listed *one = a, *other = b;

    return strcmp(one->file, other->file);
}

/* A file that was not there, or whose time has moved back. What was said to lie in the future meant the
 * moment when it was said. */
static void compare(const struct files *old, const struct listed *now, int64_t before_checked_us,
                    struct files *found)
{
    const struct listed *before =
        old->count ? bsearch(now, old->list, old->count, sizeof *old->list, by_file) : NULL;
    struct listed *listed;
    int64_t said_us = before ? before->published_us : 0;

    if (said_us > before_checked_us)
        said_us = before_checked_us;
    if (before && (!now->published_us || now->published_us > said_us - PRECISION_US))
        return;
    listed = add_one(found, now->version, now->file);
    listed->after_us = before ? said_us : before_checked_us;
    listed->published_us = now->published_us;
    listed->has_moved = before;
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
    for (size_t i = 0; i < new.count && found.count <= APPEARED_MAX; i++)
        compare(&old, &new.list[i], before_checked_us, &found);
    if (found.count > APPEARED_MAX) {
        found.count = 0;
        add_one(&found, "*", "")->after_us = before_checked_us;
    }
    *out = found.list;
    *count = found.count;
done:
    arena_free(scratch);
    return rc;
}
