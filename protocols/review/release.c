#include "protocols/review/release.h"

#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

enum { JOINED_MAX = 4096 };

static const char *const list_names[] = {
    [RELEASE_ABOUT] = "about",
    [RELEASE_SCRIPTS] = "scripts",
    [RELEASE_COMMANDS] = "commands",
    [RELEASE_DEPENDENCIES] = "dependencies",
    [RELEASE_PEOPLE] = "people",
};

const char *release_list_name(enum release_list list)
{
    return list_names[list];
}

void release_init(struct release *release, struct arena *arena)
{
    *release = (struct release){.arena = arena};
}

struct release_file *release_add_file(struct release *release, const char *path)
{
    struct release_file *file;

    release->files = arena_grow(release->arena, release->files, release->file_count,
                                &release->file_capacity, sizeof *release->files);
    file = &release->files[release->file_count];
    *file = (struct release_file){.path = arena_copy(release->arena, path),
                                  .place = release->file_count++};
    return file;
}

static void add(struct release *release, enum release_list list, const struct release_item *item)
{
    struct release_items *items = &release->lists[list];
    struct arena *arena = release->arena;

    if (items->count == RELEASE_ITEMS_MAX) {
        release->odd = arena_format(arena, "it names more than %d %s", RELEASE_ITEMS_MAX,
                                    release_list_name(list));
        return;
    }
    items->items =
        arena_grow(arena, items->items, items->count, &items->capacity, sizeof *items->items);
    items->items[items->count++] = (struct release_item){
        arena_copy(arena, item->kind), arena_copy(arena, item->name),
        arena_copy(arena, item->value ? item->value : ""), item->runs};
}

void release_add(struct release *release, enum release_list list, const char *kind, const char *name,
                 const char *value)
{
    if (list != RELEASE_ABOUT || (value && *value))
        add(release, list, &(struct release_item){kind, name, value, false});
}

void release_add_script(struct release *release, const char *kind, const char *name, const char *value,
                        bool runs)
{
    add(release, RELEASE_SCRIPTS, &(struct release_item){kind, name, value, runs});
}

/* Of one path, the last of the archive comes first. */
static int compare_files(const void *a, const void *b)
{
    const struct release_file *one = a, *other = b;
    int order = strcmp(one->path, other->path);

    return order ? order : one->place > other->place ? -1 : one->place < other->place;
}

static void settle_files(struct release *release)
{
    size_t kept = 0;

    if (release->file_count)
        qsort(release->files, release->file_count, sizeof *release->files, compare_files);
    for (size_t i = 0; i < release->file_count; i++) {
        if (kept && !strcmp(release->files[kept - 1].path, release->files[i].path))
            release->doubled++;
        else
            release->files[kept++] = release->files[i];
    }
    release->file_count = kept;
}

static int compare_items(const void *a, const void *b)
{
    const struct release_item *one = a, *other = b;
    int order = strcmp(one->kind, other->kind);

    if (!order)
        order = strcmp(one->name, other->name);
    return order ? order : strcmp(one->value, other->value);
}

/* What is said twice of one name is kept as both: neither may hide behind the other. */
static void settle_items(struct release_items *items, struct arena *arena)
{
    size_t kept = 0;

    if (items->count)
        qsort(items->items, items->count, sizeof *items->items, compare_items);
    for (size_t i = 0; i < items->count; i++) {
        struct release_item *item = &items->items[i], *last = kept ? &items->items[kept - 1] : NULL;

        if (!last || strcmp(last->kind, item->kind) || strcmp(last->name, item->name)) {
            items->items[kept++] = *item;
            continue;
        }
        last->runs |= item->runs;
        if (strcmp(item->value, items->items[i - 1].value) && strlen(last->value) < JOINED_MAX)
            last->value = arena_format(arena, "%s and %s", last->value, item->value);
    }
    items->count = kept;
}

void release_settle(struct release *release)
{
    settle_files(release);
    for (size_t i = 0; i < RELEASE_LISTS; i++)
        settle_items(&release->lists[i], release->arena);
}

struct release_file *release_find_file(const struct release *release, const char *path)
{
    size_t low = 0, high = release->file_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, release->files[middle].path);

        if (!order)
            return &release->files[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
