#include "protocols/review/release_diff.h"

#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

static const char *const change_names[] = {
    [CHANGE_ADDED] = "added", [CHANGE_REMOVED] = "removed", [CHANGE_CHANGED] = "changed"};

const char *change_name(enum change change)
{
    return change_names[change];
}

static void count_change(struct change_counts *counts, enum change change)
{
    counts->added += change == CHANGE_ADDED;
    counts->removed += change == CHANGE_REMOVED;
    counts->changed += change == CHANGE_CHANGED;
}

static bool files_differ(const struct release_file *before, const struct release_file *after)
{
    return memcmp(before->sha256, after->sha256, SHA256_SIZE) != 0 || before->is_link != after->is_link ||
           before->is_executable != after->is_executable || before->runs != after->runs;
}

/* 0: what matters most. The same from either side. */
static int file_rank(const struct file_change *change)
{
    const struct release_file *before = change->before, *after = change->after;

    if ((before && before->runs) || (after && after->runs))
        return 0;
    return !((before && before->is_executable) || (after && after->is_executable)) + 1;
}

static const char *file_path(const struct file_change *change)
{
    return change->after ? change->after->path : change->before->path;
}

static int compare_file_changes(const void *a, const void *b)
{
    int order = file_rank(a) - file_rank(b);

    return order ? order : strcmp(file_path(a), file_path(b));
}

static void add_file(struct release_diff *out, const struct release_file *before,
                     const struct release_file *after)
{
    enum change change = !before ? CHANGE_ADDED : !after ? CHANGE_REMOVED : CHANGE_CHANGED;

    if (before && after && !files_differ(before, after)) {
        out->file_counts.same++;
        return;
    }
    out->files[out->file_count++] = (struct file_change){change, before, after};
    count_change(&out->file_counts, change);
}

static void compare_files(const struct release *before, const struct release *after,
                          struct arena *arena, struct release_diff *out)
{
    size_t old = 0, new = 0;

    out->files = arena_array(arena, before->file_count + after->file_count + 1, sizeof *out->files);
    while (old < before->file_count || new < after->file_count) {
        const struct release_file *one = old < before->file_count ? &before->files[old] : NULL;
        const struct release_file *other = new < after->file_count ? &after->files[new] : NULL;
        int order = !one ? 1 : !other ? -1 : strcmp(one->path, other->path);

        add_file(out, order <= 0 ? one : NULL, order >= 0 ? other : NULL);
        old += order <= 0;
        new += order >= 0;
    }
    qsort(out->files, out->file_count, sizeof *out->files, compare_file_changes);
}

static int order_of(const struct release_item *one, const struct release_item *other)
{
    int order = strcmp(one->kind, other->kind);

    return order ? order : strcmp(one->name, other->name);
}

static bool item_runs(const struct item_change *change)
{
    return (change->before && change->before->runs) || (change->after && change->after->runs);
}

static int compare_item_changes(const void *a, const void *b)
{
    const struct item_change *one = a, *other = b;
    int order = item_runs(other) - item_runs(one);

    return order ? order
                 : order_of(one->after ? one->after : one->before,
                            other->after ? other->after : other->before);
}

static void add_item(struct item_changes *out, const struct release_item *before,
                     const struct release_item *after)
{
    enum change change = !before ? CHANGE_ADDED : !after ? CHANGE_REMOVED : CHANGE_CHANGED;

    if (before && after && !strcmp(before->value, after->value) && before->runs == after->runs) {
        out->counts.same++;
        return;
    }
    out->items[out->count++] = (struct item_change){change, before, after};
    count_change(&out->counts, change);
}

static void compare_items(const struct release_items *before, const struct release_items *after,
                          struct arena *arena, struct item_changes *out)
{
    size_t old = 0, new = 0;

    out->items = arena_array(arena, before->count + after->count + 1, sizeof *out->items);
    while (old < before->count || new < after->count) {
        const struct release_item *one = old < before->count ? &before->items[old] : NULL;
        const struct release_item *other = new < after->count ? &after->items[new] : NULL;
        int order = !one ? 1 : !other ? -1 : order_of(one, other);

        add_item(out, order <= 0 ? one : NULL, order >= 0 ? other : NULL);
        old += order <= 0;
        new += order >= 0;
    }
    qsort(out->items, out->count, sizeof *out->items, compare_item_changes);
}

void release_compare(const struct release *before, const struct release *after, struct arena *arena,
                     struct release_diff *out)
{
    static const struct release nothing;

    if (!before)
        before = &nothing;
    *out = (struct release_diff){0};
    compare_files(before, after, arena, out);
    for (size_t i = 0; i < RELEASE_LISTS; i++)
        compare_items(&before->lists[i], &after->lists[i], arena, &out->lists[i]);
}
