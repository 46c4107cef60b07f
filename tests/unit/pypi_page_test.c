#include "protocols/pypi/page.h"
#include "storage/memory/strbuf.h"
#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define JSON "application/vnd.pypi.simple.v1+json"
#define HTML "application/vnd.pypi.simple.v1+html"
#define TEXT "text/html; charset=utf-8"
#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* What clients send, and what they can read. NULL: nothing of ours. */
static const struct {
    const char *accept, *more, *query, *expected;
} choices[] = {
    {NULL,                                        NULL, "",                                             TEXT},
    {"*/*",                                       NULL, "",                                             TEXT},
    {"text/*",                                    NULL, "",                                             TEXT},
    {"text/html",                                 NULL, "",                                             TEXT},
    {"application/*",                             NULL, "",                                             HTML},
    {HTML,                                        NULL, "",                                             HTML},
    {JSON,                                        NULL, "",                                             JSON},
    {JSON ", " HTML "; q=0.1, text/html; q=0.01", NULL, "",                                             JSON}, /* pip */
    {JSON ", " HTML ";q=0.2, text/html;q=0.01",   NULL, "",                                             JSON}, /* uv */
    {JSON ", */*;q=0.1",                          NULL, "",                                             JSON}, /* poetry */
    {JSON ", */*",                                NULL, "",                                             JSON},
    {"text/html, " JSON,                          NULL, "",                                             JSON},
    {"text/html, */*",                            NULL, "",                                             TEXT},
    {"application/vnd.pypi.simple.latest+json",   NULL, "",                                             JSON},
    {"application/vnd.pypi.simple.latest+html",   NULL, "",                                             HTML},
    {JSON ";q=0, text/html",                      NULL, "",                                             TEXT},
    {JSON ";q=0.5, text/html",                    NULL, "",                                             TEXT},
    {"text/html;q=0.1",                           JSON, "",                                             JSON},
    {"Application/Vnd.PyPI.Simple.V1+JSON",       NULL, "",                                             JSON},
    {"application/vnd.pypi.simple.v2+json",       NULL, "",                                             NULL},
    {"application/json",                          NULL, "",                                             NULL},
    {"text/html;q=0",                             NULL, "",                                             NULL},
    {"text/html",                                 NULL, "format=application/vnd.pypi.simple.v1%2Bjson", JSON},
    {"text/html",                                 NULL, "format=application/vnd.pypi.simple.v1+json",   JSON},
    {JSON,                                        NULL, "x=1&format=text/html",                         TEXT},
    {JSON,                                        NULL, "x=1",                                          JSON},
    {JSON,                                        NULL, "format=application/json",                      NULL},
    {JSON,                                        NULL, "format=",                                      NULL},
};

static void a_page_comes_in_the_form_that_its_client_reads(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(choices); row++) {
        struct arena *arena = arena_new();
        struct page_form form = {0};
        struct made made;
        bool is_chosen;

        made_request(&made, arena, METHOD_GET, "/");
        made.req.query = choices[row].query;
        made_header(&made, "Accept", choices[row].accept);
        made_header(&made, "Accept", choices[row].more);
        is_chosen = page_form_choose(&made.req, &form);
        if (is_chosen != !!choices[row].expected ||
            (is_chosen && strcmp(form.content_type, choices[row].expected)))
            fail_msg("row %zu: %s", row, is_chosen ? form.content_type : "none");
        if (is_chosen && form.is_json != !strcmp(form.content_type, JSON))
            fail_msg("row %zu: is_json", row);
        arena_free(arena);
    }
}

static const struct page_file files[] = {
    {.name = "demo_pkg-1.0+l-py3-none-any.whl",
     .sha256 = A64,
     .metadata_sha256 = B64,
     .requires_python = ">=3.8,<\"4\"&",
     .size = 12,
     .uploaded_us = 1000000},
    {.name = "demo_pkg-1.1.tar.gz",                    .sha256 = B64, .uploaded_us = 1700000000123456, .yanked = ""},
};

static const char html[] =
    "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.4\"/>\n"
    "<title>Links for demo-pkg</title>\n</head>\n<body>\n"
    "<a href=\"../../files/demo-pkg/" A64 "/demo_pkg-1.0%2Bl-py3-none-any.whl#sha256=" A64 "\""
    " data-requires-python=\"&gt;=3.8,&lt;&quot;4&quot;&amp;\""
    " data-core-metadata=\"sha256=" B64 "\" data-dist-info-metadata=\"sha256=" B64 "\""
    " data-size=\"12\" data-upload-time=\"1970-01-01T00:00:01.000Z\">"
    "demo_pkg-1.0+l-py3-none-any.whl</a><br/>\n"
    "<a href=\"../../files/demo-pkg/" B64 "/demo_pkg-1.1.tar.gz#sha256=" B64 "\""
    " data-yanked=\"\" data-size=\"0\" data-upload-time=\"2023-11-14T22:13:20.123Z\">"
    "demo_pkg-1.1.tar.gz</a><br/>\n</body>\n</html>\n";

static const char json[] =
    "{\"meta\":{\"api-version\":\"1.4\"},\"name\":\"demo-pkg\",\"versions\":[\"1.0+l\",\"1.1\"],"
    "\"files\":[{\"filename\":\"demo_pkg-1.0+l-py3-none-any.whl\","
    "\"url\":\"../../files/demo-pkg/" A64 "/demo_pkg-1.0%2Bl-py3-none-any.whl\","
    "\"hashes\":{\"sha256\":\"" A64 "\"},\"requires-python\":\">=3.8,<\\\"4\\\"&\","
    "\"core-metadata\":{\"sha256\":\"" B64 "\"},"
    "\"size\":12,\"upload-time\":\"1970-01-01T00:00:01.000Z\"},"
    "{\"filename\":\"demo_pkg-1.1.tar.gz\","
    "\"url\":\"../../files/demo-pkg/" B64 "/demo_pkg-1.1.tar.gz\","
    "\"hashes\":{\"sha256\":\"" B64 "\"},\"yanked\":true,"
    "\"size\":0,\"upload-time\":\"2023-11-14T22:13:20.123Z\"}]}\n";

static void assert_page(bool is_json, size_t count, const char *expected)
{
    struct strbuf out;
    struct page page;

    strbuf_init(&out, NULL, 10000);
    page_begin(&page, &out, &(struct page_form){.is_json = is_json}, &(struct page_head){.project = "demo-pkg"});
    if (count) {
        page_add_version(&page, "1.0+l");
        page_add_version(&page, "1.1");
    }
    for (size_t i = 0; i < count; i++)
        page_add_file(&page, &files[i]);
    page_end(&page);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
}

static void a_project_looks_as_the_standards_say(void **state)
{
    (void)state;
    assert_page(false, COUNT(files), html);
    assert_page(true, COUNT(files), json);
    assert_page(true, 0,
                "{\"meta\":{\"api-version\":\"1.4\"},\"name\":\"demo-pkg\",\"versions\":[],"
                "\"files\":[]}\n");
}

/* What an index with little to say lets us tell on. */
static const struct page_file foreign[] = {
    {.name = "demo_pkg-1.0.zip",
     .other_kind = "md5",
     .other_digest = "abcd",
     .has_metadata = true,
     .size = -1,
     .uploaded = "2026-01-02T03:04:05.123456Z",
     .yanked = "a <b>"},
    {.name = "demo_pkg-1.1.zip",
     .sha256 = A64,
     .other_kind = "md5",
     .other_digest = "abcd",
     .size = -1},
};

static const char foreign_html[] =
    "<!DOCTYPE html>\n<html>\n<head>\n<meta name=\"pypi:repository-version\" content=\"1.4\"/>\n"
    "<meta name=\"pypi:project-status\" content=\"archived\"/>\n"
    "<meta name=\"pypi:project-status-reason\" content=\"&quot;old&quot;\"/>\n"
    "<title>Links for demo-pkg</title>\n</head>\n<body>\n"
    "<a href=\"../../files/demo-pkg/-/demo_pkg-1.0.zip#md5=abcd\" data-core-metadata=\"true\""
    " data-dist-info-metadata=\"true\" data-yanked=\"a &lt;b&gt;\""
    " data-upload-time=\"2026-01-02T03:04:05.123456Z\">demo_pkg-1.0.zip</a><br/>\n"
    "<a href=\"../../files/demo-pkg/" A64 "/demo_pkg-1.1.zip#sha256=" A64
    "\">demo_pkg-1.1.zip</a><br/>\n</body>\n</html>\n";

static const char foreign_json[] =
    "{\"meta\":{\"api-version\":\"1.0\"},\"name\":\"demo-pkg\","
    "\"project-status\":{\"status\":\"archived\",\"reason\":\"\\\"old\\\"\"},\"versions\":[],"
    "\"files\":[{\"filename\":\"demo_pkg-1.0.zip\",\"url\":\"../../files/demo-pkg/-/"
    "demo_pkg-1.0.zip\","
    "\"hashes\":{\"md5\":\"abcd\"},\"core-metadata\":true,\"yanked\":\"a <b>\","
    "\"upload-time\":\"2026-01-02T03:04:05.123456Z\"},{\"filename\":\"demo_pkg-1.1.zip\","
    "\"url\":\"../../files/demo-pkg/" A64 "/demo_pkg-1.1.zip\","
    "\"hashes\":{\"sha256\":\"" A64 "\",\"md5\":\"abcd\"}}]}\n";

static void what_is_not_known_is_left_out(void **state)
{
    const struct page_head head = {"demo-pkg", "archived", "\"old\"", true};

    (void)state;
    for (int is_json = 0; is_json < 2; is_json++) {
        struct strbuf out;
        struct page page;

        strbuf_init(&out, NULL, 10000);
        page_begin(&page, &out, &(struct page_form){.is_json = is_json}, &head);
        for (size_t i = 0; i < COUNT(foreign); i++)
            page_add_file(&page, &foreign[i]);
        page_end(&page);
        assert_string_equal(out.data, is_json ? foreign_json : foreign_html);
        strbuf_free(&out);
    }
}

static void assert_root(bool is_json, const char *expected)
{
    struct strbuf out;
    struct page page;

    strbuf_init(&out, NULL, 10000);
    page_begin_root(&page, &out, is_json);
    page_add_project(&page, "a");
    page_add_project(&page, "demo-pkg");
    page_end_root(&page);
    assert_string_equal(out.data, expected);
    strbuf_free(&out);
}

static void the_list_of_projects_looks_as_the_standards_say(void **state)
{
    (void)state;
    assert_root(true, "{\"meta\":{\"api-version\":\"1.4\"},\"projects\":[{\"name\":\"a\"},"
                      "{\"name\":\"demo-pkg\"}]}\n");
    assert_root(false, "<!DOCTYPE html>\n<html>\n<head>\n"
                       "<meta name=\"pypi:repository-version\" content=\"1.4\"/>\n"
                       "<title>Simple index</title>\n</head>\n<body>\n"
                       "<a href=\"a/\">a</a><br/>\n<a href=\"demo-pkg/\">demo-pkg</a><br/>\n"
                       "</body>\n</html>\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_comes_in_the_form_that_its_client_reads),
        cmocka_unit_test(a_project_looks_as_the_standards_say),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(the_list_of_projects_looks_as_the_standards_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
