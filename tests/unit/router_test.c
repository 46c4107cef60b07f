#include "protocols/http/route.h"
#include "server/router.h"
#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum status run(struct request *req, struct response *res)
{
    (void)req;
    (void)res;
    return STATUS_OK;
}

static const struct route npm_rows[] = {
    {METHOD_GET,    "/:package",                          MAY_READ,    0, run, NULL},
    {METHOD_GET,    "/:package/:version",                 MAY_READ,    0, run, NULL},
    {METHOD_GET,    "/:package/-/:file",                  MAY_READ,    0, run, NULL},
    {METHOD_PUT,    "/:package",                          MAY_PUBLISH, 1, run, NULL},
    {METHOD_PUT,    "/-/package/:package/dist-tags/:tag", MAY_TAG,     1, run, NULL},
    {METHOD_DELETE, "/-/package/:package/dist-tags/:tag", MAY_TAG,     1, run, NULL},
    {METHOD_GET,    "/-/ping",                            ANYONE,      0, run, NULL},
};
static const struct mount npm = {.prefix = "/npm/:org/:repo",
                                 .name = "npm",
                                 .routes = npm_rows,
                                 .count = 7,
                                 .joins_scopes = true};

static const struct route artifact_rows[] = {
    {METHOD_GET, "/:package",                MAY_READ,    0,  run, NULL},
    {METHOD_GET, "/:package/:version",       MAY_READ,    0,  run, NULL},
    {METHOD_GET, "/:package/:version/*path", MAY_READ,    0,  run, NULL},
    {METHOD_PUT, "/:package/:version/*path", MAY_PUBLISH, -1, run, NULL},
};
static const struct mount artifacts = {.prefix = "/artifacts/:org/:repo",
                                       .name = "artifacts",
                                       .routes = artifact_rows,
                                       .count = 4,
                                       .keeps_slashes = true};

static const struct route api_rows[] = {
    {METHOD_POST,   "/tokens/revoke", ANYONE,    0, run, NULL},
    {METHOD_DELETE, "/tokens/:id",    SIGNED_IN, 0, run, NULL},
    {METHOD_GET,    "/tokens",        SIGNED_IN, 0, run, NULL},
};
static const struct mount api = {
    .prefix = "/api/v1", .name = "api", .routes = api_rows, .count = 3};

static const struct route root_rows[] = {
    {METHOD_GET, "/",        ANYONE, 0, run, NULL},
    {METHOD_GET, "/-/livez", ANYONE, 0, run, NULL},
};
static const struct mount root = {.prefix = "", .name = "root", .routes = root_rows, .count = 2};

static const struct mount *const mounts[] = {&root, &npm, &artifacts, &api};

static struct router *router;
static struct arena *arena;

static int setup(void **state)
{
    struct error err;

    (void)state;
    arena = arena_new();
    return router_new(mounts, 4, &router, &err);
}

static int teardown(void **state)
{
    (void)state;
    router_free(router);
    arena_free(arena);
    return 0;
}

#define AT(table, row) &table##_rows[row]

/* clang-format off */
static const struct {
    enum method method;
    const char *target;
    const struct route *route; /* NULL: refused */
    const char *name, *value;  /* a parameter */
    enum status status;
} rows[] = {
    /* npm spec 2.2: every form of a scope. */
    {METHOD_GET, "/npm/acme/main/hello", AT(npm, 0), "package", "hello", 0},
    {METHOD_GET, "/npm/acme/main/@acme%2fui", AT(npm, 0), "package", "@acme/ui", 0},
    {METHOD_GET, "/npm/acme/main/@acme%2Fui", AT(npm, 0), "package", "@acme/ui", 0},
    {METHOD_GET, "/npm/acme/main/@acme/ui", AT(npm, 0), "package", "@acme/ui", 0},
    {METHOD_GET, "/npm/acme/main/%40acme%2Fui", AT(npm, 0), "package", "@acme/ui", 0},
    {METHOD_GET, "/npm/acme/main/%40acme/ui", AT(npm, 0), "package", "@acme/ui", 0},
    {METHOD_GET, "/npm/acme/main/@acme%252fui/x", AT(npm, 0), "package", "@acme%2fui/x", 0},
    {METHOD_GET, "/npm/acme/main/@acme", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {METHOD_GET, "/npm/acme/main/@acme/ui/1.0.0", AT(npm, 1), "version", "1.0.0", 0},
    {METHOD_GET, "/npm/acme/main/@a%2fb/-rev", AT(npm, 1), "version", "-rev", 0},
    {METHOD_GET, "/npm/acme/main/@acme/ui/-/ui-1.0.0.tgz", AT(npm, 2), "file", "ui-1.0.0.tgz", 0},
    {METHOD_GET, "/npm/acme/main/@acme%2fui/-/@acme/ui-1.0.0.tgz", AT(npm, 2), "file",
     "@acme/ui-1.0.0.tgz", 0},
    {METHOD_GET, "/npm/acme/main/@acme/ui/-/@acme%2fui-1.0.0.tgz", AT(npm, 2), "file",
     "@acme/ui-1.0.0.tgz", 0},
    {METHOD_HEAD, "/npm/acme/main/hello", AT(npm, 0), "org", "acme", 0},
    {METHOD_HEAD, "/npm/acme/main/hello", AT(npm, 0), "repo", "main", 0},
    {METHOD_PUT, "/npm/acme/main/hello", AT(npm, 3), "package", "hello", 0},
    {METHOD_PUT, "/npm/acme/main/-/package/@acme%2fui/dist-tags/beta", AT(npm, 4), "package",
     "@acme/ui", 0},
    {METHOD_DELETE, "/npm/acme/main/-/package/@acme/ui/dist-tags/beta", AT(npm, 5), "tag", "beta", 0},
    {METHOD_GET, "/npm/acme/main/-/ping", AT(npm, 6), "org", "acme", 0},
    {METHOD_GET, "/npm/acme/main/-/pong", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {METHOD_GET, "/npm/acme/main/-", NULL, NULL, NULL, STATUS_NOT_FOUND},
    /* npm and Python skip what is empty (npm 2.3, Python 2). */
    {METHOD_GET, "//npm//acme/main///hello/", AT(npm, 0), "package", "hello", 0},
    {METHOD_GET, "/npm/acme/main/", NULL, NULL, NULL, STATUS_NOT_FOUND},
    /* Decoded once, and nothing that would mean another place. */
    {METHOD_GET, "/npm/acme/main/h%65llo", AT(npm, 0), "package", "hello", 0},
    {METHOD_GET, "/npm/acme/main/h%2565llo", AT(npm, 0), "package", "h%65llo", 0},
    {METHOD_GET, "/npm/acme/main/hello%2fworld", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/@a%2fb%2fc", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/@%2fb", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/@a%2f", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/@a%2f..", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/@a/b%2fc", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/hello/a%2fb", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme%2fx/main/hello", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/@acme%2fx/main/hello", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/..", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/%2e%2E/x", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/./main", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%00b", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%0ab", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%5cb", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a\\b", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%ffb", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%c0%af", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%ed%a0%80", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%4", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%g0", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "npm", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/npm/acme/main/a%c3%a9", AT(npm, 0), "package", "a\xc3\xa9", 0},
    /* Artifacts: a slash means something. */
    {METHOD_PUT, "/artifacts/acme/main/web/1.0/a/b.tgz", AT(artifact, 3), "path", "a/b.tgz", 0},
    {METHOD_PUT, "/artifacts/acme/main/web/1.0/a/", AT(artifact, 3), "path", "a/", 0},
    {METHOD_GET, "/artifacts/acme/main/web/1.0/", AT(artifact, 1), "version", "1.0", 0},
    {METHOD_GET, "/artifacts/acme/main/web/1.0/a%20b", AT(artifact, 2), "path", "a b", 0},
    {METHOD_GET, "/artifacts/acme/main/web/1.0//a", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/artifacts/acme/main/web/1.0/a%2fb", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/artifacts/acme/main/web/1.0/a/../b", NULL, NULL, NULL, STATUS_INVALID},
    {METHOD_GET, "/artifacts/acme/main/@web/1.0/a", AT(artifact, 2), "package", "@web", 0},
    /* The longest static match. */
    {METHOD_POST, "/api/v1/tokens/revoke", AT(api, 0), NULL, NULL, 0},
    {METHOD_DELETE, "/api/v1/tokens/7", AT(api, 1), "id", "7", 0},
    {METHOD_GET, "/api/v1/nothing", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {METHOD_GET, "/", AT(root, 0), NULL, NULL, 0},
    {METHOD_GET, "/-/livez", AT(root, 1), NULL, NULL, 0},
    {METHOD_GET, "/npm/acme", NULL, NULL, NULL, STATUS_NOT_FOUND},
    {METHOD_GET, "/elsewhere", NULL, NULL, NULL, STATUS_NOT_FOUND},
    /* The path is there, the method is not. */
    {METHOD_POST, "/npm/acme/main/hello", NULL, NULL, NULL, STATUS_NOT_ALLOWED},
    {METHOD_PUT, "/npm/acme/main/-/ping", NULL, NULL, NULL, STATUS_NOT_ALLOWED},
    {METHOD_PATCH, "/", NULL, NULL, NULL, STATUS_NOT_ALLOWED},
};
/* clang-format on */

static void a_path_leads_to_its_row(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct made made;
        enum status rc;

        made_request(&made, arena, rows[row].method, rows[row].target);
        rc = router_find(router, &made.req, &made.res);
        if (rc != rows[row].status || made.req.route != rows[row].route)
            fail_msg("row %zu, %s: status %d, route %s, %s", row, rows[row].target, rc,
                     made.req.route ? made.req.route->pattern : "none", made.req.error.message);
        if (!rows[row].name)
            continue;
        if (strcmp(request_param(&made.req, rows[row].name), rows[row].value))
            fail_msg("row %zu: %s", row, request_param(&made.req, rows[row].name));
    }
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, arena, METHOD_POST, "/npm/acme/main/hello");
    assert_int_equal(router_find(router, &made.req, &made.res), STATUS_NOT_ALLOWED);
    assert_string_equal(made_answer_header(&made, "Allow"), "GET, HEAD, PUT");
    assert_ptr_equal(made.req.mount, &npm);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    char *deep = arena_alloc(arena, 9000), *at = deep;
    struct made made;

    (void)state;
    for (int i = 0; i < 200; i++)
        at = mempcpy(at, "/a", 2);
    made_request(&made, arena, METHOD_GET, deep);
    assert_int_equal(router_find(router, &made.req, &made.res), STATUS_INVALID);
    memset(deep, 'a', 8500);
    deep[0] = '/';
    made_request(&made, arena, METHOD_GET, deep);
    assert_int_equal(router_find(router, &made.req, &made.res), STATUS_INVALID);
}

/* Tables that must stop the start. */
/* clang-format off */
static const struct {
    const char *prefix;
    struct route routes[2];
    size_t count;
    const char *why;
} refused[] = {
    {"/x", {{METHOD_GET, "/a", ACCESS_UNDECIDED, 0, run, NULL}}, 1, "who may"},
    {"/x", {{METHOD_GET, "/a", ANYONE, 0, NULL, NULL}}, 1, "complete"},
    {"/x", {{METHOD_GET, "a", ANYONE, 0, run, NULL}}, 1, "begin"},
    {"/x", {{METHOD_GET, "/a//b", ANYONE, 0, run, NULL}}, 1, "empty"},
    {"/x", {{METHOD_GET, "/:", ANYONE, 0, run, NULL}}, 1, "empty"},
    {"/x", {{METHOD_GET, "/*a/b", ANYONE, 0, run, NULL}}, 1, "rest"},
    {"/x", {{METHOD_GET, "/:a/:a", ANYONE, 0, run, NULL}}, 1, "twice"},
    {"/x", {{METHOD_GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", ANYONE, 0, run, NULL}}, 1, "many"},
    {"/x", {{METHOD_GET, "/:package", MAY_READ, 0, run, NULL}}, 1, ":repo"},
    {"/x/:org", {{METHOD_GET, "/:package", MAY_PUBLISH, 0, run, NULL}}, 1, ":repo"},
    {"/x", {{METHOD_GET, "/a", MAY_AUDIT, 0, run, NULL}}, 1, ":org"},
    {"/x", {{METHOD_GET, "/:a", ANYONE, 0, run, NULL}, {METHOD_GET, "/:b", ANYONE, 0, run, NULL}},
     2, "twice"},
};
/* clang-format on */

static void a_bad_table_stops_the_start(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof refused / sizeof *refused; row++) {
        const struct mount mount = {.prefix = refused[row].prefix,
                                    .name = "x",
                                    .routes = refused[row].routes,
                                    .count = refused[row].count};
        const struct mount *const table[] = {&mount};
        struct router *made = NULL;
        struct error err = {0};

        assert_int_not_equal(router_new(table, 1, &made, &err), STATUS_OK);
        if (!strstr(err.message, refused[row].why))
            fail_msg("row %zu: %s", row, err.message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_to_its_row),
        cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
        cmocka_unit_test(a_bad_table_stops_the_start),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
