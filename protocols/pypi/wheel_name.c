#include "protocols/pypi/wheel_name.h"

#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"

#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length > end_length && !strcmp(text + length - end_length, end);
}

bool file_name_is_wheel(const char *file)
{
    return ends_with(file, ".whl");
}

bool file_name_is_sdist(const char *file)
{
    return ends_with(file, ".tar.gz");
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* PEP 427: letters, digits, '_' and '.'. */
static bool is_component(const char *text)
{
    for (; *text; text++)
        if (!is_alphanumeric(*text) && *text != '_' && *text != '.')
            return false;
    return true;
}

/* PEP 425: tags with dots between them, none of them empty. */
static bool is_tag_set(const char *text)
{
    return is_component(text) && *text && *text != '.' && !ends_with(text, ".") &&
           !strstr(text, "..");
}

static enum status bad_name(struct error *err, const char *file, const char *reason)
{
    return fail(err, STATUS_INVALID, "invalid-filename", "Invalid filename '%.200s': %s", file,
                reason);
}

/* What both kinds demand of the name as a whole; hands back the part before the extension. */
static enum status read_stem(const char *file, const char *extension, struct arena *arena,
                             char **stem, struct error *err)
{
    size_t length = strnlen(file, DISTRIBUTION_NAME_LENGTH_MAX + 1);

    if (length > DISTRIBUTION_NAME_LENGTH_MAX)
        return bad_name(err, file, "it is longer than 255 bytes");
    if (!ends_with(file, extension))
        return fail(err, STATUS_INVALID, "invalid-filename",
                    "Invalid filename '%.200s': it does not end with '%s'", file, extension);
    *stem = arena_copy_bytes(arena, file, length - strlen(extension));
    return STATUS_OK;
}

/* Cuts the text at its dashes and counts the parts; those beyond room are not kept. */
static size_t split(char *text, const char **parts, size_t room)
{
    for (size_t count = 1;; count++) {
        char *dash = strchr(text, '-');

        if (count <= room)
            parts[count - 1] = text;
        if (!dash)
            return count;
        *dash = '\0';
        text = dash + 1;
    }
}

enum status wheel_name_parse(const char *file, struct arena *arena, struct wheel_name *out,
                             struct error *err)
{
    struct pypi_version version;
    const char *parts[6];
    size_t count;
    char *stem;
    enum status rc;

    if ((rc = read_stem(file, ".whl", arena, &stem, err)))
        return rc;
    count = split(stem, parts, 6);
    if (count != 5 && count != 6)
        return bad_name(err, file, "a wheel's name has four or five dashes");
    *out = (struct wheel_name){
        .project = parts[0],
        .version = parts[1],
        .build = count == 6 ? parts[2] : NULL,
        .python = parts[count - 3],
        .abi = parts[count - 2],
        .platform = parts[count - 1],
    };
    if (!project_name_is_valid(out->project) || strstr(out->project, "__"))
        return bad_name(err, file, "it does not begin with a project's name");
    if (!pypi_version_parse(out->version, &version))
        return bad_name(err, file, "its version is not one of PEP 440");
    if (out->build && (*out->build < '0' || *out->build > '9' || !is_component(out->build)))
        return bad_name(err, file, "its build tag does not begin with a digit");
    if (!is_tag_set(out->python) || !is_tag_set(out->abi) || !is_tag_set(out->platform))
        return bad_name(err, file, "its tags are not those of PEP 425");
    return STATUS_OK;
}

/* PEP 625 leaves no dash in either part, so the last one stands between them. */
enum status sdist_name_parse(const char *file, struct arena *arena, struct sdist_name *out,
                             struct error *err)
{
    struct pypi_version version;
    char *stem, *dash;
    enum status rc;

    if ((rc = read_stem(file, ".tar.gz", arena, &stem, err)))
        return rc;
    if (!(dash = strrchr(stem, '-')))
        return bad_name(err, file, "no dash stands between project and version");
    *dash = '\0';
    *out = (struct sdist_name){stem, dash + 1};
    if (!project_name_is_valid(out->project))
        return bad_name(err, file, "it does not begin with a project's name");
    if (!pypi_version_parse(out->version, &version))
        return bad_name(err, file, "its version is not one of PEP 440");
    return STATUS_OK;
}

static enum status check(const char *given_project, const char *given_version, const char *project,
                         const char *version, struct arena *arena, struct error *err)
{
    const char *expected = project_name_in_files(arena, project);
    struct pypi_version given, wanted;

    if (strcmp(given_project, expected))
        return fail(err, STATUS_INVALID, "invalid-filename",
                    "Invalid filename: it should begin with '%s-', not '%s-'", expected,
                    given_project);
    if (!pypi_version_parse(given_version, &given) || !pypi_version_parse(version, &wanted) ||
        pypi_version_compare(&given, &wanted))
        return fail(err, STATUS_INVALID, "invalid-filename",
                    "Invalid filename: it says version '%s', the metadata '%s'", given_version,
                    version);
    return STATUS_OK;
}

enum status wheel_name_check(const struct wheel_name *name, const char *project,
                             const char *version, struct arena *arena, struct error *err)
{
    return check(name->project, name->version, project, version, arena, err);
}

/* PEP 625 demands the canonical spelling too. */
enum status sdist_name_check(const struct sdist_name *name, const char *project,
                             const char *version, struct arena *arena, struct error *err)
{
    struct pypi_version given;
    struct strbuf canonical;
    enum status rc;

    if ((rc = check(name->project, name->version, project, version, arena, err)))
        return rc;
    strbuf_init(&canonical, arena, 2 * PYPI_VERSION_LENGTH_MAX);
    if (pypi_version_parse(name->version, &given))
        pypi_version_text(&given, &canonical);
    if (strcmp(name->version, canonical.data))
        return fail(err, STATUS_INVALID, "invalid-filename",
                    "Invalid filename: it should begin with '%s-%s.', not '%s-%s.'", name->project,
                    canonical.data, name->project, name->version);
    return STATUS_OK;
}

/* What installers have taken for a source distribution. */
static const char *const sdist_ends[] = {".tar.gz", ".zip",    ".tar.bz2",
                                         ".tgz",    ".tar.xz", ".tar.Z"};

static bool cut_end(char *file, const char *end)
{
    if (!ends_with(file, end))
        return false;
    file[strlen(file) - strlen(end)] = '\0';
    return true;
}

static bool cut_sdist_end(char *file)
{
    for (size_t i = 0; i < sizeof sdist_ends / sizeof *sdist_ends; i++)
        if (cut_end(file, sdist_ends[i]))
            return true;
    return false;
}

/* Old tools wrote '_' for '-' within a wheel's version. */
static const char *read_version(char *text)
{
    struct pypi_version version;

    if (pypi_version_parse(text, &version))
        return text;
    for (char *at = text; (at = strchr(at, '_'));)
        *at = '-';
    return pypi_version_parse(text, &version) ? text : NULL;
}

/* Old names of projects had dashes, so the version stands behind the one that ends the project. */
const char *file_name_version(const char *file, const char *project, struct arena *arena)
{
    bool is_wheel = file_name_is_wheel(file);
    const char *name;
    char *stem, *end;

    if (strnlen(file, DISTRIBUTION_NAME_LENGTH_MAX + 1) > DISTRIBUTION_NAME_LENGTH_MAX ||
        strpbrk(file, "/\\ "))
        return NULL;
    stem = arena_copy(arena, file);
    if (!cut_end(stem, ".whl") && !cut_sdist_end(stem))
        return NULL;
    for (char *dash = strchr(stem, '-'); dash; dash = strchr(dash + 1, '-')) {
        name = project_name_normalize(arena, arena_copy_bytes(arena, stem, (size_t)(dash - stem)));
        if (!name || strcmp(name, project))
            continue;
        if (!is_wheel)
            return read_version(dash + 1);
        if (!(end = strchr(dash + 1, '-')))
            return NULL;
        *end = '\0';
        return read_version(dash + 1);
    }
    return NULL;
}
