#include "protocols/artifacts/digest_field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The digests of nothing, of RFC 9530's "{"hello": "world"}" and newline, and of "abc". */
#define EMPTY_256 "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
#define RFC_256 "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
#define ABC_512                                                                                    \
    "sha-512=:3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/"                       \
    "uu9RU1EI2Q86A4qmslPpUyknw==:"
#define ABC_MD5 "md5=:kAFQmDzST7DWlj99KOF/cg==:"
#define ABC_SHA "sha=:qZk+NkcGgWq6PiVxeFDCbJzQ2J0=:"

static const struct {
    const char *text;
    unsigned kinds;
    const char *code; /* of the failure; NULL: none */
} fields[] = {
    {RFC_256,                                                  DIGEST_SHA256,                 NULL             },
    {"  " RFC_256 "  ",                                        DIGEST_SHA256,                 NULL             },
    {RFC_256 "," ABC_512,                                      DIGEST_SHA256 | DIGEST_SHA512, NULL             },
    {ABC_512 " \t, \t" RFC_256,                                DIGEST_SHA256 | DIGEST_SHA512, NULL             },
    {ABC_MD5 ", " ABC_SHA,                                     DIGEST_MD5 | DIGEST_SHA1,      NULL             },
    {RFC_256 "," RFC_256,                                      DIGEST_SHA256,                 NULL             },
    {"",                                                       0,                             NULL             },
 /* What RFC 8941 allows beside the algorithms that are known. */
    {"unixsum=30637",                                          0,                             NULL             },
    {"crc32c=:AAAAAA==:, " RFC_256,                            DIGEST_SHA256,                 NULL             },
    {"x",                                                      0,                             NULL             },
    {"x;a;b=1, " RFC_256,                                      DIGEST_SHA256,                 NULL             },
    {"x=\"a\\\"b\", y=?1, z=tok/en:x, d=-1.5, *=1",            0,                             NULL             },
    {RFC_256 ";note=\"x\";y",                                  DIGEST_SHA256,                 NULL             },
 /* What is no digest. */
    {"sha-256",                                                0,                             "invalid-digest" },
    {"sha-256=abc",                                            0,                             "invalid-digest" },
    {"sha-256=:"
     "abc"
     ":",                                                 0,                             "invalid-digest" },
    {"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg:",  0,                             "invalid-digest" },
    {"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP_lF5HF9bvEF8FabDg=:", 0,                             "invalid-digest" },
    {"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",  0,                             "invalid-digest" },
    {"sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",   0,                             "invalid-digest" },
    {"sha-512=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", 0,                             "invalid-digest" },
    {"SHA-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", 0,                             "invalid-digest" },
    {RFC_256 ",",                                              DIGEST_SHA256,                 "invalid-digest" },
    {"," RFC_256,                                              0,                             "invalid-digest" },
    {RFC_256 " " ABC_512,                                      0,                             "invalid-digest" },
    {RFC_256 ";",                                              0,                             "invalid-digest" },
    {"x=",                                                     0,                             "invalid-digest" },
    {"x=\"a",                                                  0,                             "invalid-digest" },
    {"x=\"a\\",                                                0,                             "invalid-digest" },
    {"x=\"a\\b\"",                                             0,                             "invalid-digest" },
    {"x=?",                                                    0,                             "invalid-digest" },
    {"x=?2",                                                   0,                             "invalid-digest" },
    {"x=(1 2)",                                                0,                             "invalid-digest" },
    {"x=1.",                                                   0,                             "invalid-digest" },
    {"x=-",                                                    0,                             "invalid-digest" },
    {"x=1234567890123456",                                     0,                             "invalid-digest" },
    {"x=:",                                                    0,                             "invalid-digest" },
    {"1x=1",                                                   0,                             "invalid-digest" },
    {RFC_256 ", " EMPTY_256,                                   DIGEST_SHA256,                 "digest-mismatch"},
};

static void a_field_states_its_digests_or_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(fields); row++) {
        struct digests digests = {0};
        struct error err = {0};
        enum status rc = digest_field_read(fields[row].text, &digests, &err);

        if (fields[row].code ? rc != STATUS_INVALID || strcmp(err.code, fields[row].code)
                             : rc || digests.kinds != fields[row].kinds)
            fail_msg("row %zu: %s: %d %s kinds %u", row, fields[row].text, rc, err.code,
                     digests.kinds);
    }
}

static void the_bytes_of_a_digest_are_read(void **state)
{
    struct digests digests = {0};
    struct error err;
    uint8_t empty[SHA256_SIZE];

    (void)state;
    digest_sha256("", 0, empty);
    assert_int_equal(digest_field_read(EMPTY_256 "," ABC_MD5, &digests, &err), STATUS_OK);
    assert_memory_equal(digests.sha256, empty, SHA256_SIZE);
    assert_memory_equal(
        digests.md5, "\x90\x01\x50\x98\x3c\xd2\x4f\xb0\xd6\x96\x3f\x7d\x28\xe1\x7f\x72", MD5_SIZE);
}

static const struct {
    const char *text;
    unsigned kinds;
} wishes[] = {
    {"sha-256=1",             DIGEST_SHA256                },
    {"sha-512=10, sha-256=3", DIGEST_SHA512 | DIGEST_SHA256},
    {"sha-512=0, sha-256=10", DIGEST_SHA256                },
    {"sha-512=3;x=1",         DIGEST_SHA512                },
    {"unixsum=10",            0                            },
    {"sha-512",               0                            },
    {"sha-512=11",            0                            },
    {"sha-512=-1",            0                            },
    {"sha-512=0.5",           0                            },
    {"sha-512=5,",            0                            },
    {"sha-512=",              0                            },
    {"",                      0                            },
};

static void a_wish_names_kinds_of_digests(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(wishes); row++)
        if (digest_field_wanted(wishes[row].text) != wishes[row].kinds)
            fail_msg("row %zu: %s", row, wishes[row].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_states_its_digests_or_is_refused),
        cmocka_unit_test(the_bytes_of_a_digest_are_read),
        cmocka_unit_test(a_wish_names_kinds_of_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
