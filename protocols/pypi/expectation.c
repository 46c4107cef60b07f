#include "protocols/pypi/expectation.h"

#include "protocols/pypi/core_metadata.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* As far as the fields go: what follows the first empty line is the description. */
static size_t head_length(const char *metadata)
{
    for (const char *at = metadata; (at = strchr(at, '\n')); at++)
        if (at[1] == '\n' || (at[1] == '\r' && at[2] == '\n'))
            return (size_t)(at + 1 - metadata);
    return strlen(metadata);
}

const struct pypi_expectation *pypi_expect(const struct settings *settings,
                                           const char *requires_python, const char *sidecar,
                                           struct arena *arena, size_t *size)
{
    size_t python_length = requires_python ? strlen(requires_python) : 0;
    size_t sidecar_length = sidecar ? head_length(sidecar) : 0;
    struct pypi_expectation *expected;

    *size = sizeof *expected + python_length + sidecar_length + 3;
    expected = arena_alloc(arena, *size);
    memset(expected, 0, *size);
    expected->settings = settings;
    if (requires_python) {
        expected->requires_python = 1;
        memcpy(expected->text + 1, requires_python, python_length);
    }
    if (sidecar) {
        expected->sidecar = python_length + 2;
        memcpy(expected->text + expected->sidecar, sidecar, sidecar_length);
    }
    return expected;
}

static char *without_blanks(const char *text, struct arena *arena)
{
    char *copy = arena_copy(arena, text), *out = copy;

    for (const char *in = copy; *in; in++)
        if (!strchr(" \t\r\n", *in))
            *out++ = *in;
    *out = '\0';
    return copy;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Whether two lists have the same entries, however they are ordered and spaced. */
static bool lists_differ(const char *const *one, size_t one_count, const char *const *other,
                         size_t other_count, struct arena *arena)
{
    const char **lists[2];

    if (one_count != other_count)
        return true;
    for (int side = 0; side < 2; side++) {
        lists[side] = arena_array(arena, one_count + 1, sizeof *lists[side]);
        for (size_t i = 0; i < one_count; i++)
            lists[side][i] = without_blanks(side ? other[i] : one[i], arena);
        if (one_count)
            qsort(lists[side], one_count, sizeof *lists[side], by_text);
    }
    for (size_t i = 0; i < one_count; i++)
        if (strcmp(lists[0][i], lists[1][i]) != 0)
            return true;
    return false;
}

/* The clauses of a set of specifiers; ">=3.8,<4" and "<4, >=3.8" are one. */
static const char **clauses(const char *set, struct arena *arena, size_t *count)
{
    char *rest = arena_copy(arena, set), *clause;
    const char **list = arena_array(arena, strlen(set) + 1, sizeof *list);

    *count = 0;
    while ((clause = strsep(&rest, ",")))
        if (clause[strspn(clause, " \t")])
            list[(*count)++] = clause;
    return list;
}

static bool specifiers_differ(const char *one, const char *other, struct arena *arena)
{
    size_t one_count, other_count;
    const char **first = clauses(one, arena, &one_count);
    const char **second = clauses(other ? other : "", arena, &other_count);

    return lists_differ(first, one_count, second, other_count, arena);
}

static bool names_differ(const struct core_metadata *one, const struct core_metadata *other,
                         struct arena *arena)
{
    struct pypi_version first, second;

    return strcmp(project_name_normalize(arena, one->name),
                  project_name_normalize(arena, other->name)) != 0 ||
           !pypi_version_parse(one->version, &first) ||
           !pypi_version_parse(other->version, &second) || pypi_version_compare(&first, &second);
}

struct dependencies {
    struct arena *arena;
    const char **list;
    size_t count, room;
};

static void see_field(void *context, const char *name, const char *value)
{
    struct dependencies *out = context;

    if (strcasecmp(name, "Requires-Dist"))
        return;
    out->list = arena_grow(out->arena, out->list, out->count, &out->room, sizeof *out->list);
    out->list[out->count++] = value;
}

static bool dependencies_differ(const char *one, const char *other, struct arena *arena)
{
    struct dependencies first = {.arena = arena}, second = {.arena = arena};

    core_metadata_each(one, arena, see_field, &first);
    core_metadata_each(other, arena, see_field, &second);
    return lists_differ(first.list, first.count, second.list, second.count, arena);
}

bool pypi_contradicts(const struct pypi_expectation *expected, const char *archive,
                      struct arena *arena)
{
    const char *sidecar = expected->text + expected->sidecar;
    struct core_metadata inside, beside;

    if (core_metadata_parse(archive, strlen(archive), arena, &inside, NULL))
        return false;
    if (expected->requires_python && specifiers_differ(expected->text + expected->requires_python,
                                                       inside.requires_python, arena))
        return true;
    if (!expected->sidecar || core_metadata_parse(sidecar, strlen(sidecar), arena, &beside, NULL))
        return false; /* clients cannot read it either, and take the archive's */
    return names_differ(&beside, &inside, arena) ||
           specifiers_differ(beside.requires_python ? beside.requires_python : "",
                             inside.requires_python, arena) ||
           dependencies_differ(sidecar, archive, arena) ||
           (beside.license && inside.license && strcmp(beside.license, inside.license) != 0);
}
