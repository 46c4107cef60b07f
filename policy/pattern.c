#include "policy/pattern_set.h"

#include "storage/memory/arena.h"
#include "storage/memory/glob.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/semver_range.h"
#include "storage/memory/specifier.h"

#include <string.h>

struct package_pattern {
    const char *text; /* as it was given */
    enum format format;
    const char *name; /* perhaps with stars */
    bool has_star;
    const struct semver_range *semver; /* of npm and artifacts; NULL: every version */
    const char *specifier;             /* of Python; NULL: every version */
    const char *exact;                 /* of an artifact whose version is no semver */
};

static enum status invalid(struct error *err, const char *text, const char *why)
{
    return fail(err, STATUS_INVALID, "pattern-invalid", "'%.200s' names no packages: %s", text,
                why);
}

/* Where the range begins in what follows the colon: at an '@' that is no scope's, for Python also
 * at an operator. */
static size_t name_length(enum format format, const char *rest)
{
    size_t scope = *rest == '@' ? 1 : 0;

    return scope + strcspn(rest + scope, format == FORMAT_PYPI ? "@=<>!~ " : "@");
}

static bool name_is_possible(enum format format, const char *name)
{
    const char *slash = strchr(name, '/');

    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at > '~' || strchr("\\:%?#\"<>|^`{}", *at))
            return false;
    if (!*name || strchr(name + 1, '@'))
        return false;
    if (format == FORMAT_NPM)
        return *name == '@' ? slash && slash > name + 1 && slash[1] && !strchr(slash + 1, '/')
                            : !slash;
    if (slash || *name == '@')
        return false;
    return format != FORMAT_PYPI ||
           !name[strspn(name,
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*")];
}

static bool is_only_stars(const char *name)
{
    return !name[strspn(name, "*")];
}

static enum status read_semver(struct package_pattern *pattern, const char *range,
                               struct arena *arena, struct error *err)
{
    if (!(pattern->semver = semver_range_parse(range, arena)))
        return invalid(err, pattern->text, "what stands behind '@' is no range of versions");
    if (!semver_range_is_possible(pattern->semver))
        return invalid(err, pattern->text, "no version can be in the range");
    return STATUS_OK;
}

/* "@1.0" is "==1.0". */
static enum status read_specifier(struct package_pattern *pattern, const char *range,
                                  struct arena *arena, struct error *err)
{
    struct pypi_version version;

    if (pypi_version_parse(range, &version))
        range = arena_format(arena, "==%s", range);
    if (!*range || !specifier_set_is_valid(range))
        return invalid(err, pattern->text, "what stands behind the name is no set of specifiers");
    if (!specifier_set_is_possible(range))
        return invalid(err, pattern->text, "no version can be in the range");
    pattern->specifier = range;
    return STATUS_OK;
}

static enum status read_range(struct package_pattern *pattern, const char *rest,
                              struct arena *arena, struct error *err)
{
    if (*rest == '@' && !*++rest)
        return invalid(err, pattern->text, "nothing stands behind '@'");
    if (pattern->format == FORMAT_PYPI)
        return read_specifier(pattern, rest, arena, err);
    if (pattern->format == FORMAT_ARTIFACT && !semver_range_parse(rest, arena)) {
        pattern->exact = rest;
        return STATUS_OK;
    }
    return read_semver(pattern, rest, arena, err);
}

enum status package_pattern_parse(const char *text, struct arena *arena,
                                  const struct package_pattern **out, struct error *err)
{
    struct package_pattern *pattern = arena_alloc(arena, sizeof *pattern);
    const char *colon = strchr(text, ':'), *rest;
    size_t length;
    char *name;
    enum status rc;

    *out = NULL;
    pattern->text = arena_copy(arena, text);
    if (strlen(text) > PACKAGE_PATTERN_MAX)
        return invalid(err, text, "it is too long");
    if (!colon || !(pattern->format = format_from_name(text, (size_t)(colon - text))))
        return invalid(err, text, "write npm:NAME, pypi:NAME or artifact:NAME");
    rest = pattern->text + (colon - text) + 1;
    length = name_length(pattern->format, rest);
    name = arena_copy_bytes(arena, rest, length);
    if (!is_only_stars(name) && !name_is_possible(pattern->format, name))
        return invalid(err, text, "no package can have such a name");
    if (!*name)
        return invalid(err, text, "it has no name");
    if (pattern->format == FORMAT_PYPI)
        format_fold(FORMAT_PYPI, name);
    pattern->name = name;
    pattern->has_star = strchr(name, '*') != NULL;
    rest += length;
    if (*rest && (rc = read_range(pattern, rest, arena, err)))
        return rc;
    *out = pattern;
    return STATUS_OK;
}

const struct package_pattern *package_pattern_for_name(enum format format, const char *name,
                                                       struct arena *arena)
{
    struct package_pattern *pattern = arena_alloc(arena, sizeof *pattern);
    char *folded = arena_copy(arena, name);

    if (!*name || (!is_only_stars(name) && !name_is_possible(format, name)))
        return NULL;
    format_fold(format, folded);
    *pattern = (struct package_pattern){
        .text = folded, .format = format, .name = folded, .has_star = strchr(folded, '*') != NULL};
    return pattern;
}

static bool version_matches(const struct package_pattern *pattern, const char *version)
{
    struct semver semver;

    if (pattern->specifier)
        return specifier_set_allows(pattern->specifier, version, false);
    if (pattern->exact)
        return !strcmp(pattern->exact, version);
    return !pattern->semver ||
           (semver_parse(version, &semver) && semver_satisfies(&semver, pattern->semver));
}

bool package_pattern_matches(const struct package_pattern *pattern, enum format format,
                             const char *name, const char *version)
{
    if (pattern->format != format)
        return false;
    if (pattern->has_star ? !glob_matches(pattern->name, name) : strcmp(pattern->name, name))
        return false;
    return version_matches(pattern, version);
}

const char *package_pattern_text(const struct package_pattern *pattern)
{
    return pattern->text;
}

enum format package_pattern_format(const struct package_pattern *pattern)
{
    return pattern->format;
}

const char *package_pattern_name(const struct package_pattern *pattern)
{
    return pattern->has_star ? NULL : pattern->name;
}
