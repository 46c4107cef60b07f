#include "protocols/npm/manifest.h"

#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "protocols/npm/tarball.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

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

static enum status read_claim(void *context, const char *key, struct npm_value value,
                              struct error *err)
{
    struct claims_reading *reading = context;
    struct npm_claims *claims = reading->claims;

    if (!strcmp(key, "name"))
        claims->name = npm_value_text(value, reading->arena);
    else if (!strcmp(key, "version"))
        claims->version = npm_value_text(value, reading->arena);
    else if (!strcmp(key, "private"))
        claims->is_private = npm_value_is(value, "true");
    else if (!strcmp(key, "dist")) {
        claims->integrity =
            npm_value_text(npm_value_get(value.text, value.length, "integrity"), reading->arena);
        claims->shasum =
            npm_value_text(npm_value_get(value.text, value.length, "shasum"), reading->arena);
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
    return npm_each_member(manifest, length, read_claim, reading, err);
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

static void put(struct building *building, const char *key, struct npm_value value)
{
    put_key(building, key);
    strbuf_bytes(building->out, value.text, value.length);
}

static void put_text(struct building *building, const char *key, const char *text)
{
    put_key(building, key);
    strbuf_json(building->out, text);
}

static bool is_worth_keeping(const char *key, struct npm_value value)
{
    /* 8.1: an empty deprecation is none. */
    return strcmp(key, "deprecated") ||
           !(npm_value_is(value, "\"\"") || npm_value_is(value, "false") ||
             npm_value_is(value, "null"));
}

static enum status keep_from_publisher(void *context, const char *key, struct npm_value value,
                                       struct error *err)
{
    struct building *building = context;

    (void)err;
    if (npm_member_rule(key)->origin == FROM_PUBLISHER && is_worth_keeping(key, value))
        put(building, key, value);
    return STATUS_OK;
}

/* npm itself turns "bin": "cli.js" into a map, and fills it from a folder. */
static void put_bin(struct building *building, struct npm_value in_tarball,
                    struct npm_value in_manifest)
{
    const struct npm_tarball *tarball = building->facts->tarball;
    struct npm_value directories =
        npm_value_get(tarball->package_json, tarball->package_json_length, "directories");

    if (in_tarball.text && *in_tarball.text == '"') {
        put_key(building, "bin");
        strbuf_char(building->out, '{');
        strbuf_json(building->out, npm_name_base(building->facts->name));
        strbuf_char(building->out, ':');
        strbuf_bytes(building->out, in_tarball.text, in_tarball.length);
        strbuf_char(building->out, '}');
    } else if (in_tarball.text) {
        put(building, "bin", in_tarball);
    } else if (in_manifest.text &&
               npm_value_get(directories.text, directories.length, "bin").text) {
        put(building, "bin", in_manifest);
    }
}

static void put_from_tarball(struct building *building, const char *manifest, size_t length)
{
    const struct npm_tarball *tarball = building->facts->tarball;

    for (size_t i = 0; i < npm_member_count; i++) {
        const char *name = npm_members[i].name;
        struct npm_value value;

        if (npm_members[i].origin != FROM_TARBALL)
            continue;
        value = npm_value_get(tarball->package_json, tarball->package_json_length, name);
        if (!value.text && !strcmp(name, "bundleDependencies"))
            value = npm_value_get(tarball->package_json, tarball->package_json_length,
                                  "bundledDependencies");
        if (!strcmp(name, "bin"))
            put_bin(building, value, npm_value_get(manifest, length, name));
        else if (value.text)
            put(building, name, value);
    }
}

static bool has_install_script(const struct npm_tarball *tarball)
{
    const char *package_json = tarball->package_json;
    size_t length = tarball->package_json_length;
    struct npm_value gypfile = npm_value_get(package_json, length, "gypfile");

    return npm_scripts_install(npm_value_get(package_json, length, "scripts")) ||
           (tarball->has_binding_gyp && !(gypfile.text && npm_value_is(gypfile, "false")));
}

static void put_person(struct strbuf *out, const char *name)
{
    strbuf_text(out, "{\"name\":");
    strbuf_json(out, name);
    strbuf_text(out, ",\"email\":\"\"}"); /* npm owner prints it, so it must be a text */
}

static void put_readme(struct building *building, const char *manifest, size_t length)
{
    struct npm_value readme = npm_value_get(manifest, length, "readme");

    if ((!readme.text || npm_value_is(readme, "\"\"")) && building->facts->readme)
        readme = (struct npm_value){building->facts->readme, strlen(building->facts->readme)};
    if (readme.text && *readme.text == '"' && readme.length > 2 &&
        !npm_value_is(readme, "\"ERROR: No README data found!\"")) /* what npm says without one */
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
    const char *name = npm_value_text(
        npm_value_get(tarball->package_json, tarball->package_json_length, "name"), arena);
    const char *version = npm_value_text(
        npm_value_get(tarball->package_json, tarball->package_json_length, "version"), arena);
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
    if ((rc = npm_each_member(manifest, length, keep_from_publisher, &building, err)))
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
