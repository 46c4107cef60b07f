#include "protocols/artifacts/artifact.h"
#include "storage/memory/stream.h"
#include "tests/support/catalog_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* One request as the server would hand it over. */
struct exchange {
    struct service service;
    struct header params[3];
    struct header headers[4];
    struct memory_reader body;
    struct request req;
    struct response res;
};

static void exchange_init(struct exchange *x, struct fixture *f, enum method method,
                          const char *version, const char *path, const char *body)
{
    *x = (struct exchange){
        .service = {.catalog = f->catalog, .public_url = "http://127.0.0.1:1"},
        .params = { {"package", "web"}, {"version", version},                     {"path", path}},
    };
    memory_reader_init(&x->body, body, strlen(body));
    x->req = (struct request){
        .service = &x->service,
        .arena = f->arena,
        .method = method,
        .target = "/artifacts/acme/main/web/1.0.0/a",
        .query = "",
        .headers = x->headers,
        .content_length = (int64_t)strlen(body),
        .body = &x->body.reader,
        .id = "test",
        .peer = "127.0.0.1",
        .params = x->params,
        .param_count = COUNT(x->params),
        .principal = &f->owner,
        .repository = &f->repository,
    };
    response_init(&x->res);
}

static void add_header(struct exchange *x, const char *name, const char *value)
{
    assert_true(x->req.header_count < COUNT(x->headers));
    x->headers[x->req.header_count++] = (struct header){name, value};
}

static const char *header_of(const struct response *res, const char *name)
{
    for (size_t i = 0; i < res->header_count; i++)
        if (!strcmp(res->headers[i].name, name))
            return res->headers[i].value;
    return NULL;
}

/* The HTTP code or the failure's word, whichever the server will send. */
static const char *put(struct exchange *x)
{
    enum status rc = artifact_put_file(&x->req, &x->res);

    if (rc)
        return x->req.error.code;
    return x->res.code == 201 ? "201" : x->res.code == 200 ? "200" : "?";
}

#define HELLO_SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_SHA256_BASE64 "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
#define HELLO_SHA512_BASE64                                                                        \
    "m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw=="
#define OTHER_SHA256 "3cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

/* Access spec A2.1: what a client may state of "hello", and what follows. */
static const struct {
    const char *header, *value, *result;
} statements[] = {
    {"Repr-Digest",           "sha-256=:" HELLO_SHA256_BASE64 ":",                      "201"             },
    {"repr-digest",           "sha-512=:" HELLO_SHA512_BASE64 ":",                      "201"             },
    {"Content-Digest",        "sha-256=:" HELLO_SHA256_BASE64 ":",                      "201"             },
    {"X-Checksum-Sha256",     HELLO_SHA256,                                             "201"             },
    {"X-Checksum-Sha1",       "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",               "201"             },
    {"X-Checksum-Md5",        "5D41402ABC4B2A76B9719D911017C592",                       "201"             },
    {"X-Checksum",            HELLO_SHA256,                                             "201"             },
    {"x-amz-checksum-sha256", HELLO_SHA256_BASE64,                                      "201"             },
    {"x-amz-content-sha256",  HELLO_SHA256,                                             "201"             },
    {"x-amz-content-sha256",  "UNSIGNED-PAYLOAD",                                       "201"             },
    {"Content-MD5",           "XUFAKrxLKna5cZ2REBfFkg==",                               "201"             },
    {"Content-Encoding",      "identity",                                               "201"             },
    {"Upload-Length",         "5",                                                      "201"             },
    {"Repr-Digest",           "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "digest-mismatch" },
    {"Content-Digest",        "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", "digest-mismatch" },
    {"X-Checksum-Sha256",     OTHER_SHA256,                                             "digest-mismatch" },
    {"X-Checksum-Sha1",       "baf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",               "digest-mismatch" },
    {"X-Checksum-Md5",        "6d41402abc4b2a76b9719d911017c592",                       "digest-mismatch" },
    {"X-Checksum",            OTHER_SHA256,                                             "digest-mismatch" },
    {"x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",           "digest-mismatch" },
    {"x-amz-content-sha256",  OTHER_SHA256,                                             "digest-mismatch" },
    {"Content-MD5",           "1B2M2Y8AsgTpgAmY7PhCfg==",                               "digest-mismatch" },
    {"X-Checksum-Sha256",     "2cf24d",                                                 "invalid-digest"  },
    {"X-Checksum-Sha256",     HELLO_SHA256_BASE64,                                      "invalid-digest"  },
    {"X-Checksum-Sha256",     "",                                                       "invalid-digest"  },
    {"Repr-Digest",           HELLO_SHA256,                                             "invalid-digest"  },
    {"Content-MD5",           "5d41402abc4b2a76b9719d911017c592",                       "invalid-digest"  },
    {"x-amz-content-sha256",  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",                     "invalid-digest"  },
    {"Content-Encoding",      "gzip",                                                   "content-encoding"},
    {"Content-Encoding",      "aws-chunked",                                            "content-encoding"},
    {"Upload-Length",         "6",                                                      "length-mismatch" },
    {"Upload-Length",         "five",                                                   "length-mismatch" },
};

static void what_a_client_states_must_hold(void **state)
{
    struct fixture *f = *state;

    for (size_t row = 0; row < COUNT(statements); row++) {
        bool is_good = !strcmp(statements[row].result, "201");
        const char *version = arena_format(f->arena, "1.0.%zu", row), *result;
        struct exchange x;

        exchange_init(&x, f, METHOD_PUT, version, "a", "hello");
        add_header(&x, statements[row].header, statements[row].value);
        result = put(&x);
        if (strcmp(result, statements[row].result))
            fail_msg("row %zu: %s: %s: %s (%s)", row, statements[row].header, statements[row].value,
                     result, x.req.error.message);
        exchange_init(&x, f, METHOD_GET, version, "a", "");
        if (artifact_get_file(&x.req, &x.res) != (is_good ? STATUS_OK : STATUS_NOT_FOUND))
            fail_msg("row %zu: %s", row, is_good ? "nothing was stored" : "something was stored");
        response_release(&x.res);
    }
}

static void two_statements_must_both_hold(void **state)
{
    struct exchange x;

    exchange_init(&x, *state, METHOD_PUT, "1.0.0", "a", "hello");
    add_header(&x, "X-Checksum-Sha256", HELLO_SHA256);
    add_header(&x, "X-Checksum-Md5", "6d41402abc4b2a76b9719d911017c592");
    assert_string_equal(put(&x), "digest-mismatch");
    assert_int_equal(x.req.fact_count, 2);
    assert_string_equal(x.req.facts[0].name, "expected");
    assert_string_equal(x.req.facts[0].value, "6d41402abc4b2a76b9719d911017c592");
    assert_string_equal(x.req.facts[1].value, "5d41402abc4b2a76b9719d911017c592");

    exchange_init(&x, *state, METHOD_PUT, "1.0.0", "a", "hello");
    add_header(&x, "X-Checksum-Sha256", HELLO_SHA256);
    x.req.query = "sha256=" OTHER_SHA256;
    assert_string_equal(put(&x), "digest-mismatch");
    exchange_init(&x, *state, METHOD_PUT, "1.0.0", "a", "hello");
    x.req.query = "sha256=" HELLO_SHA256;
    assert_string_equal(put(&x), "201");
}

/* Fails the test when somebody reads. */
static enum status never_read(struct reader *reader, void *buffer, size_t size, size_t *got,
                              struct error *err)
{
    (void)reader;
    (void)buffer;
    (void)size;
    (void)got;
    (void)err;
    fail_msg("the body was read");
    return STATUS_INTERNAL;
}

static void a_stated_digest_answers_before_the_body(void **state)
{
    struct fixture *f = *state;
    struct reader unread = {never_read, NULL};
    struct exchange x;

    exchange_init(&x, f, METHOD_PUT, "1.0.0", "a", "hello");
    assert_string_equal(put(&x), "201");
    assert_string_equal(header_of(&x.res, "X-Artifact-Result"), "created");
    assert_string_equal(header_of(&x.res, "ETag"), "\"sha256:" HELLO_SHA256 "\"");
    assert_string_equal(header_of(&x.res, "Location"),
                        "http://127.0.0.1:1/artifacts/acme/main/web/1.0.0/a");

    exchange_init(&x, f, METHOD_PUT, "1.0.0", "a", "hello");
    add_header(&x, "X-Checksum-Sha256", HELLO_SHA256);
    x.req.body = &unread;
    assert_string_equal(put(&x), "200");
    assert_string_equal(header_of(&x.res, "X-Artifact-Result"), "unchanged");
    assert_string_equal(header_of(&x.res, "Repr-Digest"), "sha-256=:" HELLO_SHA256_BASE64 ":");

    exchange_init(&x, f, METHOD_PUT, "1.0.0", "a", "hello");
    add_header(&x, "Repr-Digest", "sha-512=:" HELLO_SHA512_BASE64 ":");
    x.req.body = &unread;
    assert_string_equal(put(&x), "200");

    exchange_init(&x, f, METHOD_PUT, "1.0.0", "a", "hellO");
    add_header(&x, "X-Checksum-Sha256", OTHER_SHA256);
    x.req.body = &unread;
    assert_string_equal(put(&x), "path-exists");
    assert_string_equal(x.req.facts[0].name, "existing_sha256");
    assert_string_equal(x.req.facts[0].value, HELLO_SHA256);

    exchange_init(&x, f, METHOD_PUT, "1.0.0", "a", "hello");
    add_header(&x, "If-None-Match", "*");
    x.req.body = &unread;
    assert_string_equal(put(&x), "precondition-failed");
}

/* A digest that is right for the stored bytes says nothing about a body of another length. */
static void a_stated_digest_does_not_excuse_other_bytes(void **state)
{
    struct exchange x;

    exchange_init(&x, *state, METHOD_PUT, "1.0.0", "a", "hello");
    assert_string_equal(put(&x), "201");
    exchange_init(&x, *state, METHOD_PUT, "1.0.0", "a", "hello, world");
    add_header(&x, "X-Checksum-Sha256", HELLO_SHA256);
    assert_string_equal(put(&x), "digest-mismatch");
}

static const struct {
    const char *version, *path, *body, *result;
} uploads[] = {
    {"1.0.0",   "a",      "one", "201"                },
    {"1.0.0",   "a",      "one", "200"                },
    {"1.0.0",   "a",      "two", "path-exists"        },
    {"1.0.0",   "A",      "one", "path-case-collision"},
    {"1.0.0",   "b/A",    "one", "201"                },
    {"1.0.0",   "B/a",    "one", "path-case-collision"},
    {"1.0.0",   "empty",  "",    "201"                },
    {"1.0.0",   "empty",  "",    "200"                },
    {"1.0.1",   "A",      "two", "201"                },
    {"1.0.1-a", "a",      "two", "201"                },
    {"1.0.1-A", "a",      "two", "201"                },
    {"@latest", "a",      "one", "invalid-path"       },
    {"1.0.0",   "b/",     "one", "invalid-path"       },
    {"1.0.0",   "../a",   "one", "invalid-path"       },
    {"1.0.0",   "-/seal", "one", "invalid-path"       },
};

static void a_path_is_written_once(void **state)
{
    for (size_t row = 0; row < COUNT(uploads); row++) {
        struct exchange x;
        const char *result;

        exchange_init(&x, *state, METHOD_PUT, uploads[row].version, uploads[row].path,
                      uploads[row].body);
        result = put(&x);
        if (strcmp(result, uploads[row].result))
            fail_msg("row %zu: %s (%s)", row, result, x.req.error.message);
    }
}

static void a_selector_names_nothing_yet(void **state)
{
    struct exchange x;

    exchange_init(&x, *state, METHOD_GET, "@latest", "a", "");
    assert_int_equal(artifact_get_file(&x.req, &x.res), STATUS_NOT_FOUND);
    response_release(&x.res);
}

/* RFC 6266, RFC 8187: what a browser calls the file that it saves. */
static const struct {
    const char *path, *disposition, *media_type;
} names[] = {
    {"web.tgz",            "attachment; filename=\"web.tgz\"",                "application/gzip"         },
    {"dir/notes.TXT",      "attachment; filename=\"notes.TXT\"",              "text/plain; charset=utf-8"},
    {"page.html",          "attachment; filename=\"page.html\"",              "application/octet-stream" },
    {"x.svg",              "attachment; filename=\"x.svg\"",                  "application/octet-stream" },
    {"a\"b",               "attachment; filename*=UTF-8''a%22b",              "application/octet-stream" },
    {"gr\xc3\xbcn 1.json", "attachment; filename*=UTF-8''gr%C3%BCn%201.json", "application/json"         },
};

static void a_file_is_saved_and_never_shown(void **state)
{
    for (size_t row = 0; row < COUNT(names); row++) {
        struct exchange x;

        exchange_init(&x, *state, METHOD_PUT, "1.0.0", names[row].path, "x");
        assert_string_equal(put(&x), "201");
        exchange_init(&x, *state, METHOD_GET, "1.0.0", names[row].path, "");
        assert_int_equal(artifact_get_file(&x.req, &x.res), STATUS_OK);
        assert_string_equal(header_of(&x.res, "Content-Disposition"), names[row].disposition);
        assert_string_equal(header_of(&x.res, "Content-Type"), names[row].media_type);
        assert_string_equal(header_of(&x.res, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(header_of(&x.res, "Content-Security-Policy"), "sandbox");
        response_release(&x.res);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_a_client_states_must_hold),
        FIXTURE_TEST(two_statements_must_both_hold),
        FIXTURE_TEST(a_stated_digest_answers_before_the_body),
        FIXTURE_TEST(a_stated_digest_does_not_excuse_other_bytes),
        FIXTURE_TEST(a_path_is_written_once),
        FIXTURE_TEST(a_selector_names_nothing_yet),
        FIXTURE_TEST(a_file_is_saved_and_never_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
