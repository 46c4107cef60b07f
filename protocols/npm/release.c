/* What a tarball, and its listing, say of a release: for whoever compares it with the one before. */
#include "protocols/http/whole_file.h"
#include "protocols/npm/name.h"
#include "protocols/npm/upstream.h"
#include "protocols/review/release_read.h"
#include "protocols/review/review_format.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { PACKAGE_JSON_MAX = 1 << 20, SCRIPT_READ_MAX = 4096 };

/* A version is its one tarball. */
static int likeness(const char *file, const char *other, struct arena *arena)
{
    (void)file;
    (void)other;
    (void)arena;
    return 3;
}

/* Installers drop the first folder, whatever its name, and what stands in none. */
static const char *compared_path(struct arena *arena, const char *path)
{
    const char *slash = strchr(path, '/');

    (void)arena;
    return slash && slash[1] ? slash + 1 : NULL;
}

static bool path_runs(const char *path)
{
    return !strcmp(path, "binding.gyp");
}

static const struct release_paths paths = {compared_path, path_runs};

static struct npm_value inside(struct npm_value object, const char *key)
{
    return object.text && *object.text == '{' ? npm_value_get(object.text, object.length, key)
                                              : (struct npm_value){0};
}

/* What is no short text is shown as it stands. */
static const char *shown(struct npm_value value, struct arena *arena)
{
    const char *text = npm_value_text(value, arena);

    return text || !value.text ? text : arena_copy_bytes(arena, value.text, value.length);
}

struct adding {
    struct release *release;
    enum release_list list;
    const char *kind;
};

static enum status add_member(void *context, const char *key, struct npm_value value, struct error *err)
{
    const struct adding *adding = context;

    (void)err;
    release_add(adding->release, adding->list, adding->kind, key, shown(value, adding->release->arena));
    return STATUS_OK;
}

static enum status add_script(void *context, const char *key, struct npm_value value, struct error *err)
{
    static const char *const install[] = {"preinstall", "install", "postinstall"};
    struct release *release = context;
    bool runs = false;

    (void)err;
    for (size_t i = 0; i < sizeof install / sizeof *install; i++)
        runs |= !strcmp(key, install[i]);
    release_add_script(release, "script", key, shown(value, release->arena), runs);
    return STATUS_OK;
}

static void note_odd(struct release *release, enum status rc, const struct error *err)
{
    if (rc && !release->odd)
        release->odd = arena_format(release->arena, "its package.json cannot be read: %s", err->message);
}

/* Walks an object, where the value is one. */
static void each_member(struct release *release, struct npm_value object, npm_member_visit visit,
                        void *context)
{
    struct error err = {0};

    if (object.text && *object.text == '{')
        note_odd(release, npm_each_last_member(object.text, object.length, visit, context, &err), &err);
}

/* "Ann <ann@example.com>" of an object, or as it is written. */
static const char *person(struct npm_value value, struct arena *arena)
{
    const char *name = npm_value_text(inside(value, "name"), arena);
    const char *email = npm_value_text(inside(value, "email"), arena);

    if (!value.text || *value.text != '{')
        return npm_value_text(value, arena);
    if (name && *name && email && *email)
        return arena_format(arena, "%s <%s>", name, email);
    return name && *name ? name : email;
}

/* Each element of an array: people, or names. */
static void each_element(struct release *release, struct npm_value array,
                         void (*add)(struct release *release, const char *kind, struct npm_value element),
                         const char *kind)
{
    struct json_cursor cursor;
    bool has = false;

    if (!array.text || *array.text != '[')
        return;
    json_cursor_init_text(&cursor, array.text, array.length, NPM_MANIFEST_DEPTH);
    if (json_enter(&cursor, TOKEN_ARRAY, NULL))
        return;
    while (!json_has_element(&cursor, &has, NULL) && has && !json_skip_value(&cursor, NULL))
        add(release, kind,
            (struct npm_value){array.text + cursor.range.start,
                               (size_t)(cursor.range.end - cursor.range.start)});
}

static void add_person(struct release *release, const char *kind, struct npm_value value)
{
    const char *who = person(value, release->arena);

    if (who && *who)
        release_add(release, RELEASE_PEOPLE, kind, who, "");
}

static void add_bundled(struct release *release, const char *kind, struct npm_value value)
{
    const char *name = npm_value_text(value, release->arena);

    if (name)
        release_add(release, RELEASE_DEPENDENCIES, kind, name, "in the archive");
}

static void add_dependencies(struct release *release, struct npm_value manifest)
{
    static const char *const kinds[] = {"dependencies", "optionalDependencies", "peerDependencies",
                                        "devDependencies"};
    static const char *const bundles[] = {"bundleDependencies", "bundledDependencies"};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct adding adding = {release, RELEASE_DEPENDENCIES, kinds[i]};

        each_member(release, inside(manifest, kinds[i]), add_member, &adding);
    }
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
        each_element(release, inside(manifest, bundles[i]), add_bundled, "bundleDependencies");
}

static void add_commands(struct release *release, struct npm_value manifest)
{
    struct adding adding = {release, RELEASE_COMMANDS, "bin"};
    struct npm_value bin = inside(manifest, "bin");
    const char *one = npm_value_text(bin, release->arena);

    each_member(release, bin, add_member, &adding);
    if (one)
        release_add(release, RELEASE_COMMANDS, "bin",
                    npm_value_text(inside(manifest, "name"), release->arena), one);
}

static void add_about(struct release *release, struct npm_value manifest)
{
    struct npm_value license = inside(manifest, "license"), place = inside(manifest, "repository");
    struct arena *arena = release->arena;

    if (!license.text)
        license = inside(manifest, "licenses");
    release_add(release, RELEASE_ABOUT, "about", "license",
                shown(license.text && *license.text == '{' ? inside(license, "type") : license, arena));
    release_add(release, RELEASE_ABOUT, "about", "repository",
                shown(place.text && *place.text == '{' ? inside(place, "url") : place, arena));
    release_add(release, RELEASE_ABOUT, "about", "engines", shown(inside(manifest, "engines"), arena));
}

static enum status pass(void *context, const char *key, struct npm_value value, struct error *err)
{
    (void)context;
    (void)key;
    (void)value;
    (void)err;
    return STATUS_OK;
}

static void read_manifest(struct release *release, struct npm_value manifest)
{
    struct npm_value scripts = inside(manifest, "scripts");
    struct npm_value author = inside(manifest, "author");
    bool has_gyp = release_find_file(release, "binding.gyp") &&
                   !npm_value_is(inside(manifest, "gypfile"), "false");

    each_member(release, manifest, pass, NULL); /* whether all of it can be read */
    each_member(release, scripts, add_script, release);
    if (has_gyp && !inside(scripts, "install").text && !inside(scripts, "preinstall").text)
        release_add_script(release, "script", "install", "node-gyp rebuild", true); /* npm's own */
    add_dependencies(release, manifest);
    add_commands(release, manifest);
    add_about(release, manifest);
    add_person(release, "author", author);
}

/* Who publishes is said by the listing alone. */
static void read_listing(struct release *release, const struct npm_listing *listing)
{
    struct npm_value manifest = {listing->manifest, listing->manifest_length};
    struct npm_value publisher = inside(manifest, "_npmUser");

    release_add(release, RELEASE_ABOUT, "about", "publisher",
                publisher.text ? person(publisher, release->arena) : NULL);
    each_element(release, inside(manifest, "maintainers"), add_person, "maintainer");
}

static void mark(struct release *release, const char *path)
{
    struct release_file *file = release_find_file(release, path);

    if (file)
        file->runs = true;
}

/* Files that an install script names: "node scripts/fetch" runs scripts/fetch.js. */
static void mark_word(struct release *release, const char *word)
{
    static const char *const ends[] = {"", ".js", ".cjs", ".mjs", ".json", ".node", ".sh", "/index.js"};

    while (!strncmp(word, "./", 2))
        word += 2;
    for (size_t i = 0; *word && i < sizeof ends / sizeof *ends; i++)
        mark(release, arena_format(release->arena, "%s%s", word, ends[i]));
}

static void mark_what_runs(struct release *release)
{
    const struct release_items *scripts = &release->lists[RELEASE_SCRIPTS];

    for (size_t i = 0; i < scripts->count; i++) {
        char *text, *save = NULL;

        if (!scripts->items[i].runs)
            continue;
        text = arena_copy_bytes(release->arena, scripts->items[i].value,
                                strnlen(scripts->items[i].value, SCRIPT_READ_MAX));
        for (char *word = strtok_r(text, " \t\r\n\"'`;|&()<>=", &save); word;
             word = strtok_r(NULL, " \t\r\n\"'`;|&()<>=", &save))
            mark_word(release, word);
    }
}

static enum status read_archive(struct request *req, const struct whole_file *whole,
                                const struct npm_listing *listing, struct release *out)
{
    struct unpack_limits limits = unpack_limits_from(req->service->settings);
    struct strbuf manifest;
    struct release_text texts[] = {
        {"package.json", &manifest, false},
        {NULL,           NULL,      false}
    };
    size_t start;
    enum status rc;

    strbuf_init(&manifest, req->arena, PACKAGE_JSON_MAX);
    if ((rc = release_read(whole->fd, whole->size, UNPACK_TAR_GZIP, &limits, &paths, texts, out,
                           &req->error)) ||
        out->broken)
        return rc;
    release_settle(out);
    start = manifest.length >= 3 && !memcmp(manifest.data, "\xef\xbb\xbf", 3) ? 3 : 0;
    if (!texts[0].is_there || strbuf_failed(&manifest) || manifest.data[start] != '{')
        out->odd = "it has no package.json that can be read";
    else
        read_manifest(out, (struct npm_value){manifest.data + start, manifest.length - start});
    read_listing(out, listing);
    release_settle(out);
    mark_what_runs(out);
    return STATUS_OK;
}

/* Published here: the listing is the stored manifest. */
static enum status open_local(struct request *req, const struct verdict_subject *subject, const char *version,
                              struct npm_listing *listing, struct whole_file *out)
{
    struct catalog *catalog = req->service->catalog;
    struct package package;
    struct version found;
    enum status rc;

    *listing = (struct npm_listing){0};
    if ((rc = catalog_find_package(catalog, subject->repository, FORMAT_NPM, subject->name_norm, req->arena,
                                   &package, &req->error)) ||
        (rc = catalog_find_version(catalog, &package, version, req->arena, &found, &req->error)))
        return rc;
    listing->manifest = found.document;
    listing->manifest_length = found.document_length;
    return whole_file_open(req, subject, npm_tarball_name(subject->name, version, req->arena), out);
}

static enum status read(struct request *req, const struct verdict_subject *subject,
                        const struct mirror_document *document, const char *version, const char *file,
                        struct release *out)
{
    struct npm_listing listing;
    struct whole_file whole;
    enum status rc;

    (void)file;
    release_init(out, req->arena);
    if ((rc = document ? npm_open_tarball(req, subject, document, version, &listing, &whole)
                       : open_local(req, subject, version, &listing, &whole)))
        return release_judge(out, rc, &req->error);
    rc = read_archive(req, &whole, &listing, out);
    whole_file_close(&whole);
    return rc;
}

const struct review_format npm_review_format = {
    .format = FORMAT_NPM,
    .likeness = likeness,
    .read = read,
};
