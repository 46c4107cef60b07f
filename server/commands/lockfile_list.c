#include "server/commands/lockfile_list.h"

#include "policy/format.h"
#include "protocols/lockfile/lockfile.h"
#include "server/commands/text_file.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct arena *arena;
    const char **texts;
    size_t count, capacity;
};

static enum status add_entry(void *context, const struct lockfile_entry *entry, struct error *err)
{
    struct listing *listing = context;
    enum format format = entry->format == LOCKFILE_OF_NPM ? FORMAT_NPM : FORMAT_PYPI;
    char *name;

    (void)err;
    if (entry->what != LOCKFILE_PACKAGE)
        return STATUS_OK;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? 2 * listing->capacity : 1024;
        const char **larger = arena_array(listing->arena, capacity, sizeof *larger);

        if (listing->count)
            memcpy(larger, listing->texts, listing->count * sizeof *larger);
        listing->texts = larger;
        listing->capacity = capacity;
    }
    name = arena_copy(listing->arena, entry->name);
    if (format == FORMAT_PYPI)
        format_fold(format, name); /* npm's are compared as they are written */
    listing->texts[listing->count++] =
        arena_format(listing->arena, "%s:%s@%s", format_name(format), name, entry->version);
    return STATUS_OK;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum status lockfile_list_read(const struct command_call *call, const char *path,
                               const char ***out, size_t *count, struct error *err)
{
    struct listing listing = {.arena = call->arena};
    struct text_file file;
    enum lockfile_kind kind;
    enum status rc;

    *count = 0;
    if ((rc = lockfile_kind_of(path, &kind, err)) || (rc = text_file_read(path, call->arena, &file, err)))
        return rc;
    if (!file.mode)
        return fail(err, STATUS_NOT_FOUND, "", "%s does not exist", path);
    if ((rc = lockfile_read(kind, path, file.text, strlen(file.text), add_entry, &listing, err)))
        return rc;
    if (!listing.count)
        return fail(err, STATUS_INVALID, "", "%s names no version of a registry", path);
    qsort(listing.texts, listing.count, sizeof *listing.texts, compare);
    for (size_t i = 0; i < listing.count; i++)
        if (!*count || strcmp(listing.texts[*count - 1], listing.texts[i]) != 0)
            listing.texts[(*count)++] = listing.texts[i];
    *out = listing.texts;
    return STATUS_OK;
}
