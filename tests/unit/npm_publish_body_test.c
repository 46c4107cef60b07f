#include "protocols/npm/publish_body.h"
#include "storage/memory/stream.h"
#include "tests/support/catalog_fixture.h"
#include "tests/support/npm_package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    fixture_setup(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_teardown(&fixture);
    return 0;
}

/* Gives at most piece bytes at a time, and fails where text ends before its length. */
struct piecewise_reader {
    struct reader reader;
    const char *text;
    size_t left, piece, fails_at;
};

static enum status piecewise_read(struct reader *base, void *buffer, size_t size, size_t *got,
                                  struct error *err)
{
    struct piecewise_reader *reader = (struct piecewise_reader *)base;

    if (!reader->left && reader->fails_at)
        return (fail)(err, STATUS_TIMEOUT, "", "cut"); /* cmocka has a macro of this name */
    *got = size < reader->piece ? size : reader->piece;
    *got = *got < reader->left ? *got : reader->left;
    memcpy(buffer, reader->text, *got);
    reader->text += *got;
    reader->left -= *got;
    return STATUS_OK;
}

static enum status read_pieces(const char *text, size_t length, size_t piece, bool is_cut,
                               struct npm_body *out, struct error *err)
{
    struct piecewise_reader reader = {
        {piecewise_read, NULL},
        text, length, piece, is_cut
    };

    return npm_body_read(fixture.catalog, &reader.reader, (int64_t)length, 0, fixture.arena, out,
                         err);
}

static const char berry[] =
    "{\"_id\":\"a\",\"_attachments\":{\"a-1.0.0.tgz\":{\"content_type\":\"x\",\"data\":"
    "\"aGVsbG8gd29ybGQ\\u003d\",\"length\":11}},\"name\":\"a\",\"access\":\"public\",\"dist-tags\":"
    "{\"latest\":\"1.0.0\",\"next\":\"1.0.0\"},\"versions\":{\"1.0.0\":{\"name\":\"a\", "
    "\"x\":[1]}},"
    "\"readme\":\"# a\"}";

static void members_come_in_any_order_and_in_any_pieces(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64, 4096};

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct npm_body body;
        struct error err = {0};
        char bytes[32];

        if (read_pieces(berry, strlen(berry), pieces[i], false, &body, &err))
            fail_msg("pieces of %zu: %s", pieces[i], err.message);
        assert_string_equal(body.id, "a");
        assert_string_equal(body.name, "a");
        assert_string_equal(body.version, "1.0.0");
        assert_string_equal(body.manifest, "{\"name\":\"a\", \"x\":[1]}");
        assert_string_equal(body.readme, "\"# a\"");
        assert_string_equal(body.file, "a-1.0.0.tgz");
        assert_int_equal(body.declared_length, 11);
        assert_int_equal(body.tag_count, 2);
        assert_string_equal(body.tags[1].tag, "next");
        assert_string_equal(body.tags[1].version, "1.0.0");
        assert_true(body.has_attachments);
        assert_false(body.has_provenance);
        assert_int_equal(stage_size(body.stage), 11);
        assert_int_equal(pread(stage_fd(body.stage), bytes, sizeof bytes, 0), 11);
        assert_memory_equal(bytes, "hello world", 11);
        stage_close(body.stage);
    }
}

/* NULL: it is taken. */
static const struct {
    const char *body, *code;
} bodies[] = {
    {"{}",                                                                    NULL                },
    {"{\"_id\":null,\"name\":null,\"access\":null,\"unknown\":{\"a\":[{}]}}", NULL                },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"\"}}}",                        NULL                },
    {"{\"_attachments\":{\"a.sigstore\":{\"data\":\"{}\",\"length\":2}}}",    NULL                },
    {"{\"dist-tags\":{\"latest\":null}}",                                     NULL                },
    {"",                                                                      "json-invalid"      },
    {"[]",                                                                    "json-type"         },
    {"{}x",                                                                   "json-invalid"      },
    {"{\"name\":\"a\"",                                                       "json-invalid"      },
    {"{\"name\":\"\xff\"}",                                                   "json-invalid"      },
    {"{\"name\":7}",                                                          "json-type"         },
    {"{\"name\":\"a\",\"name\":\"a\"}",                                       "duplicate-key"     },
    {"{\"versions\":{},\"versions\":{}}",                                     "duplicate-key"     },
    {"{\"dist-tags\":{},\"dist-tags\":{}}",                                   "duplicate-key"     },
    {"{\"_attachments\":{},\"_attachments\":{}}",                             "duplicate-key"     },
    {"{\"versions\":{\"1.0.0\":{},\"1.0.1\":{}}}",                            "too-many-versions" },
    {"{\"versions\":{\"1.0.0\":{},\"1.0.0\":{}}}",                            "too-many-versions" },
    {"{\"versions\":[]}",                                                     "json-type"         },
    {"{\"dist-tags\":{\"latest\":1}}",                                        "json-type"         },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"\"},\"b.tgz\":{}}}",           "too-many-tarballs" },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"\",\"data\":\"\"}}}",          "duplicate-key"     },
    {"{\"_attachments\":{\"a.zip\":{\"data\":\"\"}}}",                        "unknown-attachment"},
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"aGVsbG8\"}}}",                 "base64-invalid"    },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"aGVsbG8=x\"}}}",               "base64-invalid"    },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"aGVs bG8=\"}}}",               "base64-invalid"    },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":\"aGVsbG9-\"}}}",                "base64-invalid"    },
    {"{\"_attachments\":{\"a.tgz\":{\"data\":null}}}",                        "json-type"         },
    {"{\"_attachments\":{\"a.tgz\":{\"length\":\"11\"}}}",                    "json-type"         },
};

static void what_is_no_publish_is_told_so(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(bodies); row++) {
        struct error err = {0};
        struct npm_body body;
        enum status rc =
            read_pieces(bodies[row].body, strlen(bodies[row].body), 5, false, &body, &err);

        if (bodies[row].code ? rc != STATUS_INVALID || strcmp(err.code, bodies[row].code)
                             : rc != STATUS_OK)
            fail_msg("row %zu: %s: %s", row, err.code, err.message);
        stage_close(body.stage);
    }
}

static void a_body_cut_anywhere_is_no_body(void **state)
{
    (void)state;
    for (size_t length = 0; length < strlen(berry); length++) {
        struct npm_body body;

        assert_int_equal(read_pieces(berry, length, 16, true, &body, NULL), STATUS_TIMEOUT);
        stage_close(body.stage);
        assert_int_equal(read_pieces(berry, length, 16, false, &body, NULL), STATUS_INVALID);
        stage_close(body.stage);
    }
}

static void a_manifest_has_its_limit(void **state)
{
    struct npm_body body;
    struct strbuf text;

    (void)state;
    strbuf_init(&text, fixture.arena, NPM_TEST_BODY_MAX);
    strbuf_text(&text, "{\"versions\":{\"1.0.0\":{\"x\":\"");
    for (size_t i = 0; i < (5 << 20); i++)
        strbuf_char(&text, 'x');
    strbuf_text(&text, "\"}}}");
    assert_int_equal(read_pieces(text.data, text.length, 65536, false, &body, NULL),
                     STATUS_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_any_order_and_in_any_pieces),
        cmocka_unit_test(what_is_no_publish_is_told_so),
        cmocka_unit_test(a_body_cut_anywhere_is_no_body),
        cmocka_unit_test(a_manifest_has_its_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
