#include "server/commands/warm_list.h"

#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One entry of a lockfile. */
struct warm_wish {
    enum lockfile_format format;
    const char *name, *version, *file, *digest;
};

void warm_list_init(struct warm_list *list, struct arena *arena)
{
    *list = (struct warm_list){.arena = arena};
}

/* Room for one more behind count: doubled at each power of two. */
static void *room_for(struct arena *arena, void *items, size_t count, size_t size)
{
    void *more;

    if (count & (count - 1))
        return items;
    more = arena_array(arena, count ? 2 * count : 1, size);
    if (count)
        memcpy(more, items, count * size);
    return more;
}

static void skip(struct warm_list *list, const struct lockfile_entry *entry)
{
    list->skipped =
        room_for(list->arena, list->skipped, list->skipped_count, sizeof *list->skipped);
    list->skipped[list->skipped_count++] = (struct warm_skipped){
        .path = list->reading,
        .name = arena_copy(list->arena, entry->name),
        .why = arena_copy(list->arena, entry->why),
        .line = entry->line,
    };
}

/* npm publishes "1.0.0+build" as "1.0.0". */
static const char *version_of(struct warm_list *list, const struct lockfile_entry *entry)
{
    size_t length =
        entry->format == LOCKFILE_OF_NPM ? strcspn(entry->version, "+") : strlen(entry->version);

    return arena_copy_bytes(list->arena, entry->version, length);
}

static enum status add_entry(void *context, const struct lockfile_entry *entry, struct error *err)
{
    struct warm_list *list = context;
    struct warm_wish wish = {.format = entry->format};

    (void)err;
    if (entry->what == LOCKFILE_SKIPPED)
        skip(list, entry);
    if (entry->what != LOCKFILE_PACKAGE)
        return STATUS_OK;
    wish.name = entry->format == LOCKFILE_OF_PYPI ? project_name_normalize(list->arena, entry->name)
                                                  : arena_copy(list->arena, entry->name);
    if (!wish.name) {
        struct lockfile_entry odd = *entry;

        odd.why = "has a name that no registry has";
        skip(list, &odd);
        return STATUS_OK;
    }
    wish.version = version_of(list, entry);
    if (entry->format == LOCKFILE_OF_PYPI) {
        wish.file = arena_copy(list->arena, entry->file);
        if (entry->digest && !strncmp(entry->digest, "sha256:", 7))
            wish.digest = arena_copy(list->arena, entry->digest);
    }
    list->wishes = room_for(list->arena, list->wishes, list->wish_count, sizeof *list->wishes);
    list->wishes[list->wish_count++] = wish;
    return STATUS_OK;
}

static enum status read_whole(const char *path, char **text, size_t *length, struct error *err)
{
    FILE *file = fopen(path, "rbe");
    size_t size = 1 << 16, got;
    enum status rc = STATUS_OK;
    char *more;

    *text = NULL;
    *length = 0;
    if (!file)
        return errno == ENOENT ? fail(err, STATUS_INVALID, "", "%s does not exist", path)
                               : fail_errno(err, "cannot open %s", path);
    do {
        if (!(more = realloc(*text, (size *= 2) + 1))) {
            rc = fail(err, STATUS_INTERNAL, "", "out of memory");
            break;
        }
        *text = more;
        got = fread(*text + *length, 1, size - *length, file);
        *length += got;
    } while (*length == size && size <= LOCKFILE_BYTES_MAX);
    if (!rc && ferror(file))
        rc = fail_errno(err, "cannot read %s", path);
    if (!rc)
        (*text)[*length] = '\0';
    fclose(file);
    return rc;
}

enum status warm_list_add(struct warm_list *list, const char *path, struct error *err)
{
    enum lockfile_kind kind;
    char *text = NULL;
    size_t length;
    enum status rc;

    list->reading = path;
    if ((rc = lockfile_kind_of(path, &kind, err)) || (rc = read_whole(path, &text, &length, err)) ||
        (rc = lockfile_read(kind, path, text, length, add_entry, list, err)))
        goto done;
done:
    free(text);
    return rc;
}

static int compare_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a ? 1 : 0) - (b ? 1 : 0);
}

static int compare_wishes(const void *left, const void *right)
{
    const struct warm_wish *a = left, *b = right;
    int order = (int)a->format - (int)b->format;

    if (!order)
        order = strcmp(a->name, b->name);
    if (!order)
        order = strcmp(a->version, b->version);
    if (!order)
        order = compare_text(a->file, b->file);
    return order ? order : compare_text(a->digest, b->digest);
}

static void add_text(struct arena *arena, const char ***texts, size_t *count, const char *text)
{
    if (!text || (*count && !strcmp((*texts)[*count - 1], text)))
        return;
    *texts = room_for(arena, *texts, *count, sizeof **texts);
    (*texts)[(*count)++] = text;
}

/* The first wishes all are of one version; returns how many. */
static size_t take_version(struct warm_list *list, const struct warm_wish *wishes, size_t count,
                           struct warm_version *out)
{
    size_t taken = 0;

    *out = (struct warm_version){.version = wishes->version};
    for (; taken < count && wishes[taken].format == wishes->format &&
           !strcmp(wishes[taken].name, wishes->name) &&
           !strcmp(wishes[taken].version, wishes->version);
         taken++) {
        add_text(list->arena, &out->digests, &out->digest_count, wishes[taken].digest);
        add_text(list->arena, &out->files, &out->file_count, wishes[taken].file);
    }
    return taken;
}

void warm_list_finish(struct warm_list *list)
{
    struct warm_package *package = NULL;

    if (list->wish_count)
        qsort(list->wishes, list->wish_count, sizeof *list->wishes, compare_wishes);
    for (size_t at = 0; at < list->wish_count; list->version_count++) {
        const struct warm_wish *wish = &list->wishes[at];

        if (!package || package->format != wish->format || strcmp(package->name, wish->name)) {
            list->packages =
                room_for(list->arena, list->packages, list->count, sizeof *list->packages);
            package = &list->packages[list->count++];
            *package = (struct warm_package){.format = wish->format, .name = wish->name};
        }
        package->versions =
            room_for(list->arena, package->versions, package->count, sizeof *package->versions);
        at += take_version(list, wish, list->wish_count - at, &package->versions[package->count]);
        package->count++;
    }
}

void warm_list_clear(struct warm_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->packages[i].count; j++) {
            free(list->packages[i].versions[j].failure);
            list->packages[i].versions[j].failure = NULL;
        }
}
