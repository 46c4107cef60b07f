/* What a wheel or a source distribution says of a release: for whoever compares it with the one before. */
#include "protocols/http/whole_file.h"
#include "protocols/pypi/core_metadata.h"
#include "protocols/pypi/fetched_file.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/wheel_name.h"
#include "protocols/review/release_read.h"
#include "protocols/review/review_format.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/strbuf.h"

#include <string.h>
#include <strings.h>

enum { METADATA_MAX = 4 << 20, ENTRY_POINTS_MAX = 1 << 20 };

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && !strcmp(text + length - end_length, end);
}

/* 0: a form that is not read here. */
static enum unpack_format format_of(const char *file, bool *is_known)
{
    bool is_zip = file_name_is_wheel(file) || ends_with(file, ".zip");

    *is_known = is_zip || ends_with(file, ".tar.gz") || ends_with(file, ".tgz");
    return is_zip ? UNPACK_ZIP : UNPACK_TAR_GZIP;
}

static bool same_tags(const char *file, const char *other, struct arena *arena)
{
    struct wheel_name one, two;

    return !wheel_name_parse(file, arena, &one, NULL) && !wheel_name_parse(other, arena, &two, NULL) &&
           !strcmp(one.python, two.python) && !strcmp(one.abi, two.abi) &&
           !strcmp(one.platform, two.platform);
}

/* A wheel for every platform is what most people get; an sdist has what wheels are made of. */
static int likeness(const char *file, const char *other, struct arena *arena)
{
    bool is_wheel = file_name_is_wheel(file), is_known;

    format_of(file, &is_known);
    if (!is_known)
        return 0;
    if (!other)
        return ends_with(file, "-none-any.whl") ? 3 : is_wheel ? 1 : 2;
    if (is_wheel != file_name_is_wheel(other))
        return 0;
    return !is_wheel ? 2 : same_tags(file, other, arena) ? 3 : 1;
}

/* "left_pad-1.3.1.dist-info/METADATA" is compared as "*.dist-info/METADATA". */
static const char *wheel_path(struct arena *arena, const char *path)
{
    static const char *const ends[] = {".dist-info", ".data"};
    size_t length = strcspn(path, "/");

    for (size_t i = 0; path[length] && i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);

        if (length > end && !memcmp(path + length - end, ends[i], end))
            return arena_format(arena, "*%s%s", ends[i], path + length);
    }
    return path;
}

/* Lines of a .pth file that begin with "import" run whenever the interpreter starts. */
static bool wheel_runs(const char *path)
{
    return (ends_with(path, ".pth") && !strchr(path, '/')) || ends_with(path, "sitecustomize.py") ||
           (!strncmp(path, "*.data/", 7) && ends_with(path, ".pth"));
}

/* An sdist's one folder has the version in its name. */
static const char *sdist_path(struct arena *arena, const char *path)
{
    const char *slash = strchr(path, '/');

    (void)arena;
    return slash && slash[1] ? slash + 1 : path;
}

/* Installing an sdist builds it. */
static bool sdist_runs(const char *path)
{
    return !strcmp(path, "setup.py") || !strcmp(path, "setup.cfg") || !strcmp(path, "pyproject.toml");
}

static const struct release_paths wheel_paths = {wheel_path, wheel_runs};
static const struct release_paths sdist_paths = {sdist_path, sdist_runs};

/* "Requests[socks] (>=2.31) ; extra == 'web'": the project and the marker name it, the rest is asked of
 * it. */
static void add_requirement(struct release *release, const char *text)
{
    struct arena *arena = release->arena;
    size_t length = strcspn(text, " \t([;<>=!~@");
    const char *name = project_name_normalize(arena, arena_copy_bytes(arena, text, length));
    const char *rest = text + length, *marker = strchr(rest, ';');
    char *asked;

    rest += strspn(rest, " \t");
    asked = arena_copy_bytes(arena, rest, marker && marker > rest ? (size_t)(marker - rest) : marker ? 0 : strlen(rest));
    for (size_t end = strlen(asked); end && strchr(" \t", asked[end - 1]);)
        asked[--end] = '\0';
    if (marker)
        marker += 1 + strspn(marker + 1, " \t");
    release_add(release, RELEASE_DEPENDENCIES, "Requires-Dist",
                marker ? arena_format(arena, "%s; %s", name ? name : text, marker) : name ? name : text,
                name ? asked : "");
}

static void see_field(void *context, const char *name, const char *value)
{
    static const struct {
        const char *field;
        enum release_list list;
        const char *kind, *name;
    } rows[] = {
        {"Author",           RELEASE_PEOPLE, "author",     NULL             },
        {"Author-email",     RELEASE_PEOPLE, "author",     NULL             },
        {"Maintainer",       RELEASE_PEOPLE, "maintainer", NULL             },
        {"Maintainer-email", RELEASE_PEOPLE, "maintainer", NULL             },
        {"Home-page",        RELEASE_ABOUT,  "about",      "home-page"      },
        {"Project-URL",      RELEASE_ABOUT,  "about",      "project-url"    },
        {"Requires-Python",  RELEASE_ABOUT,  "about",      "requires-python"},
    };
    struct release *release = context;

    if (!*value)
        return;
    if (!strcasecmp(name, "Requires-Dist")) {
        add_requirement(release, value);
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcasecmp(name, rows[i].field))
            release_add(release, rows[i].list, rows[i].kind, rows[i].name ? rows[i].name : value,
                        rows[i].name ? value : "");
}

/* "[console_scripts]" and lines below it: "web = app.main:run". */
static void read_entry_points(struct release *release, const struct strbuf *text)
{
    char *copy = arena_copy_bytes(release->arena, text->data, text->length), *save = NULL;
    const char *group = "";

    for (char *line = strtok_r(copy, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save)) {
        char *equals = strchr(line, '='), *end;

        line += strspn(line, " \t");
        if (*line == '[' && (end = strchr(line, ']'))) {
            *end = '\0';
            group = line + 1;
        } else if (*line && !strchr("#;", *line) && equals && equals >= line) {
            end = equals;
            while (end > line && strchr(" \t", end[-1]))
                end--;
            release_add(release, RELEASE_COMMANDS, group,
                        arena_copy_bytes(release->arena, line, (size_t)(end - line)),
                        equals + 1 + strspn(equals + 1, " \t"));
        }
    }
}

static void read_metadata(struct release *release, const char *what, const struct release_text *text)
{
    struct core_metadata metadata;
    struct error err = {0};

    if (!text->is_there || strbuf_failed(text->out)) {
        release->odd = arena_format(release->arena, "it has no %s that can be read", what);
        return;
    }
    if (!core_metadata_each(text->out->data, release->arena, see_field, release) ||
        strlen(text->out->data) != text->out->length)
        release->odd = arena_format(release->arena, "not all of its %s can be read", what);
    if (!core_metadata_parse(text->out->data, text->out->length, release->arena, &metadata, &err))
        release_add(release, RELEASE_ABOUT, "about", "license", metadata.license);
}

static enum status read_archive(struct request *req, const char *file, const struct whole_file *whole,
                                struct release *out)
{
    struct unpack_limits limits = unpack_limits_from(req->service->settings);
    bool is_wheel = file_name_is_wheel(file), is_known;
    enum unpack_format format = format_of(file, &is_known);
    const char *what = is_wheel ? "METADATA" : "PKG-INFO";
    struct strbuf metadata, points;
    struct release_text texts[] = {
        {is_wheel ? "*.dist-info/METADATA" : what,                            &metadata, false},
        {is_wheel ? "*.dist-info/entry_points.txt" : "*.egg-info/entry_points.txt", &points, false},
        {NULL,                                                                NULL,      false},
    };
    enum status rc;

    out->archive_bytes = whole->size;
    if (!is_known) {
        out->broken_code = "archive-unread";
        out->broken = arena_format(req->arena, "%s is packed in a way that is not read here", file);
        return STATUS_OK;
    }
    strbuf_init(&metadata, req->arena, METADATA_MAX);
    strbuf_init(&points, req->arena, ENTRY_POINTS_MAX);
    if ((rc = release_read(whole->fd, whole->size, format, &limits, is_wheel ? &wheel_paths : &sdist_paths,
                           texts, out, &req->error)) ||
        out->broken)
        return rc;
    read_metadata(out, what, &texts[0]);
    if (texts[1].is_there)
        read_entry_points(out, &points);
    release_settle(out);
    return STATUS_OK;
}

static enum status read(struct request *req, const struct verdict_subject *subject,
                        const struct mirror_document *document, const char *version, const char *file,
                        struct release *out)
{
    struct whole_file whole;
    enum status rc;

    (void)version;
    release_init(out, req->arena);
    if ((rc = fetched_file_open(req, subject, document, file, &whole)))
        return release_judge(out, rc, &req->error);
    rc = read_archive(req, file, &whole, out);
    whole_file_close(&whole);
    return rc;
}

const struct review_format pypi_review_format = {
    .format = FORMAT_PYPI,
    .likeness = likeness,
    .read = read,
};
