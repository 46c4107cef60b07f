#include "protocols/http/document_cache.h"
#include "storage/memory/gzip.h"
#include "tests/support/catalog_fixture.h"
#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct fixture fixture;
static struct service service;
static struct stored_file file;
static char etag[80], modified[64];

static int setup(void **state)
{
    struct publication pub;
    struct error err = {0};
    struct made made;

    (void)state;
    fixture_setup(&fixture);
    fixture_must(fixture_publish(&fixture, "web", "1.0.0", "a", "0123456789", &pub, &err), &err);
    fixture_must(catalog_find_file(fixture.catalog, &fixture.repository, FORMAT_ARTIFACT, "web",
                                   "1.0.0/a", fixture.arena, &file, &err),
                 &err);
    service.catalog = fixture.catalog;
    made_request(&made, fixture.arena, METHOD_HEAD, "/");
    made.req.service = &service;
    respond_file(&made.req, &made.res, &file, "text/plain");
    snprintf(etag, sizeof etag, "%s", made_answer_header(&made, "ETag"));
    snprintf(modified, sizeof modified, "%s", made_answer_header(&made, "Last-Modified"));
    response_release(&made.res);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_teardown(&fixture);
    return 0;
}

/* ETAG and MODIFIED stand for the file's own. */
static const char *value_of(const char *value)
{
    if (!value)
        return NULL;
    if (!strcmp(value, "ETAG"))
        return etag;
    if (!strcmp(value, "MODIFIED"))
        return modified;
    if (!strncmp(value, "W/ETAG", 6))
        return arena_format(fixture.arena, "W/%s", etag);
    if (!strncmp(value, "LIST", 4))
        return arena_format(fixture.arena, "\"other\", W/\"x,y\" ,%s", etag);
    return value;
}

/* clang-format off */
static const struct {
    enum method method;
    const char *name, *value, *other_name, *other_value;
    int code; /* 0: a failure of this status */
    enum status status;
    const char *content_range;
    int64_t offset, length;
} rows[] = {
    {METHOD_GET, NULL, NULL, NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_HEAD, NULL, NULL, NULL, NULL, 200, 0, NULL, 0, 0},
    {METHOD_GET, "If-None-Match", "ETAG", NULL, NULL, 304, 0, NULL, 0, 0},
    {METHOD_GET, "If-None-Match", "W/ETAG", NULL, NULL, 304, 0, NULL, 0, 0},
    {METHOD_GET, "If-None-Match", "LIST", NULL, NULL, 304, 0, NULL, 0, 0},
    {METHOD_HEAD, "If-None-Match", "*", NULL, NULL, 304, 0, NULL, 0, 0},
    {METHOD_GET, "If-None-Match", "\"other\"", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-None-Match", "\"unclosed", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-None-Match", "bare, tags", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-None-Match", "\"other\"", "If-Modified-Since", "MODIFIED", 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-Modified-Since", "MODIFIED", NULL, NULL, 304, 0, NULL, 0, 0},
    {METHOD_GET, "If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-Modified-Since", "yesterday", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-Match", "ETAG", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "If-Match", "W/ETAG", NULL, NULL, 0, STATUS_PRECONDITION, NULL, 0, 0},
    {METHOD_GET, "If-Match", "\"other\"", NULL, NULL, 0, STATUS_PRECONDITION, NULL, 0, 0},
    {METHOD_GET, "If-Match", "\"other\"", "If-None-Match", "ETAG", 0, STATUS_PRECONDITION, NULL, 0, 0},
    {METHOD_GET, "If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT", NULL, NULL, 0,
     STATUS_PRECONDITION, NULL, 0, 0},
    {METHOD_GET, "Range", "bytes=0-0", NULL, NULL, 206, 0, "bytes 0-0/10", 0, 1},
    {METHOD_GET, "Range", "bytes=2-5", NULL, NULL, 206, 0, "bytes 2-5/10", 2, 4},
    {METHOD_GET, "Range", "bytes=5-", NULL, NULL, 206, 0, "bytes 5-9/10", 5, 5},
    {METHOD_GET, "Range", "bytes=-3", NULL, NULL, 206, 0, "bytes 7-9/10", 7, 3},
    {METHOD_GET, "Range", "bytes=-30", NULL, NULL, 206, 0, "bytes 0-9/10", 0, 10},
    {METHOD_GET, "Range", "bytes=0-99999999999999999999999", NULL, NULL, 206, 0, "bytes 0-9/10", 0, 10},
    {METHOD_GET, "Range", "bytes=10-", NULL, NULL, 0, STATUS_RANGE, "bytes */10", 0, 0},
    {METHOD_GET, "Range", "bytes=10-20", NULL, NULL, 0, STATUS_RANGE, "bytes */10", 0, 0},
    {METHOD_GET, "Range", "bytes=99999999999999999999999-", NULL, NULL, 0, STATUS_RANGE,
     "bytes */10", 0, 0},
    {METHOD_GET, "Range", "bytes=-0", NULL, NULL, 0, STATUS_RANGE, "bytes */10", 0, 0},
    {METHOD_GET, "Range", "bytes=5-2", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "Range", "bytes=-", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "Range", "bytes=a-b", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "Range", "bytes=0-1,3-4", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_GET, "Range", "lines=0-1", NULL, NULL, 200, 0, NULL, 0, 10},
    {METHOD_HEAD, "Range", "bytes=0-1", NULL, NULL, 200, 0, NULL, 0, 0},
    {METHOD_GET, "Range", "bytes=1-2", "If-Range", "ETAG", 206, 0, "bytes 1-2/10", 1, 2},
    {METHOD_GET, "Range", "bytes=1-2", "If-Range", "W/ETAG", 200, 0, NULL, 0, 10},
    {METHOD_GET, "Range", "bytes=1-2", "If-Range", "MODIFIED", 200, 0, NULL, 0, 10},
    {METHOD_GET, "Range", "bytes=1-2", "If-None-Match", "ETAG", 304, 0, NULL, 0, 0},
};
/* clang-format on */

/* The part of the file that the answer sends, wherever it comes from. */
static void check_part(const struct response *res, size_t row, int64_t offset, int64_t length)
{
    char part[10];

    if (res->fd >= 0) {
        assert_int_equal(pread(res->fd, part, (size_t)res->file_length, res->offset),
                         res->file_length);
    } else if (res->length) {
        memcpy(part, res->bytes, res->length);
    }
    if (res->file_length + (int64_t)res->length != length ||
        memcmp(part, "0123456789" + offset, (size_t)length))
        fail_msg("row %zu: %lld bytes of the descriptor, %zu of memory", row,
                 (long long)res->file_length, res->length);
}

static void check_row(size_t row, const struct stored_file *asked)
{
    const char *range;
    struct made made;
    enum status rc;

    made_request(&made, fixture.arena, rows[row].method, "/");
    made.req.service = &service;
    made_header(&made, rows[row].name, value_of(rows[row].value));
    made_header(&made, rows[row].other_name, value_of(rows[row].other_value));
    rc = respond_file(&made.req, &made.res, asked, "text/plain");
    range = made_answer_header(&made, "Content-Range");
    if (rc != rows[row].status || made.res.code != rows[row].code)
        fail_msg("row %zu: status %d, code %d", row, rc, made.res.code);
    if (!range != !rows[row].content_range || (range && strcmp(range, rows[row].content_range)))
        fail_msg("row %zu: Content-Range %s", row, range);
    check_part(&made.res, row, rows[row].offset, rows[row].length);
    if ((made.res.fd >= 0) != (rows[row].length > 0 && !asked->bytes))
        fail_msg("row %zu: descriptor %d", row, made.res.fd);
    if (rows[row].method == METHOD_HEAD && made.res.code == 200)
        assert_int_equal(made.res.announced_length, 10);
    if (rows[row].code)
        assert_string_equal(made_answer_header(&made, "ETag"), etag);
    response_release(&made.res);
}

static void a_file_answers_conditions_and_ranges(void **state)
{
    struct stored_file on_disk = file;

    (void)state;
    assert_non_null(file.bytes);
    on_disk.bytes = NULL;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        check_row(row, &file);
        check_row(row, &on_disk);
    }
}

static void a_file_of_a_private_repository_is_not_for_shared_caches(void **state)
{
    struct repository open = {.anonymous_read = true}, closed = {.anonymous_read = false};
    struct made made;

    (void)state;
    made_request(&made, fixture.arena, METHOD_HEAD, "/");
    made.req.repository = &closed;
    respond_file(&made.req, &made.res, &file, "text/plain");
    assert_string_equal(made_answer_header(&made, "Cache-Control"),
                        "private, max-age=31536000, immutable");
    made_request(&made, fixture.arena, METHOD_HEAD, "/");
    made.req.repository = &open;
    respond_file(&made.req, &made.res, &file, "text/plain");
    assert_string_equal(made_answer_header(&made, "Cache-Control"),
                        "public, max-age=31536000, immutable");
}

static const struct document small = {.etag = "\"abc\"",
                                      .plain = "hello hello",
                                      .plain_length = 11,
                                      .gzip = "\x1f\x8b!",
                                      .gzip_length = 3,
                                      .modified_us = 1700000000000000};

/* clang-format off */
static const struct {
    enum method method;
    const char *coding, *if_none_match;
    int code;
    const char *etag, *body;
    int64_t announced;
} documents[] = {
    {METHOD_GET, NULL, NULL, 200, "\"abc\"", "hello hello", -1},
    {METHOD_GET, "gzip", NULL, 200, "\"abc-gz\"", "\x1f\x8b!", -1},
    {METHOD_HEAD, "gzip", NULL, 200, "\"abc-gz\"", NULL, 3},
    {METHOD_HEAD, NULL, NULL, 200, "\"abc\"", NULL, 11},
    {METHOD_GET, "gzip", "\"abc-gz\"", 304, "\"abc-gz\"", NULL, -1},
    {METHOD_GET, NULL, "\"abc\"", 304, "\"abc\"", NULL, -1},
    {METHOD_GET, NULL, "\"abc-gz\"", 200, "\"abc\"", "hello hello", -1},
};
/* clang-format on */

static void a_document_has_an_etag_for_each_of_its_forms(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof documents / sizeof *documents; row++) {
        struct made made;

        made_request(&made, fixture.arena, documents[row].method, "/");
        made_header(&made, "Accept-Encoding", documents[row].coding);
        made_header(&made, "If-None-Match", documents[row].if_none_match);
        assert_int_equal(respond_document(&made.req, &made.res, &small, "text/plain"), STATUS_OK);
        if (made.res.code != documents[row].code)
            fail_msg("row %zu: code %d", row, made.res.code);
        assert_string_equal(made_answer_header(&made, "ETag"), documents[row].etag);
        assert_non_null(strstr(made_answer_header(&made, "Vary"), "Accept-Encoding"));
        assert_string_equal(made_answer_header(&made, "Last-Modified"),
                            "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_int_equal(made.res.announced_length, documents[row].announced);
        if (!documents[row].body)
            assert_null(made.res.bytes);
        else
            assert_memory_equal(made.res.bytes, documents[row].body, made.res.length);
        assert_ptr_equal(made.res.document, &small);
        made.res.document = NULL; /* it is no counted one */
        response_release(&made.res);
    }
}

/* Above a size documents are kept compressed alone, and wget asks without gzip. */
static void a_document_without_its_plain_form_is_inflated(void **state)
{
    static char text[2 << 20];
    struct document document = {.etag = "\"big\"", .plain_length = sizeof text};
    struct made made;
    char *gzip;

    (void)state;
    memset(text, 'x', sizeof text);
    document.gzip = gzip = gzip_compress(text, sizeof text, &document.gzip_length);
    made_request(&made, fixture.arena, METHOD_GET, "/");
    assert_int_equal(respond_document(&made.req, &made.res, &document, "text/plain"), STATUS_OK);
    assert_int_equal(made.res.length, sizeof text);
    assert_memory_equal(made.res.bytes, text, sizeof text);
    assert_null(made_answer_header(&made, "Content-Encoding"));
    made.res.document = NULL; /* it is no counted one */
    response_release(&made.res);
    free(gzip);
}

static void a_header_is_one_line_and_set_once(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, fixture.arena, METHOD_GET, "/");
    response_header(&made.req, &made.res, "X-Word", "one\r\nSet-Cookie: x");
    assert_string_equal(made_answer_header(&made, "X-Word"), "one  Set-Cookie: x");
    response_header(&made.req, &made.res, "x-word", "two");
    assert_string_equal(made_answer_header(&made, "X-Word"), "two");
    assert_int_equal(made.res.header_count, 1);
}

static void head_gets_the_length_of_what_get_would(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, fixture.arena, METHOD_HEAD, "/");
    assert_int_equal(respond_text(&made.req, &made.res, 200, "text/plain", "hello"), STATUS_OK);
    assert_int_equal(made.res.announced_length, 5);
    assert_null(made.res.bytes);
    assert_int_equal(made.res.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_answers_conditions_and_ranges),
        cmocka_unit_test(a_file_of_a_private_repository_is_not_for_shared_caches),
        cmocka_unit_test(a_document_has_an_etag_for_each_of_its_forms),
        cmocka_unit_test(a_document_without_its_plain_form_is_inflated),
        cmocka_unit_test(a_header_is_one_line_and_set_once),
        cmocka_unit_test(head_gets_the_length_of_what_get_would),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
