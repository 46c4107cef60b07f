#include "config/settings.h"
#include "protocols/http/document_cache.h"
#include "protocols/http/route.h"
#include "protocols/pypi/pypi.h"
#include "storage/catalog/writer.h"
#include "storage/memory/strbuf.h"
#include "storage/metadata/db.h"
#include "tests/support/catalog_fixture.h"
#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CONTENT "bytes of an sdist"
#define OTHER "9c63c06e7b3a0bf6f5e7d4d2f0d5f4d4e1b6a0f4b1a1f0d7d3a1f2e4c5b6a798"

static struct fixture fixture;
static struct settings settings;
static struct service service;
static char sha256[DIGEST_HEX_MAX];

static int setup(void **state)
{
    uint8_t digest[SHA256_SIZE];

    (void)state;
    fixture_setup(&fixture);
    settings_init(&settings);
    service = (struct service){.catalog = fixture.catalog, .settings = &settings, .public_url = ""};
    digest_sha256(CONTENT, strlen(CONTENT), digest);
    digest_hex(digest, SHA256_SIZE, sha256);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    settings_clear(&settings);
    fixture_teardown(&fixture);
    return 0;
}

/* A form's field by name; NULL as value: it is left out. */
struct field {
    const char *name, *value;
};

static void add_field(struct strbuf *body, const char *name, const char *value)
{
    strbuf_format(body, "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n", name,
                  value);
}

/* An upload of demo_pkg-1.0.tar.gz in which some fields are otherwise. */
static void add_form(struct strbuf *body, const struct field *changes, size_t count)
{
    const struct field fields[] = {
        {":action",          "file_upload"        },
        {"protocol_version", "1"                  },
        {"name",             "Demo.Pkg"           },
        {"version",          "1.0"                },
        {"filetype",         "sdist"              },
        {"sha256_digest",    sha256               },
        {"content",          CONTENT              },
        {"filename",         "demo_pkg-1.0.tar.gz"},
    };
    const char *file = "demo_pkg-1.0.tar.gz", *content = CONTENT;

    for (size_t i = 0; i < COUNT(fields); i++) {
        const char *value = fields[i].value;

        for (size_t k = 0; k < count; k++)
            if (changes[k].name && !strcmp(changes[k].name, fields[i].name))
                value = changes[k].value;
        if (!strcmp(fields[i].name, "content"))
            content = value;
        else if (!strcmp(fields[i].name, "filename"))
            file = value;
        else if (value)
            add_field(body, fields[i].name, value);
    }
    for (size_t k = 0; k < count; k++)
        if (changes[k].name && *changes[k].name == '+')
            add_field(body, changes[k].name + 1, changes[k].value);
    if (content)
        strbuf_format(body,
                      "--b\r\nContent-Disposition: form-data; name=\"content\"; "
                      "filename=\"%s\"\r\n\r\n%s\r\n",
                      file, content);
    strbuf_text(body, "--b--\r\n");
}

static enum status upload(struct made *made, const struct field *changes, size_t count)
{
    struct strbuf body;

    strbuf_init(&body, fixture.arena, 100000);
    add_form(&body, changes, count);
    made_request(made, fixture.arena, METHOD_POST, "/pypi/acme/main/");
    made_header(made, "Content-Type", "multipart/form-data; boundary=b");
    made_body(made, body.data, false);
    made->req.service = &service;
    made->req.principal = &fixture.owner;
    made->req.repository = &fixture.repository;
    return pypi_post_upload(&made->req, &made->res);
}

static const struct {
    const char *what;
    struct field changes[2];
    enum status status;
    const char *word; /* of the message */
} uploads[] = {
    {"nothing special",          {{0}},                                                       STATUS_OK,      NULL                                  },
    {"the same again",           {{0}},                                                       STATUS_OK,      NULL                                  },
    {"unknown fields",           {{"+new_field", "x"}, {"+classifiers", "a"}},                STATUS_OK,      NULL                                  },
    {"empty and UNKNOWN fields",
     {{"+requires_python", "UNKNOWN"}, {"+md5_digest", ""}},
     STATUS_OK,                                                                                               NULL                                  },
    {"no protocol version",      {{"protocol_version", NULL}},                                STATUS_OK,      NULL                                  },
    {"other spellings",          {{"name", "demo_pkg"}, {"version", "v1.0.0"}},               STATUS_OK,      NULL                                  },
    {"register",                 {{":action", "submit"}, {"content", NULL}},                  STATUS_OK,      NULL                                  },
    {"other bytes",
     {{"content", "x"},
      {"sha256_digest", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}},
     STATUS_CONFLICT,                                                                                         "already exists (demo_pkg-1.0.tar.gz)"},
    {"no action",                {{":action", NULL}},                                         STATUS_INVALID, ":action"                             },
    {"other action",             {{":action", "delete"}},                                     STATUS_INVALID, ":action"                             },
    {"documentation",            {{":action", "doc_upload"}},                                 STATUS_GONE,    "Documentation"                       },
    {"protocol 2",               {{"protocol_version", "2"}},                                 STATUS_INVALID, "protocol version"                    },
    {"no name",                  {{"name", NULL}},                                            STATUS_INVALID, "Name"                                },
    {"bad name",                 {{"name", "-demo"}},                                         STATUS_INVALID, "'-demo'"                             },
    {"name twice",               {{"+name", "demo-pkg"}},                                     STATUS_INVALID, "twice"                               },
    {"no version",               {{"version", NULL}},                                         STATUS_INVALID, "Version"                             },
    {"bad version",              {{"version", "new"}},                                        STATUS_INVALID, "'new'"                               },
    {"other version",            {{"version", "1.1"}},                                        STATUS_INVALID, "'1.1'"                               },
    {"other project",            {{"name", "other"}},                                         STATUS_INVALID, "'other-'"                            },
    {"no file",                  {{"content", NULL}},                                         STATUS_INVALID, "does not have a file"                },
    {"wheel as sdist",           {{"filename", "demo_pkg-1.0-py3-none-any.whl"}},             STATUS_INVALID, "filetype"                            },
    {"sdist as wheel",           {{"filetype", "bdist_wheel"}},                               STATUS_INVALID, "filetype"                            },
    {"no filetype",              {{"filetype", NULL}},                                        STATUS_INVALID, "filetype"                            },
    {"egg",                      {{"filename", "demo_pkg-1.0.egg"}},                          STATUS_INVALID, "extension"                           },
    {"zip",                      {{"filename", "demo_pkg-1.0.zip"}},                          STATUS_INVALID, "extension"                           },
    {"dashes",                   {{"filename", "demo-pkg-1.0.tar.gz"}},                       STATUS_INVALID, "'demo_pkg-'"                         },
    {"path",                     {{"filename", "../demo_pkg-1.0.tar.gz"}},                    STATUS_INVALID, "slash"                               },
    {"backslash",                {{"filename", "..\\\\demo_pkg-1.0.tar.gz"}},                 STATUS_INVALID, "backslash"                           },
    {"control",                  {{"filename", "demo_pkg\x01-1.0.tar.gz"}},                   STATUS_INVALID, "control"                             },
    {"no digest",                {{"sha256_digest", NULL}},                                   STATUS_INVALID, "none of"                             },
    {"wrong sha256",             {{"sha256_digest", OTHER}},                                  STATUS_INVALID, "SHA256"                              },
    {"no sha256",                {{"sha256_digest", "abc"}},                                  STATUS_INVALID, "SHA256"                              },
    {"wrong md5",                {{"+md5_digest", "00000000000000000000000000000000"}},       STATUS_INVALID, "MD5"                                 },
    {"wrong blake2",             {{"+blake2_256_digest", OTHER}},                             STATUS_INVALID, "BLAKE2"                              },
    {"bad requires_python",      {{"+requires_python", "3.8"}},                               STATUS_INVALID, "Requires-Python"                     },
    {"no UTF-8",                 {{"+description", "caf\xe9"}},                               STATUS_INVALID, "'description' is not UTF-8"          },
    {"no zip",
     {{"filename", "demo_pkg-1.0-py3-none-any.whl"}, {"filetype", "bdist_wheel"}},
     STATUS_INVALID,                                                                                          ""                                    },
};

static void an_upload_is_taken_or_refused_in_words(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(uploads); row++) {
        struct made made;
        enum status rc = upload(&made, uploads[row].changes, 2);

        if (rc != uploads[row].status || (rc && !strstr(made.req.error.message, uploads[row].word)))
            fail_msg("%s: %s %s", uploads[row].what, status_word(rc), made.req.error.message);
        if (!rc)
            assert_int_equal(made.res.code, 200);
        response_release(&made.res);
    }
}

static void a_file_over_the_limit_is_refused(void **state)
{
    struct made made;

    (void)state;
    settings.wheel_max = 5;
    assert_int_equal(upload(&made, NULL, 0), STATUS_TOO_LARGE);
    settings.wheel_max = 0;
}

static void a_token_for_another_project_is_refused(void **state)
{
    static const char *const globs[] = {"pypi:other"};
    struct principal principal = fixture.owner, owner = fixture.owner;
    struct made made;

    (void)state;
    principal.packages = globs;
    principal.package_count = 1;
    fixture.owner = principal;
    assert_int_equal(upload(&made, NULL, 0), STATUS_FORBIDDEN);
    assert_non_null(strstr(made.req.error.message, "'demo-pkg'"));
    fixture.owner = owner;
}

/* Asks for the page of demo-pkg, by a cache of its own. */
static const char *get_page(struct made *made, const char *target, const char *package,
                            const char *accept)
{
    static const struct route route = {METHOD_GET, "/simple/:package", MAY_READ,
                                       0,          pypi_get_page,      NULL};
    struct header *param = arena_alloc(fixture.arena, sizeof *param);
    enum status rc;

    *param = (struct header){"package", package};
    service.documents = document_cache_new(1 << 20);
    made_request(made, fixture.arena, METHOD_GET, target);
    made_header(made, "Accept", accept);
    made->req.service = &service;
    made->req.repository = &fixture.repository;
    made->req.route = &route;
    made->req.params = param;
    made->req.param_count = 1;
    rc = pypi_get_page(&made->req, &made->res);
    if (rc)
        made->res.code = rc == STATUS_NOT_FOUND ? 404 : 500;
    return made->res.length ? arena_copy_bytes(fixture.arena, made->res.bytes, made->res.length)
                            : "";
}

static void end_page(struct made *made)
{
    response_release(&made->res);
    document_cache_free(service.documents);
}

/* The spec's 3.2: 1.0 and 1.0.0 are one release, called as it was first. */
static void equal_versions_are_one_release(void **state)
{
    static const struct field again[] = {
        {"version",  "1.0.0"                },
        {"filename", "demo_pkg-1.0.0.tar.gz"}
    };
    struct made made;
    const char *page;

    (void)state;
    assert_int_equal(upload(&made, NULL, 0), STATUS_OK);
    assert_int_equal(upload(&made, again, COUNT(again)), STATUS_OK);
    page = get_page(&made, "/pypi/acme/main/simple/demo-pkg/", "demo-pkg",
                    "application/vnd.pypi.simple.v1+json");
    assert_non_null(strstr(page, "\"versions\":[\"1.0\"]"));
    assert_non_null(strstr(page, "demo_pkg-1.0.tar.gz"));
    assert_non_null(strstr(page, "demo_pkg-1.0.0.tar.gz"));
    end_page(&made);
}

static enum status yank_all(struct transaction *tx, void *argument, struct error *err)
{
    struct query *query = db_query(tx->db, "UPDATE version SET state = 1");

    (void)argument;
    return db_run(query, err);
}

static void a_yanked_version_is_marked(void **state)
{
    struct made made;
    struct error err;
    const char *page;

    (void)state;
    assert_int_equal(upload(&made, NULL, 0), STATUS_OK);
    page = get_page(&made, "/pypi/acme/main/simple/demo-pkg/", "demo-pkg", NULL);
    assert_null(strstr(page, "yanked"));
    end_page(&made);
    assert_int_equal(writer_run(catalog_writer(fixture.catalog), yank_all, NULL, NULL, 0, &err),
                     STATUS_OK);
    page = get_page(&made, "/pypi/acme/main/simple/demo-pkg/", "demo-pkg", NULL);
    assert_non_null(strstr(page, "data-yanked=\"\""));
    end_page(&made);
}

static const struct {
    const char *target, *package;
    int code;
    const char *location;
} pages[] = {
    {"/pypi/acme/main/simple/demo-pkg/",    "demo-pkg",   200, NULL                     },
    {"/pypi/acme/main/simple//demo-pkg/",   "demo-pkg",   200, NULL                     },
    {"/pypi/acme/main/simple/demo-pkg",     "demo-pkg",   301, "../simple/demo-pkg/"    },
    {"/pypi/acme/main/simple/demo-pkg?a=1", "demo-pkg",   301, "../simple/demo-pkg/?a=1"},
    {"/pypi/acme/main/simple/Demo_Pkg/",    "Demo_Pkg",   301, "../../simple/demo-pkg/" },
    {"/pypi/acme/main/simple/demo-_-pkg",   "demo-_-pkg", 301, "../simple/demo-pkg/"    },
    {"/pypi/acme/main/simple//demo..pkg/",  "demo..pkg",  301, "../demo-pkg/"           },
    {"/pypi/acme/main/simple/absent/",      "absent",     404, NULL                     },
    {"/pypi/acme/main/simple/-bad-/",       "-bad-",      404, NULL                     },
};

static void a_project_has_one_address(void **state)
{
    struct made made;

    (void)state;
    assert_int_equal(upload(&made, NULL, 0), STATUS_OK);
    for (size_t row = 0; row < COUNT(pages); row++) {
        const char *location;

        get_page(&made, pages[row].target, pages[row].package, NULL);
        location = made_answer_header(&made, "Location");
        if (made.res.code != pages[row].code || !location != !pages[row].location ||
            (location && strcmp(location, pages[row].location)))
            fail_msg("%s: %d %s", pages[row].target, made.res.code, location ? location : "");
        end_page(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_upload_is_taken_or_refused_in_words, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_over_the_limit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_for_another_project_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(equal_versions_are_one_release, setup, teardown),
        cmocka_unit_test_setup_teardown(a_yanked_version_is_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_project_has_one_address, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
