/* Credentials, the gate and what a refusal looks like, over a real catalog: an org acme with a
 * private and an open repository, an org globex, and people with different rights. */
#include "config/clock.h"
#include "server/auth/credential.h"
#include "server/dispatch.h"
#include "storage/catalog/token.h"
#include "storage/memory/json.h"
#include "tests/support/catalog_fixture.h"
#include "tests/support/made_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* (fail) is the function of config/error.h, which cmocka hides behind a macro. */

static struct fixture fixture;
static struct service service;
static struct dispatcher *dispatcher;

static enum status run(struct request *req, struct response *res)
{
    return respond_text(req, res, 200, "text/plain", "done");
}

static enum status run_absent(struct request *req, struct response *res)
{
    (void)res;
    return request_no_package(req);
}

static enum status run_body(struct request *req, struct response *res)
{
    size_t length;
    enum status rc;
    char *text;

    if ((rc = request_body_text(req, 1000, &text, &length)))
        return rc;
    return respond_text(req, res, 201, "text/plain", text);
}

static enum status run_broken(struct request *req, struct response *res)
{
    response_header(req, res, "ETag", "\"x\"");
    response_header(req, res, "Cache-Control", "public");
    return (fail)(&req->error, STATUS_INTERNAL, "", "the file /secret/path is gone");
}

static enum status run_busy(struct request *req, struct response *res)
{
    (void)res;
    request_fact(req, "existing_sha256", "9f86");
    return (fail)(&req->error, STATUS_BUSY, "queue-full",
                  "the \"queue\" is full\r\nSet-Cookie: x \xc3\xa9");
}

static enum status run_full(struct request *req, struct response *res)
{
    (void)res;
    return (fail)(&req->error, STATUS_FULL, "disk-full", "could not write /secret/path");
}

static enum status run_nothing(struct request *req, struct response *res)
{
    (void)req;
    (void)res;
    return STATUS_OK;
}

static int64_t no_limit(const struct settings *settings)
{
    (void)settings;
    return 0;
}

static const struct route rows[] = {
    {METHOD_GET,    "/:package",       MAY_READ,    0,  run_absent,  NULL    },
    {METHOD_GET,    "/",               MAY_READ,    0,  run,         NULL    },
    {METHOD_PUT,    "/:package",       MAY_PUBLISH, 10, run_body,    NULL    },
    {METHOD_PUT,    "/:package/large", MAY_PUBLISH, 0,  run_body,    no_limit},
    {METHOD_DELETE, "/:package",       MAY_DELETE,  0,  run,         NULL    },
    {METHOD_GET,    "/-/ping",         ANYONE,      0,  run,         NULL    },
    {METHOD_GET,    "/-/whoami",       SIGNED_IN,   0,  run,         NULL    },
    {METHOD_GET,    "/-/broken",       ANYONE,      0,  run_broken,  NULL    },
    {METHOD_GET,    "/-/busy",         ANYONE,      0,  run_busy,    NULL    },
    {METHOD_GET,    "/-/full",         ANYONE,      0,  run_full,    NULL    },
    {METHOD_GET,    "/-/nothing",      ANYONE,      0,  run_nothing, NULL    },
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static const struct route org_rows[] = {
    {METHOD_GET, "/:org/admin", MAY_ADMIN_ORG,      0, run, NULL},
    {METHOD_GET, "/:org/audit", MAY_AUDIT,          0, run, NULL},
    {METHOD_GET, "/",           MAY_ADMIN_INSTANCE, 0, run, NULL},
};

static const struct mount npm = {.prefix = "/npm/:org/:repo",
                                 .name = "npm",
                                 .routes = rows,
                                 .count = ROW_COUNT,
                                 .joins_scopes = true,
                                 .reads_refused_body = true,
                                 .challenge = CHALLENGE_NONE};
static const struct mount pypi = {.prefix = "/pypi/:org/:repo",
                                  .name = "pypi",
                                  .routes = rows,
                                  .count = ROW_COUNT,
                                  .stranger_gets_403 = true,
                                  .challenge = CHALLENGE_BASIC};
static const struct mount files = {.prefix = "/artifacts/:org/:repo",
                                   .name = "artifacts",
                                   .routes = rows,
                                   .count = ROW_COUNT,
                                   .keeps_slashes = true,
                                   .challenge = CHALLENGE_BOTH};
static const struct mount api = {
    .prefix = "/api", .name = "api", .routes = org_rows, .count = 3, .challenge = CHALLENGE_BOTH};
static const struct mount *const mounts[] = {&npm, &pypi, &files, &api};

enum who {
    NOBODY,
    OWNER,
    READER,
    PUBLISHER,
    SCOPED,
    STRANGER,
    ORG_ADMINISTRATOR,
    REVOKED,
    EXPIRED,
    GARBAGE,
    WHO_COUNT
};
static char tokens[WHO_COUNT][TOKEN_SIZE];

static struct token make_token(enum who who, int64_t account, int64_t expires_us)
{
    struct token token = {
        .account_id = account, .name = "test", .actions = ACTIONS_ALL, .expires_us = expires_us};
    struct error err = {0};

    fixture_must(catalog_create_token(fixture.catalog, &fixture.actor, &token, fixture.arena,
                                      tokens[who], &err),
                 &err);
    return token;
}

static int64_t make_account(const char *name, const char *role, const char *repository,
                            const char *package)
{
    struct grant grant = {.subject = name,
                          .role = role,
                          .actions = role_actions(role),
                          .repository = repository,
                          .package = package,
                          .effect = GRANT_ALLOW};
    struct error err = {0};
    int64_t id, grant_id;

    fixture_must(catalog_create_account(fixture.catalog, &fixture.actor, name, &id, &err), &err);
    fixture_must(catalog_add_grant(fixture.catalog, &fixture.actor, &grant, &grant_id, &err), &err);
    return id;
}

static int setup(void **state)
{
    struct error err = {0};
    int64_t id;

    (void)state;
    fixture_setup(&fixture);
    fixture_must(catalog_create_org(fixture.catalog, &fixture.actor, "globex", &id, &err), &err);
    fixture_must(catalog_create_repository(fixture.catalog, &fixture.actor, "globex", "private",
                                           false, &id, &err),
                 &err);
    fixture_must(
        catalog_create_repository(fixture.catalog, &fixture.actor, "acme", "open", true, &id, &err),
        &err);
    make_token(OWNER, fixture.owner.account_id, 0);
    make_token(READER, make_account("rita", "reader", "acme/main", "**"), 0);
    make_token(PUBLISHER, make_account("paul", "publisher", "acme/main", "**"), 0);
    make_token(SCOPED, make_account("sam", "publisher", "acme/main", "@acme/*"), 0);
    make_token(STRANGER, make_account("stan", "admin", "globex/*", "**"), 0);
    make_token(ORG_ADMINISTRATOR, make_account("olga", "org-admin", "acme/**", "**"), 0);
    id = make_token(REVOKED, fixture.owner.account_id, 0).id;
    fixture_must(catalog_revoke_token(fixture.catalog, &fixture.actor, id, &err), &err);
    make_token(EXPIRED, fixture.owner.account_id, clock_now_us() + 1000);
    clock_shift_us(1000000);
    snprintf(tokens[GARBAGE], TOKEN_SIZE, "pkhp_nonsense");
    service = (struct service){.catalog = fixture.catalog, .public_url = "http://house"};
    return dispatcher_new(&service, mounts, 4, &dispatcher, &err);
}

static int teardown(void **state)
{
    (void)state;
    dispatcher_free(dispatcher);
    fixture_teardown(&fixture);
    return 0;
}

static void ask(struct made *made, enum who who, enum method method, const char *target)
{
    made_request(made, fixture.arena, method, target);
    if (who != NOBODY)
        made_header(made, "Authorization", arena_format(fixture.arena, "Bearer %s", tokens[who]));
    if (method == METHOD_PUT)
        made_body(made, "body", false);
    dispatch(dispatcher, &made->req, &made->res);
}

/* clang-format off */
static const struct {
    const char *value;
    enum credential expected;
    const char *token;
} credentials[] = {
    {NULL, CREDENTIAL_NONE, NULL},
    {"Bearer abc", CREDENTIAL_TOKEN, "abc"},
    {"bearer   abc", CREDENTIAL_TOKEN, "abc"},
    {"token abc", CREDENTIAL_TOKEN, "abc"},
    {"Basic dXNlcjphYmM=", CREDENTIAL_TOKEN, "abc"},
    {"basic dXNlcjphYmM", CREDENTIAL_TOKEN, "abc"},
    {"Basic X190b2tlbl9fOmE6Yg==", CREDENTIAL_TOKEN, "a:b"},
    {"Basic YWJjOg==", CREDENTIAL_TOKEN, "abc"},
    {"Basic OmFiYw==", CREDENTIAL_TOKEN, "abc"},
    {"Basic Og==", CREDENTIAL_BAD, NULL},
    {"Basic YWJj", CREDENTIAL_BAD, NULL},
    {"Basic YQBiOmM=", CREDENTIAL_BAD, NULL},
    {"Basic !!!", CREDENTIAL_BAD, NULL},
    {"Basic", CREDENTIAL_BAD, NULL},
    {"Bearer ", CREDENTIAL_BAD, NULL},
    {"Bearer", CREDENTIAL_BAD, NULL},
    {"Digest username=x", CREDENTIAL_BAD, NULL},
    {"", CREDENTIAL_BAD, NULL},
};
/* clang-format on */

static void every_form_of_a_token_is_read(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof credentials / sizeof *credentials; row++) {
        const char *token;
        struct made made;

        made_request(&made, fixture.arena, METHOD_GET, "/?token=query");
        made_header(&made, "authorization", credentials[row].value);
        if (credential_of(&made.req, &token) != credentials[row].expected)
            fail_msg("row %zu: %s", row, credentials[row].value);
        if (credentials[row].token)
            assert_string_equal(token, credentials[row].token);
    }
}

static void two_credentials_are_none(void **state)
{
    const char *token;
    struct made made;

    (void)state;
    made_request(&made, fixture.arena, METHOD_GET, "/");
    made_header(&made, "Authorization", "Bearer a");
    made_header(&made, "authorization", "Bearer a");
    assert_int_equal(credential_of(&made.req, &token), CREDENTIAL_BAD);
}

/* clang-format off */
static const struct {
    enum who who;
    enum method method;
    const char *target;
    int code;
} decisions[] = {
    /* B7: nobody gets 401, whether it is there or not, unless the repository is open. */
    {NOBODY, METHOD_GET, "/npm/acme/main/hello", 401},
    {NOBODY, METHOD_GET, "/npm/acme/absent/hello", 401},
    {NOBODY, METHOD_GET, "/npm/absent/main/hello", 401},
    {NOBODY, METHOD_PUT, "/npm/acme/main/hello", 401},
    {NOBODY, METHOD_GET, "/npm/acme/open/", 200},
    {NOBODY, METHOD_GET, "/npm/acme/open/hello", 404},
    {NOBODY, METHOD_PUT, "/npm/acme/open/hello", 401},
    {NOBODY, METHOD_GET, "/npm/acme/main/-/ping", 200},
    {NOBODY, METHOD_GET, "/npm/acme/main/-/whoami", 401},
    {NOBODY, METHOD_GET, "/pypi/acme/main/hello", 401},
    {NOBODY, METHOD_GET, "/api/acme/admin", 401},
    {NOBODY, METHOD_GET, "/api/absent/admin", 401},
    {NOBODY, METHOD_GET, "/api/", 401},
    /* A token that has died is told so, also where none is needed. */
    {REVOKED, METHOD_GET, "/npm/acme/open/", 401},
    {EXPIRED, METHOD_GET, "/npm/acme/open/", 401},
    {GARBAGE, METHOD_GET, "/npm/acme/open/", 401},
    {GARBAGE, METHOD_GET, "/npm/acme/main/-/ping", 401},
    {REVOKED, METHOD_GET, "/npm/acme/main/hello", 401},
    /* A stranger: absent and forbidden are alike. */
    {STRANGER, METHOD_GET, "/npm/acme/main/hello", 404},
    {STRANGER, METHOD_GET, "/npm/acme/absent/hello", 404},
    {STRANGER, METHOD_PUT, "/npm/acme/main/hello", 404},
    {STRANGER, METHOD_PUT, "/npm/absent/main/hello", 404},
    {STRANGER, METHOD_GET, "/artifacts/acme/main/hello", 404},
    {STRANGER, METHOD_GET, "/pypi/acme/main/hello", 403},
    {STRANGER, METHOD_GET, "/pypi/acme/absent/hello", 403},
    {STRANGER, METHOD_PUT, "/pypi/acme/main/hello", 403},
    {STRANGER, METHOD_GET, "/npm/globex/private/", 200},
    {STRANGER, METHOD_GET, "/npm/acme/open/", 200},
    {STRANGER, METHOD_PUT, "/npm/acme/open/hello", 403},
    {STRANGER, METHOD_GET, "/npm/acme/main/-/whoami", 200},
    {STRANGER, METHOD_GET, "/api/acme/admin", 404},
    {STRANGER, METHOD_GET, "/api/absent/admin", 404},
    {STRANGER, METHOD_GET, "/api/", 403},
    /* Within a repository that he sees, he is told what is missing. */
    {READER, METHOD_GET, "/npm/acme/main/", 200},
    {READER, METHOD_GET, "/npm/acme/main/hello", 404},
    {READER, METHOD_GET, "/pypi/acme/main/hello", 404},
    {READER, METHOD_PUT, "/npm/acme/main/hello", 403},
    {READER, METHOD_DELETE, "/npm/acme/main/hello", 403},
    {PUBLISHER, METHOD_PUT, "/npm/acme/main/hello", 201},
    {PUBLISHER, METHOD_DELETE, "/npm/acme/main/hello", 403},
    {PUBLISHER, METHOD_GET, "/npm/globex/private/hello", 404},
    {PUBLISHER, METHOD_GET, "/api/acme/admin", 403},
    {SCOPED, METHOD_PUT, "/npm/acme/main/@acme%2fui", 201},
    {SCOPED, METHOD_PUT, "/npm/acme/main/other", 403},
    {SCOPED, METHOD_GET, "/npm/acme/main/other", 404},
    {SCOPED, METHOD_GET, "/pypi/acme/main/other", 404},
    {ORG_ADMINISTRATOR, METHOD_GET, "/api/acme/admin", 200},
    {ORG_ADMINISTRATOR, METHOD_GET, "/api/acme/audit", 200},
    {ORG_ADMINISTRATOR, METHOD_GET, "/api/globex/admin", 404},
    {ORG_ADMINISTRATOR, METHOD_GET, "/api/", 403},
    {OWNER, METHOD_GET, "/api/", 200},
    {OWNER, METHOD_GET, "/npm/globex/private/", 200},
    {OWNER, METHOD_GET, "/npm/globex/absent/x", 404},
};
/* clang-format on */

static void the_gate_decides_as_the_table_says(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof decisions / sizeof *decisions; row++) {
        struct made made;

        ask(&made, decisions[row].who, decisions[row].method, decisions[row].target);
        if (made.res.code != decisions[row].code)
            fail_msg("row %zu, %s: %d, %s", row, decisions[row].target, made.res.code,
                     made.req.error.message);
        response_release(&made.res);
    }
}

/* The whole answer as text, with the names of what was asked for masked. */
static char *look(struct made *made, const char *name)
{
    char *text = arena_format(fixture.arena, "%d %s\n", made->res.code, made->res.reason), *at;

    for (size_t i = 0; i < made->res.header_count; i++)
        text = arena_format(fixture.arena, "%s%s: %s\n", text, made->res.headers[i].name,
                            made->res.headers[i].value);
    text = arena_format(fixture.arena, "%s%.*s", text, (int)made->res.length,
                        (const char *)made->res.bytes);
    while ((at = strstr(text, name)))
        memset(at, '_', strlen(name));
    return text;
}

/* clang-format off */
static const struct {
    enum who who;
    enum method method;
    const char *there, *hidden, *absent, *missing; /* two targets and their names, of one length */
} twins[] = {
    {STRANGER, METHOD_GET, "/npm/acme/main/x", "acme/main", "/npm/acme/mein/x", "acme/mein"},
    {STRANGER, METHOD_PUT, "/npm/acme/main/x", "acme/main", "/npm/ecme/main/x", "ecme/main"},
    {STRANGER, METHOD_GET, "/pypi/acme/main/x", "acme/main", "/pypi/acme/mein/x", "acme/mein"},
    {STRANGER, METHOD_GET, "/artifacts/acme/main/x", "acme/main", "/artifacts/acme/mein/x", "acme/mein"},
    {STRANGER, METHOD_GET, "/api/acme/admin", "acme", "/api/ecme/admin", "ecme"},
    {STRANGER, METHOD_GET, "/api/acme/audit", "acme", "/api/ecme/audit", "ecme"},
    {NOBODY, METHOD_GET, "/npm/acme/main/x", "acme/main", "/npm/acme/mein/x", "acme/mein"},
    {NOBODY, METHOD_PUT, "/pypi/acme/main/x", "acme/main", "/pypi/acme/mein/x", "acme/mein"},
    {REVOKED, METHOD_GET, "/artifacts/acme/main/x", "acme/main", "/artifacts/acme/mein/x", "acme/mein"},
    /* The first package is hidden by a glob, the second is looked for and absent. */
    {SCOPED, METHOD_GET, "/npm/acme/main/x", "package x", "/npm/acme/main/@acme%2fui", "package @acme/ui"},
};
/* clang-format on */

static void absent_and_forbidden_look_alike(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof twins / sizeof *twins; row++) {
        char *hidden, *absent;
        struct made made;

        ask(&made, twins[row].who, twins[row].method, twins[row].there);
        hidden = look(&made, twins[row].hidden);
        response_release(&made.res);
        ask(&made, twins[row].who, twins[row].method, twins[row].absent);
        absent = look(&made, twins[row].missing);
        response_release(&made.res);
        if (strlen(twins[row].hidden) == strlen(twins[row].missing))
            assert_string_equal(hidden, absent);
        else
            assert_memory_equal(hidden, absent, strcspn(hidden, "_"));
    }
}

/* clang-format off */
static const struct {
    enum who who;
    const char *target, *challenge;
} challenges[] = {
    {NOBODY, "/npm/acme/main/x", NULL},
    {GARBAGE, "/npm/acme/main/x", "Bearer realm=\"packhouse\""},
    {NOBODY, "/pypi/acme/main/x", "Basic realm=\"packhouse\", charset=\"UTF-8\""},
    {GARBAGE, "/pypi/acme/main/x", "Basic realm=\"packhouse\", charset=\"UTF-8\""},
    {NOBODY, "/artifacts/acme/main/x",
     "Basic realm=\"packhouse\", charset=\"UTF-8\", Bearer realm=\"packhouse\""},
    {STRANGER, "/artifacts/acme/main/x", NULL},
};
/* clang-format on */

static void each_mount_challenges_in_its_own_way(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof challenges / sizeof *challenges; row++) {
        const char *challenge;
        struct made made;

        ask(&made, challenges[row].who, METHOD_GET, challenges[row].target);
        challenge = made_answer_header(&made, "WWW-Authenticate");
        if (!challenges[row].challenge)
            assert_null(challenge);
        else
            assert_string_equal(challenge, challenges[row].challenge);
        response_release(&made.res);
    }
}

static const char *text_at(const struct json *body, const char *key)
{
    const char *text = json_text(json_get(body, key));

    return text ? text : "";
}

static void a_failure_speaks_every_clients_words(void **state)
{
    struct json *body;
    struct error err = {0};
    struct made made;
    const struct json *first;

    (void)state;
    ask(&made, NOBODY, METHOD_GET, "/npm/acme/main/-/busy");
    assert_int_equal(made.res.code, 503);
    assert_string_equal(made_answer_header(&made, "Content-Type"), "application/problem+json");
    assert_string_equal(made_answer_header(&made, "Retry-After"), "1");
    assert_string_equal(made.res.reason, "queue-full: the \"queue\" is full??Set-Cookie: x ??");
    assert_int_equal(json_parse(made.res.bytes, made.res.length, 0, &body, &err), STATUS_OK);
    assert_string_equal(text_at(body, "type"), "http://house/docs/errors#queue-full");
    assert_string_equal(text_at(body, "title"), "Busy");
    assert_int_equal(json_int(json_get(body, "status"), 0), 503);
    assert_string_equal(text_at(body, "code"), "queue-full");
    assert_string_equal(text_at(body, "error"), made.req.error.message);
    assert_string_equal(text_at(body, "detail"), made.req.error.message);
    assert_string_equal(text_at(body, "message"), made.req.error.message);
    assert_string_equal(text_at(body, "instance"), "/requests/test");
    assert_string_equal(text_at(body, "existing_sha256"), "9f86");
    first = json_at(json_get(body, "errors"), 0);
    assert_string_equal(text_at(first, "code"), "queue-full");
    assert_string_equal(text_at(first, "description"), made.req.error.message);
    json_free(body);
    response_release(&made.res);
}

static void what_breaks_inside_stays_inside(void **state)
{
    struct made made;

    (void)state;
    ask(&made, NOBODY, METHOD_GET, "/npm/acme/main/-/broken");
    assert_int_equal(made.res.code, 500);
    assert_null(memmem(made.res.bytes, made.res.length, "secret", 6));
    assert_non_null(memmem(made.res.bytes, made.res.length, "request test", 12));
    assert_null(made_answer_header(&made, "ETag"));
    assert_string_equal(made_answer_header(&made, "Cache-Control"), "no-store");
    ask(&made, NOBODY, METHOD_GET, "/npm/acme/main/-/full");
    assert_int_equal(made.res.code, 507);
    assert_null(memmem(made.res.bytes, made.res.length, "secret", 6));
    ask(&made, NOBODY, METHOD_GET, "/npm/acme/main/-/nothing");
    assert_int_equal(made.res.code, 500);
}

static void a_failure_to_head_has_no_body(void **state)
{
    struct made made;

    (void)state;
    ask(&made, NOBODY, METHOD_HEAD, "/npm/acme/main/hello");
    assert_int_equal(made.res.code, 401);
    assert_null(made.res.bytes);
    assert_true(made.res.announced_length > 0);
}

static void a_reason_fits_a_status_line(void **state)
{
    char target[400] = "/npm/acme/open/";
    struct made made;

    (void)state;
    memset(target + 15, 'x', 300);
    ask(&made, NOBODY, METHOD_GET, target);
    assert_int_equal(made.res.code, 404);
    assert_int_equal(strlen(made.res.reason), 160);
    assert_string_equal(made.res.reason + 157, "...");
}

/* The publisher's limit is 10 bytes; the body is looked at only behind the gate. */
/* clang-format off */
static const struct {
    enum who who;
    const char *target, *body;
    bool is_chunked;
    int code;
} bodies[] = {
    {PUBLISHER, "/npm/acme/main/x", "0123456789", false, 201},
    {PUBLISHER, "/npm/acme/main/x", "0123456789", true, 201},
    {PUBLISHER, "/npm/acme/main/x", "0123456789a", false, 413},
    {PUBLISHER, "/npm/acme/main/x", "0123456789a", true, 413},
    {PUBLISHER, "/npm/acme/main/x/large", "0123456789a", true, 201},
    {PUBLISHER, "/npm/acme/main/x", "", false, 411},
    {READER, "/npm/acme/main/x", "0123456789a", false, 403},
    {NOBODY, "/npm/acme/main/x", "0123456789a", false, 401},
};
/* clang-format on */

static void a_body_over_the_limit_is_refused(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof bodies / sizeof *bodies; row++) {
        struct made made;

        made_request(&made, fixture.arena, METHOD_PUT, bodies[row].target);
        if (bodies[row].who != NOBODY)
            made_header(&made, "Authorization",
                        arena_format(fixture.arena, "token %s", tokens[bodies[row].who]));
        made_body(&made, bodies[row].body, bodies[row].is_chunked);
        dispatch(dispatcher, &made.req, &made.res);
        if (made.res.code != bodies[row].code)
            fail_msg("row %zu: %d, %s", row, made.res.code, made.req.error.message);
        assert_int_equal(made.res.read_body_first, made.res.code != 201);
        if (made.res.code == 401 || made.res.code == 403) /* not a byte was read */
            assert_int_equal(made.body.left, strlen(bodies[row].body));
        response_release(&made.res);
    }
}

static void only_npm_waits_for_the_rest_of_a_refused_body(void **state)
{
    struct made made;

    (void)state;
    ask(&made, NOBODY, METHOD_PUT, "/npm/acme/main/x");
    assert_true(made.res.read_body_first);
    ask(&made, NOBODY, METHOD_PUT, "/pypi/acme/main/x");
    assert_false(made.res.read_body_first);
}

/* The listener's own refusals come without a service, a mount or a target. */
static void a_bad_head_gets_a_whole_answer(void **state)
{
    struct made made;

    (void)state;
    made_request(&made, fixture.arena, METHOD_GET, "/");
    made.req.target = NULL;
    made.res.close_connection = true;
    (fail)(&made.req.error, STATUS_HEAD_TOO_LARGE, "", "the head has more than 63 fields");
    dispatch_failure(&made.req, &made.res, STATUS_HEAD_TOO_LARGE);
    assert_int_equal(made.res.code, 431);
    assert_true(made.res.close_connection);
    assert_string_equal(made.res.reason, "head-too-large: the head has more than 63 fields");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_token_is_read),
        cmocka_unit_test(two_credentials_are_none),
        cmocka_unit_test(the_gate_decides_as_the_table_says),
        cmocka_unit_test(absent_and_forbidden_look_alike),
        cmocka_unit_test(each_mount_challenges_in_its_own_way),
        cmocka_unit_test(a_failure_speaks_every_clients_words),
        cmocka_unit_test(what_breaks_inside_stays_inside),
        cmocka_unit_test(a_failure_to_head_has_no_body),
        cmocka_unit_test(a_reason_fits_a_status_line),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        cmocka_unit_test(only_npm_waits_for_the_rest_of_a_refused_body),
        cmocka_unit_test(a_bad_head_gets_a_whole_answer),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
