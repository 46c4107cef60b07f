#include "protocols/npm/manifest.h"

#include "protocols/npm/name.h"
#include "protocols/npm/tarball.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { KEY_MAX = 1024, TEXT_MAX = 4096 };

/* What becomes of a member of the publisher's manifest. */
enum origin {
    FROM_PUBLISHER, /* as it is */
    FROM_TARBALL,   /* as the tarball's package.json has it */
    FROM_US,        /* written here */
    FROM_NOBODY,    /* dropped: bookkeeping of clients */
};

static const struct member {
    const char *name;
    enum origin origin;
    bool is_abbreviated, is_hoisted;
} members[] = {
    {"name",                 FROM_US,        true,  false},
    {"version",              FROM_US,        true,  false},
    {"deprecated",           FROM_PUBLISHER, true,  false},
    {"dependencies",         FROM_TARBALL,   true,  false},
    {"optionalDependencies", FROM_TARBALL,   true,  false},
    {"devDependencies",      FROM_PUBLISHER, true,  false},
    {"bundleDependencies",   FROM_TARBALL,   true,  false},
    {"bundledDependencies",  FROM_NOBODY,    false, false}, /* the other spelling of the same */
    {"peerDependencies",     FROM_TARBALL,   true,  false},
    {"peerDependenciesMeta", FROM_TARBALL,   true,  false},
    {"acceptDependencies",   FROM_PUBLISHER, true,  false},
    {"bin",                  FROM_TARBALL,   true,  false},
    {"directories",          FROM_PUBLISHER, true,  false},
    {"engines",              FROM_TARBALL,   true,  false},
    {"os",                   FROM_TARBALL,   true,  false},
    {"cpu",                  FROM_TARBALL,   true,  false},
    {"libc",                 FROM_TARBALL,   true,  false},
    {"funding",              FROM_PUBLISHER, true,  false},
    {"scripts",              FROM_TARBALL,   false, false},
    {"hasInstallScript",     FROM_US,        true,  false},
    {"_hasShrinkwrap",       FROM_US,        true,  false},
    {"_npmUser",             FROM_US,        true,  false},
    {"dist",                 FROM_US,        true,  false},
    {"_id",                  FROM_US,        false, false},
    {"maintainers",          FROM_US,        false, false},
    {"readme",               FROM_US,        false, true },
    {"readmeFilename",       FROM_PUBLISHER, false, true },
    {"description",          FROM_PUBLISHER, false, true },
    {"homepage",             FROM_PUBLISHER, false, true },
    {"keywords",             FROM_PUBLISHER, false, true },
    {"repository",           FROM_PUBLISHER, false, true },
    {"bugs",                 FROM_PUBLISHER, false, true },
    {"author",               FROM_PUBLISHER, false, true },
    {"license",              FROM_PUBLISHER, false, true },
    {"contributors",         FROM_PUBLISHER, false, true },
    {"_rev",                 FROM_NOBODY,    false, false},
    {"_attachments",         FROM_NOBODY,    false, false},
    {"_integrity",           FROM_NOBODY,    false, false},
    {"integrity",            FROM_NOBODY,    false, false},
    {"shasum",               FROM_NOBODY,    false, false},
};

static const struct member other = {"", FROM_PUBLISHER, false, false};

static const struct member *find_member(const char *name)
{
    for (size_t i = 0; i < COUNT(members); i++)
        if (*name == *members[i].name && !strcmp(name, members[i].name))
            return &members[i];
    return &other;
}

/* A value, with its quotes or brackets. */
struct value {
    const char *text;
    size_t length;
};

static bool value_is(struct value value, const char *text)
{
    return value.length == strlen(text) && !memcmp(value.text, text, value.length);
}

/* A member of the object in text; its text is NULL where there is none. */
static struct value get(const char *text, size_t length, const char *key)
{
    struct json_range range;

    if (!text || json_find_member(text, length, key, &range, NULL))
        return (struct value){0};
    return (struct value){text + range.start, (size_t)(range.end - range.start)};
}

/* The text of a short string; NULL for anything else. */
static const char *text_of(struct value value, struct arena *arena)
{
    struct json_cursor cursor;
    struct strbuf text;

    if (!value.text)
        return NULL;
    strbuf_init(&text, arena, TEXT_MAX);
    json_cursor_init_text(&cursor, value.text, value.length, NPM_MANIFEST_DEPTH);
    return json_take_string(&cursor, &text, NULL) ? NULL : text.data;
}

typedef enum status (*member_visit)(void *context, const char *key, struct value value,
                                    struct error *err);

static enum status each_member(const char *text, size_t length, member_visit visit, void *context,
                               struct error *err)
{
    struct json_cursor cursor;
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, NULL, KEY_MAX);
    json_cursor_init_text(&cursor, text, length, NPM_MANIFEST_DEPTH);
    rc = json_enter(&cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&cursor, &key, err)) && cursor.kind == TOKEN_KEY)
        if (!(rc = json_skip_value(&cursor, err)))
            rc = visit(context, key.data,
                       (struct value){text + cursor.range.start,
                                      (size_t)(cursor.range.end - cursor.range.start)},
                       err);
    if (!rc)
        rc = json_finish(&cursor, err);
    strbuf_free(&key);
    return rc;
}

struct claims_reading {
    struct arena *arena;
    struct npm_claims *claims;
    const char *keys[NPM_MANIFEST_MEMBERS_MAX];
    size_t key_count;
};

/* Two parsers that differ on which of two equal keys counts would see two manifests. */
static enum status remember_key(struct claims_reading *reading, const char *key, struct error *err)
{
    for (size_t i = 0; i < reading->key_count; i++)
        if (!strcmp(reading->keys[i], key))
            return fail(err, STATUS_INVALID, "duplicate-key", "The manifest has \"%.100s\" twice",
                        key);
    if (reading->key_count == NPM_MANIFEST_MEMBERS_MAX)
        return fail(err, STATUS_INVALID, "too-many-members",
                    "The manifest has more than %d members", NPM_MANIFEST_MEMBERS_MAX);
    reading->keys[reading->key_count++] = arena_copy(reading->arena, key);
    return STATUS_OK;
}

static enum status read_claim(void *context, const char *key, struct value value, struct error *err)
{
    struct claims_reading *reading = context;
    struct npm_claims *claims = reading->claims;

    if (!strcmp(key, "name"))
        claims->name = text_of(value, reading->arena);
    else if (!strcmp(key, "version"))
        claims->version = text_of(value, reading->arena);
    else if (!strcmp(key, "private"))
        claims->is_private = value_is(value, "true");
    else if (!strcmp(key, "dist")) {
        claims->integrity = text_of(get(value.text, value.length, "integrity"), reading->arena);
        claims->shasum = text_of(get(value.text, value.length, "shasum"), reading->arena);
    }
    return remember_key(reading, key, err);
}

enum status npm_manifest_read(const char *manifest, size_t length, struct arena *arena,
                              struct npm_claims *out, struct error *err)
{
    struct claims_reading *reading = arena_alloc(arena, sizeof *reading);

    *out = (struct npm_claims){0};
    reading->arena = arena;
    reading->claims = out;
    return each_member(manifest, length, read_claim, reading, err);
}

struct algorithm {
    const char *prefix;
    const uint8_t *digest;
    size_t size;
};

/* Whether one of the entries of this algorithm holds; *is_listed tells whether there is one. */
static bool integrity_holds(const char *integrity, const struct algorithm *algorithm,
                            bool *is_listed)
{
    size_t prefix_length = strlen(algorithm->prefix);
    uint8_t digest[SHA512_SIZE];

    *is_listed = false;
    for (const char *at = integrity; *(at += strspn(at, " \t\r\n"));) {
        size_t length = strcspn(at, " \t\r\n"), value_length = strcspn(at, "? \t\r\n");

        if (!strncmp(at, algorithm->prefix, prefix_length)) {
            *is_listed = true;
            if (digest_parse_base64(at + prefix_length, value_length - prefix_length, digest,
                                    algorithm->size) &&
                !memcmp(digest, algorithm->digest, algorithm->size))
                return true;
        }
        at += length;
    }
    return false;
}

enum status npm_claims_check_bytes(const struct npm_claims *claims, const struct digests *digests,
                                   struct error *err)
{
    /* W3C Subresource Integrity 3.3.4: the strongest algorithm decides alone. */
    const struct algorithm algorithms[] = {
        {"sha512-", digests->sha512, SHA512_SIZE},
        {"sha256-", digests->sha256, SHA256_SIZE},
        {"sha1-",   digests->sha1,   SHA1_SIZE  },
    };
    char shasum[2 * SHA1_SIZE + 1];
    bool is_listed = false, holds = true;

    for (size_t i = 0; claims->integrity && !is_listed && i < COUNT(algorithms); i++)
        holds = integrity_holds(claims->integrity, &algorithms[i], &is_listed) || !is_listed;
    if (!holds)
        return fail(err, STATUS_INVALID, "EINTEGRITY",
                    "The tarball that arrived does not have the integrity %.200s",
                    claims->integrity);
    digest_hex(digests->sha1, SHA1_SIZE, shasum);
    if (claims->shasum && strcasecmp(claims->shasum, shasum))
        return fail(err, STATUS_INVALID, "EINTEGRITY",
                    "The tarball that arrived has the shasum %s, not %.100s", shasum,
                    claims->shasum);
    return STATUS_OK;
}

/* An object being written. */
struct building {
    struct strbuf *out;
    const struct npm_facts *facts;
    bool has_members;
};

static void put_key(struct building *building, const char *key)
{
    strbuf_char(building->out, building->has_members ? ',' : '{');
    strbuf_json(building->out, key);
    strbuf_char(building->out, ':');
    building->has_members = true;
}

static void put(struct building *building, const char *key, struct value value)
{
    put_key(building, key);
    strbuf_bytes(building->out, value.text, value.length);
}

static void put_text(struct building *building, const char *key, const char *text)
{
    put_key(building, key);
    strbuf_json(building->out, text);
}

static bool is_worth_keeping(const char *key, struct value value)
{
    /* 8.1: an empty deprecation is none. */
    return strcmp(key, "deprecated") ||
           !(value_is(value, "\"\"") || value_is(value, "false") || value_is(value, "null"));
}

static enum status keep_from_publisher(void *context, const char *key, struct value value,
                                       struct error *err)
{
    struct building *building = context;

    (void)err;
    if (find_member(key)->origin == FROM_PUBLISHER && is_worth_keeping(key, value))
        put(building, key, value);
    return STATUS_OK;
}

/* npm itself turns "bin": "cli.js" into a map, and fills it from a folder. */
static void put_bin(struct building *building, struct value in_tarball, struct value in_manifest)
{
    const struct npm_tarball *tarball = building->facts->tarball;
    struct value directories =
        get(tarball->package_json, tarball->package_json_length, "directories");

    if (in_tarball.text && *in_tarball.text == '"') {
        put_key(building, "bin");
        strbuf_char(building->out, '{');
        strbuf_json(building->out, npm_name_base(building->facts->name));
        strbuf_char(building->out, ':');
        strbuf_bytes(building->out, in_tarball.text, in_tarball.length);
        strbuf_char(building->out, '}');
    } else if (in_tarball.text) {
        put(building, "bin", in_tarball);
    } else if (in_manifest.text && get(directories.text, directories.length, "bin").text) {
        put(building, "bin", in_manifest);
    }
}

static void put_from_tarball(struct building *building, const char *manifest, size_t length)
{
    const struct npm_tarball *tarball = building->facts->tarball;

    for (size_t i = 0; i < COUNT(members); i++) {
        const char *name = members[i].name;
        struct value value;

        if (members[i].origin != FROM_TARBALL)
            continue;
        value = get(tarball->package_json, tarball->package_json_length, name);
        if (!value.text && !strcmp(name, "bundleDependencies"))
            value = get(tarball->package_json, tarball->package_json_length, "bundledDependencies");
        if (!strcmp(name, "bin"))
            put_bin(building, value, get(manifest, length, name));
        else if (value.text)
            put(building, name, value);
    }
}

static bool has_install_script(const struct npm_tarball *tarball)
{
    static const char *const hooks[] = {"preinstall", "install", "postinstall"};
    struct value scripts = get(tarball->package_json, tarball->package_json_length, "scripts");
    struct value gypfile = get(tarball->package_json, tarball->package_json_length, "gypfile");

    for (size_t i = 0; i < COUNT(hooks); i++) {
        struct value hook = get(scripts.text, scripts.length, hooks[i]);

        if (hook.text && *hook.text == '"' && hook.length > 2)
            return true;
    }
    return tarball->has_binding_gyp && !(gypfile.text && value_is(gypfile, "false"));
}

static void put_person(struct strbuf *out, const char *name)
{
    strbuf_text(out, "{\"name\":");
    strbuf_json(out, name);
    strbuf_text(out, ",\"email\":\"\"}"); /* npm owner prints it, so it must be a text */
}

static void put_readme(struct building *building, const char *manifest, size_t length)
{
    struct value readme = get(manifest, length, "readme");

    if ((!readme.text || value_is(readme, "\"\"")) && building->facts->readme)
        readme = (struct value){building->facts->readme, strlen(building->facts->readme)};
    if (readme.text && *readme.text == '"' && readme.length > 2 &&
        !value_is(readme, "\"ERROR: No README data found!\"")) /* what npm says without one */
        put(building, "readme", readme);
}

static void put_own(struct building *building)
{
    const struct npm_facts *facts = building->facts;
    const struct npm_tarball *tarball = facts->tarball;
    struct strbuf *out = building->out;

    put_key(building, "_npmUser");
    put_person(out, facts->publisher);
    put_key(building, "maintainers");
    strbuf_char(out, '[');
    put_person(out, facts->publisher);
    strbuf_char(out, ']');
    put_key(building, "_hasShrinkwrap");
    strbuf_text(out, tarball->has_shrinkwrap ? "true" : "false");
    if (has_install_script(tarball)) {
        put_key(building, "hasInstallScript");
        strbuf_text(out, "true");
    }
    put_key(building, "dist");
    strbuf_text(out, "{\"shasum\":\"");
    strbuf_hex(out, facts->digests->sha1, SHA1_SIZE);
    strbuf_text(out, "\",\"integrity\":\"sha512-");
    strbuf_base64(out, facts->digests->sha512, SHA512_SIZE);
    strbuf_format(out, "\",\"fileCount\":%" PRId64 ",\"unpackedSize\":%" PRId64 "}",
                  tarball->file_count, tarball->unpacked_bytes);
}

/* Manifest confusion: what is installed must be what the metadata names. */
static enum status check_tarball(const struct npm_facts *facts, struct arena *arena,
                                 struct error *err)
{
    const struct npm_tarball *tarball = facts->tarball;
    const char *name =
        text_of(get(tarball->package_json, tarball->package_json_length, "name"), arena);
    const char *version =
        text_of(get(tarball->package_json, tarball->package_json_length, "version"), arena);
    const char *clean = version ? npm_version_clean(version, arena) : NULL;

    if (!name || strcmp(name, facts->name))
        return fail(err, STATUS_UNPROCESSABLE, "EMANIFESTCONFUSION",
                    "The tarball's package.json is for the package \"%.214s\", not \"%.214s\"",
                    name ? name : "", facts->name);
    if (!clean || strcmp(clean, facts->version))
        return fail(err, STATUS_UNPROCESSABLE, "EMANIFESTCONFUSION",
                    "The tarball's package.json is for the version \"%.100s\", not \"%.100s\"",
                    version ? version : "", facts->version);
    return STATUS_OK;
}

enum status npm_manifest_build(const char *manifest, size_t length, const struct npm_facts *facts,
                               struct strbuf *out, struct error *err)
{
    struct building building = {out, facts, false};
    struct arena *arena = arena_new();
    enum status rc;

    if ((rc = check_tarball(facts, arena, err)))
        goto done;
    put_text(&building, "name", facts->name);
    put_text(&building, "version", facts->version);
    if ((rc = each_member(manifest, length, keep_from_publisher, &building, err)))
        goto done;
    put_from_tarball(&building, manifest, length);
    put_text(&building, "_id", arena_format(arena, "%s@%s", facts->name, facts->version));
    put_readme(&building, manifest, length);
    put_own(&building);
    strbuf_char(out, '}');
    if (strbuf_failed(out))
        rc = fail(err, STATUS_TOO_LARGE, "manifest-too-large",
                  "The manifest is larger than %zu bytes", out->cap);
done:
    arena_free(arena);
    return rc;
}

struct showing {
    struct building building;
    enum npm_form form;
    const char *tarball_url;
};

static enum status show_member(void *context, const char *key, struct value value,
                               struct error *err)
{
    struct showing *showing = context;
    struct building *building = &showing->building;
    const struct member *member = find_member(key);

    (void)err;
    if (showing->form == NPM_ABBREVIATED && !member->is_abbreviated)
        return STATUS_OK;
    if (!strcmp(member->name, "readme"))
        return STATUS_OK;
    if (!strcmp(member->name, "dist")) { /* never empty: put_own() wrote it */
        put_key(building, key);
        strbuf_text(building->out, "{\"tarball\":");
        strbuf_json(building->out, showing->tarball_url);
        strbuf_char(building->out, ',');
        strbuf_bytes(building->out, value.text + 1, value.length - 1);
    } else if (showing->form == NPM_ABBREVIATED && !strcmp(member->name, "_npmUser")) {
        struct value name = get(value.text, value.length, "name");

        put_key(building, key);
        strbuf_text(building->out, "{\"name\":");
        strbuf_bytes(building->out, name.text, name.length);
        strbuf_char(building->out, '}');
    } else {
        put(building, key, value);
    }
    return STATUS_OK;
}

enum status npm_manifest_show(const char *document, size_t length, enum npm_form form,
                              const char *tarball_url, struct strbuf *out, struct error *err)
{
    struct showing showing = {
        {out, NULL, false},
        form, tarball_url
    };
    enum status rc;

    if (!(rc = each_member(document, length, show_member, &showing, err)))
        strbuf_char(out, '}');
    return rc;
}

static enum status hoist_member(void *context, const char *key, struct value value,
                                struct error *err)
{
    struct building *building = context;

    (void)err;
    if (find_member(key)->is_hoisted)
        put(building, key, value);
    return STATUS_OK;
}

enum status npm_manifest_hoist(const char *document, size_t length, struct strbuf *out,
                               struct error *err)
{
    struct building building = {out, NULL, true};

    return each_member(document, length, hoist_member, &building, err);
}
