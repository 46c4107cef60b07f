#include "protocols/npm/manifest.h"
#include "protocols/npm/tarball.h"
#include "storage/blobs/digest.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct arena *arena;
static struct digests digests;

static int setup(void **state)
{
    struct digester *digester = digester_new(DIGEST_SHA256 | DIGEST_SHA512 | DIGEST_SHA1);

    (void)state;
    arena = arena_new();
    digester_update(digester, "abc", 3);
    digester_finish(digester, &digests);
    digester_free(digester);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

/* Digests of "abc", FIPS 180-4. */
#define SHA512_OF_ABC                                                                              \
    "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyk"  \
    "nw=="
#define SHA256_OF_ABC "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
#define SHA1_OF_ABC "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0="

static const struct {
    const char *integrity, *shasum;
    bool holds;
} claims[] = {
    {SHA512_OF_ABC,                "a9993e364706816aba3e25717850c26c9cd0d89d", true },
    {SHA512_OF_ABC,                "A9993E364706816ABA3E25717850C26C9CD0D89D", true },
    {NULL,                         NULL,                                       true },
    {SHA512_OF_ABC,                "a9993e364706816aba3e25717850c26c9cd0d89e", false},
    {NULL,                         "",                                         false},
    {SHA256_OF_ABC,                NULL,                                       true },
    {SHA1_OF_ABC,                  NULL,                                       true },
    {SHA512_OF_ABC "?foo",         NULL,                                       true },
    {"sha512-AAAA " SHA512_OF_ABC, NULL,                                       true },
    {"sha512-AAAA",                NULL,                                       false},
    {"sha512-",                    NULL,                                       false},
    {"sha1-AAAA",                  NULL,                                       false},
    {"sha512-AAAA " SHA256_OF_ABC, NULL,                                       false}, /* the strongest decides */
    {"sha1-AAAA " SHA512_OF_ABC,   NULL,                                       true },
    {"md5-AAAA",                   NULL,                                       true }, /* none that we know */
};

static void bytes_are_what_was_claimed(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(claims); row++) {
        struct npm_claims given = {.integrity = claims[row].integrity,
                                   .shasum = claims[row].shasum};
        struct error err = {0};
        enum status rc = npm_claims_check_bytes(&given, &digests, &err);

        if ((rc == STATUS_OK) != claims[row].holds)
            fail_msg("row %zu: %s", row, err.message);
        if (rc)
            assert_string_equal(err.code, "EINTEGRITY");
    }
}

static const struct {
    const char *manifest;
    enum status expected;
} readable[] = {
    {"{\"name\":\"a\",\"version\":\"1.0.0\"}", STATUS_OK     },
    {"{}",                                     STATUS_OK     },
    {"{\"name\":7,\"dist\":[]}",               STATUS_OK     },
    {"{\"name\":\"a\",\"name\":\"b\"}",        STATUS_INVALID},
    {"{\"x\":1,\"y\":2,\"x\":1}",              STATUS_INVALID},
    {"{\"\\u0078\":1,\"x\":1}",                STATUS_INVALID},
    {"[]",                                     STATUS_INVALID},
    {"\"name\"",                               STATUS_INVALID},
    {"{\"name\":\"a\"",                        STATUS_INVALID},
};

static void a_manifest_says_each_thing_once(void **state)
{
    struct npm_claims got;

    (void)state;
    for (size_t row = 0; row < COUNT(readable); row++)
        if (npm_manifest_read(readable[row].manifest, strlen(readable[row].manifest), arena, &got,
                              NULL) != readable[row].expected)
            fail_msg("row %zu: %s", row, readable[row].manifest);
}

static void claims_are_read_as_texts(void **state)
{
    static const char manifest[] = "{\"private\":true,\"name\":\"@s/\\u0061\",\"dist\":{\"shasum\":"
                                   "\"ab\",\"integrity\":\"sha512-x\"},\"version\":\"v1.0.0\"}";
    struct npm_claims got;

    (void)state;
    assert_int_equal(npm_manifest_read(manifest, strlen(manifest), arena, &got, NULL), STATUS_OK);
    assert_string_equal(got.name, "@s/a");
    assert_string_equal(got.version, "v1.0.0");
    assert_string_equal(got.integrity, "sha512-x");
    assert_string_equal(got.shasum, "ab");
    assert_true(got.is_private);
}

static enum status build(const char *manifest, const char *package_json, struct strbuf *out,
                         struct error *err)
{
    const struct npm_tarball tarball = {
        .package_json = package_json,
        .package_json_length = strlen(package_json),
        .file_count = 2,
        .unpacked_bytes = 345,
    };
    const struct npm_facts facts = {
        .name = "@s/a",
        .version = "1.0.0",
        .publisher = "alice",
        .digests = &digests,
        .tarball = &tarball,
    };

    strbuf_init(out, arena, NPM_MANIFEST_MAX);
    return npm_manifest_build(manifest, strlen(manifest), &facts, out, err);
}

#define PACKAGE "{\"name\":\"@s/a\",\"version\":\"1.0.0\""
#define OURS                                                                                       \
    "\"_id\":\"@s/a@1.0.0\",\"_npmUser\":{\"name\":\"alice\",\"email\":\"\"},\"maintainers\":[{"   \
    "\"name\":\"alice\",\"email\":\"\"}],\"_hasShrinkwrap\":false"
#define DIST                                                                                       \
    "\"dist\":{\"shasum\":\"a9993e364706816aba3e25717850c26c9cd0d89d\",\"integrity\":"             \
    "\"" SHA512_OF_ABC "\",\"fileCount\":2,\"unpackedSize\":345}}"

/* What the publisher's manifest and the tarball's package.json make together, up to the members
 * that are always there. */
static const struct {
    const char *manifest, *package_json, *members, *tail;
} builds[] = {
    {PACKAGE "}",                                                                        PACKAGE "}",                                                                     "",                                ""                          },
 /* Unknown members keep their bytes and their order. */
    {PACKAGE ",\"x\":{ \"y\" : [1.50, \"\\u00e9\"]},\"a\":null}",                        PACKAGE "}",
     "\"x\":{ \"y\" : [1.50, \"\\u00e9\"]},\"a\":null,",                                                                                                                                                     ""                          },
 /* What decides about an install is the tarball's. */
    {PACKAGE ",\"dependencies\":{\"evil\":\"1\"},\"scripts\":{\"postinstall\":\"x\"}}",  PACKAGE "}",
     "",                                                                                                                                                                                                     ""                          },
    {PACKAGE "}",                                                                        PACKAGE ",\"scripts\":{\"postinstall\":\"x\"},\"dependencies\":{\"b\":\"^1\"}}",
     "\"dependencies\":{\"b\":\"^1\"},\"scripts\":{\"postinstall\":\"x\"},",                                                                                                                                 ",\"hasInstallScript\":true"},
    {PACKAGE "}",                                                                        PACKAGE ",\"os\":[\"linux\"],\"os\":[\"darwin\"]}",                              "\"os\":[\"darwin\"],",            ""                          },
    {PACKAGE ",\"devDependencies\":{\"b\":\"1\"}}",                                      PACKAGE "}",
     "\"devDependencies\":{\"b\":\"1\"},",                                                                                                                                                                   ""                          },
    {PACKAGE "}",                                                                        PACKAGE ",\"scripts\":{\"install\":\"\",\"test\":\"x\"}}",
     "\"scripts\":{\"install\":\"\",\"test\":\"x\"},",                                                                                                                                                       ""                          },
    {PACKAGE "}",                                                                        PACKAGE ",\"bundledDependencies\":[\"b\"]}",                                     "\"bundleDependencies\":[\"b\"],",
     ""                                                                                                                                                                                                                                  },
    {PACKAGE "}",                                                                        PACKAGE ",\"bundleDependencies\":true}",                                         "\"bundleDependencies\":true,",    ""                          },
 /* bin, as a text, as a map, and as a folder that the client has listed. */
    {PACKAGE ",\"bin\":{\"evil\":\"x\"}}",                                               PACKAGE ",\"bin\":\"cli.js\"}",
     "\"bin\":{\"a\":\"cli.js\"},",                                                                                                                                                                          ""                          },
    {PACKAGE "}",                                                                        PACKAGE ",\"bin\":{\"b\":\"cli.js\"}}",                                          "\"bin\":{\"b\":\"cli.js\"},",     ""                          },
    {PACKAGE ",\"bin\":{\"c\":\"bin/c\"}}",                                              PACKAGE ",\"directories\":{\"bin\":\"bin\"}}",
     "\"bin\":{\"c\":\"bin/c\"},",                                                                                                                                                                           ""                          },
    {PACKAGE ",\"bin\":{\"evil\":\"x\"}}",                                               PACKAGE "}",                                                                     "",                                ""                          },
 /* Never the client's own word for what is known here. */
    {PACKAGE ",\"_id\":\"b\",\"maintainers\":[],\"hasInstallScript\":true,\"_integrity\":\"x\","
             "\"_npmUser\":{\"trustedPublisher\":1},\"dist\":{\"signatures\":[]}}", PACKAGE "}",                                                                     "",                                ""                          },
    {PACKAGE ",\"deprecated\":\"\"}",                                                    PACKAGE "}",                                                                     "",                                ""                          },
    {PACKAGE ",\"deprecated\":\"use b\"}",                                               PACKAGE "}",                                                                     "\"deprecated\":\"use b\",",       ""                          },
};

static void a_stored_manifest_tells_the_truth(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(builds); row++) {
        const char *expected = arena_format(arena, PACKAGE ",%s" OURS "%s," DIST,
                                            builds[row].members, builds[row].tail);
        struct error err = {0};
        struct strbuf out;

        if (build(builds[row].manifest, builds[row].package_json, &out, &err) ||
            strcmp(out.data, expected))
            fail_msg("row %zu:\n%s\n%s\n%s", row, out.data, expected, err.message);
    }
}

static const struct {
    const char *readme, *expected; /* NULL: none is stored */
} readmes[] = {
    {"\"# hello\"",                      "\"# hello\""},
    {"\"ERROR: No README data found!\"", NULL         },
    {"\"\"",                             NULL         },
    {"7",                                NULL         },
};

static void a_readme_is_stored_where_there_is_one(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(readmes); row++) {
        const char *manifest = arena_format(arena, PACKAGE ",\"readme\":%s}", readmes[row].readme);
        struct strbuf out;

        assert_int_equal(build(manifest, PACKAGE "}", &out, NULL), STATUS_OK);
        if (readmes[row].expected
                ? !strstr(out.data, arena_format(arena, ",\"readme\":%s,", readmes[row].expected))
                : strstr(out.data, "readme") != NULL)
            fail_msg("row %zu: %s", row, out.data);
    }
}

static const struct {
    const char *package_json;
    enum status expected;
} confusions[] = {
    {"{\"name\":\"@s/a\",\"version\":\"v1.0.0+b\"}",             STATUS_OK           },
    {"{\"name\":\"@s/b\",\"version\":\"1.0.0\"}",                STATUS_UNPROCESSABLE},
    {"{\"name\":\"@s/a\",\"version\":\"1.0.1\"}",                STATUS_UNPROCESSABLE},
    {"{\"name\":\"@s/a\",\"version\":\"1.0.0\",\"name\":\"b\"}", STATUS_UNPROCESSABLE},
    {"{\"name\":\"@s/a\"}",                                      STATUS_UNPROCESSABLE},
    {"{\"version\":\"1.0.0\"}",                                  STATUS_UNPROCESSABLE},
    {"[]",                                                       STATUS_UNPROCESSABLE},
    {"",                                                         STATUS_UNPROCESSABLE},
    {PACKAGE,                                                    STATUS_UNPROCESSABLE},
};

static void a_tarball_of_another_package_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(confusions); row++) {
        struct strbuf out;

        if (build(PACKAGE "}", confusions[row].package_json, &out, NULL) !=
            confusions[row].expected)
            fail_msg("row %zu: %s", row, confusions[row].package_json);
    }
}

static const char STORED[] =
    PACKAGE ",\"description\":\"d\",\"license\":\"MIT\",\"bin\":{\"a\":\"x\"},\"scripts\":{},"
            "\"os\":[\"linux\"],\"author\":{\"name\":\"bob\"},\"_id\":\"@s/a@1.0.0\","
            "\"readme\":\"# a\",\"_npmUser\":{\"name\":\"alice\",\"email\":\"a@b\"},"
            "\"maintainers\":[],\"_hasShrinkwrap\":false,\"dist\":{\"shasum\":\"0\"}}";

static void each_form_shows_its_members(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, arena, NPM_MANIFEST_MAX);
    assert_int_equal(
        npm_manifest_show(STORED, strlen(STORED), &(struct npm_view){NPM_ABBREVIATED, .tarball_url = "http://h/\"t"}, &out, NULL),
        STATUS_OK);
    assert_string_equal(out.data,
                        PACKAGE ",\"bin\":{\"a\":\"x\"},\"os\":[\"linux\"],\"_npmUser\":{\"name\":"
                                "\"alice\"},\"_hasShrinkwrap\":false,\"dist\":{\"tarball\":"
                                "\"http://h/\\\"t\",\"shasum\":\"0\"}}");
    strbuf_clear(&out);
    assert_int_equal(npm_manifest_show(STORED, strlen(STORED), &(struct npm_view){NPM_FULL, .tarball_url = "u"}, &out, NULL),
                     STATUS_OK);
    assert_string_equal(
        out.data,
        PACKAGE ",\"description\":\"d\",\"license\":\"MIT\",\"bin\":{\"a\":\"x\"},\"scripts\":{},"
                "\"os\":[\"linux\"],\"author\":{\"name\":\"bob\"},\"_id\":\"@s/a@1.0.0\","
                "\"_npmUser\":{\"name\":\"alice\",\"email\":\"a@b\"},\"maintainers\":[],"
                "\"_hasShrinkwrap\":false,\"dist\":{\"tarball\":\"u\",\"shasum\":\"0\"}}");
}

static void a_packument_shows_the_latest_description(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out, arena, NPM_MANIFEST_MAX);
    assert_int_equal(npm_manifest_hoist(STORED, strlen(STORED), &out, NULL), STATUS_OK);
    assert_string_equal(out.data, ",\"description\":\"d\",\"license\":\"MIT\",\"author\":{\"name\":"
                                  "\"bob\"},\"readme\":\"# a\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_what_was_claimed),
        cmocka_unit_test(a_manifest_says_each_thing_once),
        cmocka_unit_test(claims_are_read_as_texts),
        cmocka_unit_test(a_stored_manifest_tells_the_truth),
        cmocka_unit_test(a_readme_is_stored_where_there_is_one),
        cmocka_unit_test(a_tarball_of_another_package_is_refused),
        cmocka_unit_test(each_form_shows_its_members),
        cmocka_unit_test(a_packument_shows_the_latest_description),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
