#include "config/settings.h"
#include "protocols/npm/tarball.h"
#include "tests/support/npm_package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct arena *arena;
static struct settings settings;

static int setup(void **state)
{
    (void)state;
    arena = arena_new();
    settings_init(&settings);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    settings_clear(&settings);
    arena_free(arena);
    return 0;
}

static enum npm_tarball_origin origin;

static enum status read_bytes(const char *bytes, size_t length, struct npm_tarball *out,
                              struct error *err)
{
    int fd = memfd_create("tarball", MFD_CLOEXEC);
    enum status rc;

    assert_int_equal(write(fd, bytes, length), length);
    rc = npm_tarball_read(fd, (int64_t)length, origin, &settings, arena, out, err);
    close(fd);
    return rc;
}

/* Up to three entries, in order; NULL refusal: it is a package. */
static const struct {
    struct {
        const char *path;
        char type;
        const char *content;
    } entries[3];
    enum status expected;
    const char *refusal;
} tarballs[] = {
    {{{"package/package.json", '0', "{}"}},                                             STATUS_OK,            NULL                  },
    {{{"./other folder/package.json", '0', "{}"}},                                      STATUS_OK,            NULL                  },
    {{{"package/a/package.json", '0', "no json"}, {"package/package.json", '0', "{}"}},
     STATUS_OK,                                                                                               NULL                  },
    {{{"package/index.js", '0', "1"}},                                                  STATUS_UNPROCESSABLE, "no package.json"     },
    {{{"package.json", '0', "{}"}},                                                     STATUS_UNPROCESSABLE, "no package.json"     },
    {{{"package/package.json", '0', "{}"}, {"other/package.json", '0', "{}"}},
     STATUS_UNPROCESSABLE,                                                                                    "other/package.json"  },
    {{{"package/package.json", '0', "{}"}, {"package/link", '2', "../../etc/passwd"}},
     STATUS_UNPROCESSABLE,                                                                                    "package/link"        },
    {{{"package/package.json", '2', "index.js"}},                                       STATUS_UNPROCESSABLE, "package/package.json"},
    {{{"package/package.json", '0', "{}"}, {"package/../../x", '0', "1"}},
     STATUS_INVALID,                                                                                          "package/../../x"     },
    {{{"/etc/passwd", '0', "1"}},                                                       STATUS_INVALID,       "/etc/passwd"         },
    {{{"package/dev", '3', ""}},                                                        STATUS_INVALID,       "package/dev"         },
};

static void a_tarball_is_one_package(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(tarballs); row++) {
        struct npm_tarball tarball;
        struct error err = {0};
        struct strbuf tar;
        const char *gzip;
        size_t length;
        enum status rc;

        strbuf_init(&tar, arena, NPM_TEST_BODY_MAX);
        for (size_t i = 0; i < 3 && tarballs[row].entries[i].path; i++)
            npm_tar_add(&tar, tarballs[row].entries[i].path, tarballs[row].entries[i].type,
                        tarballs[row].entries[i].content);
        gzip = npm_tar_gzip(&tar, arena, &length);
        rc = read_bytes(gzip, length, &tarball, &err);
        if (rc != tarballs[row].expected ||
            (tarballs[row].refusal && !strstr(err.message, tarballs[row].refusal)))
            fail_msg("row %zu: %s: %s", row, status_word(rc), err.message);
        if (!rc)
            assert_string_equal(tarball.package_json, "{}");
    }
}

static void what_the_packument_tells_is_counted(void **state)
{
    struct npm_tarball tarball;
    struct strbuf tar;
    const char *gzip;
    size_t length;

    (void)state;
    strbuf_init(&tar, arena, NPM_TEST_BODY_MAX);
    npm_tar_add(&tar, "package/package.json", '0', "\xef\xbb\xbf{\"a\":1}");
    npm_tar_add(&tar, "package/npm-shrinkwrap.json", '0', "{}");
    npm_tar_add(&tar, "package/binding.gyp", '0', "{}");
    gzip = npm_tar_gzip(&tar, arena, &length);
    assert_int_equal(read_bytes(gzip, length, &tarball, NULL), STATUS_OK);
    assert_int_equal(tarball.file_count, 3);
    assert_int_equal(tarball.unpacked_bytes, 14);
    assert_true(tarball.has_shrinkwrap);
    assert_true(tarball.has_binding_gyp);
    assert_int_equal(tarball.package_json_length, 7);
    assert_memory_equal(tarball.package_json, "{\"a\":1}", 7);

    strbuf_clear(&tar);
    npm_tar_add(&tar, "package/package.json", '0', "{}");
    npm_tar_add(&tar, "package/test/npm-shrinkwrap.json", '0', "{}");
    npm_tar_add(&tar, "package/test/binding.gyp", '0', "{}");
    gzip = npm_tar_gzip(&tar, arena, &length);
    assert_int_equal(read_bytes(gzip, length, &tarball, NULL), STATUS_OK);
    assert_false(tarball.has_shrinkwrap);
    assert_false(tarball.has_binding_gyp);
}

static void what_is_no_gzip_is_no_tarball(void **state)
{
    struct npm_tarball tarball;
    size_t length;
    const char *gzip = npm_tarball_of("{}", arena, &length);

    (void)state;
    assert_int_equal(read_bytes("hello", 5, &tarball, NULL), STATUS_INVALID);
    assert_int_equal(read_bytes("", 0, &tarball, NULL), STATUS_INVALID);
    assert_int_equal(read_bytes(gzip, length - 1, &tarball, NULL), STATUS_INVALID);
}

static void limits_are_the_settings(void **state)
{
    struct npm_tarball tarball;
    struct strbuf tar;
    const char *gzip;
    size_t length;

    (void)state;
    strbuf_init(&tar, arena, NPM_TEST_BODY_MAX);
    npm_tar_add(&tar, "package/package.json", '0', "{}");
    npm_tar_add(&tar, "package/index.js", '0', "1");
    gzip = npm_tar_gzip(&tar, arena, &length);
    settings.archive_entries_max = 1;
    assert_int_equal(read_bytes(gzip, length, &tarball, NULL), STATUS_INVALID);
    settings.archive_entries_max = 2;
    assert_int_equal(read_bytes(gzip, length, &tarball, NULL), STATUS_OK);
}

static void an_old_tarball_of_another_registry_is_taken_as_installers_take_it(void **state)
{
    struct npm_tarball tarball;
    struct strbuf tar;
    const char *gzip;
    size_t length;

    (void)state;
    strbuf_init(&tar, arena, 1 << 20);
    npm_tar_add(&tar, "package/package.json", '0', "{\"first\":1}");
    npm_tar_add(&tar, "package/link", '2', "package.json");
    npm_tar_add(&tar, "other/package.json", '0', "{}");
    gzip = npm_tar_gzip(&tar, arena, &length);
    origin = NPM_TARBALL_FOREIGN;
    assert_int_equal(read_bytes(gzip, length, &tarball, NULL), STATUS_OK);
    assert_int_equal(tarball.package_json_length, 2);
    assert_memory_equal(tarball.package_json, "{}", 2);
    origin = NPM_TARBALL_OURS;
    assert_int_equal(read_bytes(gzip, length, &tarball, NULL), STATUS_UNPROCESSABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tarball_is_one_package),
        cmocka_unit_test(what_the_packument_tells_is_counted),
        cmocka_unit_test(what_is_no_gzip_is_no_tarball),
        cmocka_unit_test(an_old_tarball_of_another_registry_is_taken_as_installers_take_it),
        cmocka_unit_test(limits_are_the_settings),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
