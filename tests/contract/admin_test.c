/* /api/v1 over a real catalog, asked as the command line asks it. */
#include "config/clock.h"
#include "config/settings.h"
#include "server/admin/admin.h"
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

struct house {
    struct fixture fixture;
    struct settings settings;
    struct service service;
    struct dispatcher *dispatcher;
    char owner[TOKEN_SIZE];
    struct json *answer; /* to the last question */
    int code;
};

static int setup(void **state)
{
    static const struct mount *const mounts[] = {&admin_mount};
    struct house *h = calloc(1, sizeof *h);
    struct token token = {.actions = ACTIONS_ALL};
    struct error err = {0};

    fixture_setup(&h->fixture);
    settings_init(&h->settings);
    h->service = (struct service){
        .catalog = h->fixture.catalog, .settings = &h->settings, .public_url = "http://house"};
    token.account_id = h->fixture.owner.account_id;
    fixture_must(catalog_create_token(h->fixture.catalog, &h->fixture.actor, &token,
                                      h->fixture.arena, h->owner, &err),
                 &err);
    fixture_must(dispatcher_new(&h->service, mounts, 1, &h->dispatcher, &err), &err);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct house *h = *state;

    json_free(h->answer);
    dispatcher_free(h->dispatcher);
    settings_clear(&h->settings);
    fixture_teardown(&h->fixture);
    free(h);
    return 0;
}

/* Asks as the owner of a token; body may be NULL. Returns the code; the answer is in h->answer. */
static int ask(struct house *h, const char *token, enum method method, const char *path,
               const char *body)
{
    struct error err = {0};
    struct made made;

    made_request(&made, h->fixture.arena, method,
                 arena_format(h->fixture.arena, "/api/v1%s", path));
    if (token)
        made_header(&made, "Authorization", arena_format(h->fixture.arena, "Bearer %s", token));
    if (body)
        made_body(&made, body, false);
    dispatch(h->dispatcher, &made.req, &made.res);
    json_free(h->answer);
    h->answer = NULL;
    if (made.res.length)
        assert_int_equal(json_parse(made.res.bytes, made.res.length, 0, &h->answer, &err),
                         STATUS_OK);
    h->code = made.res.code;
    response_release(&made.res);
    return h->code;
}

static int get(struct house *h, const char *token, const char *path)
{
    return ask(h, token, METHOD_GET, path, NULL);
}

static int post(struct house *h, const char *token, const char *path, const char *body)
{
    return ask(h, token, METHOD_POST, path, body);
}

static const char *text(struct house *h, const char *key)
{
    const char *value = json_text(json_get(h->answer, key));

    return value ? arena_copy(h->fixture.arena, value) : "";
}

/* The texts under a key of all items of a list, with blanks between. */
static const char *items(struct house *h, const char *key)
{
    const struct json *list = json_get(h->answer, "items");
    const char *out = "";

    for (size_t i = 0; i < json_count(list); i++)
        out = arena_format(h->fixture.arena, "%s%s%s", out, i ? " " : "",
                           json_text(json_get(json_at(list, i), key)));
    return out;
}

/* An account with a role on a repository glob, and its token. */
static const char *make_person(struct house *h, const char *name, const char *role,
                               const char *repository)
{
    struct arena *arena = h->fixture.arena;

    assert_int_equal(post(h, h->owner, "/accounts", arena_format(arena, "{\"name\":\"%s\"}", name)),
                     201);
    if (role)
        assert_int_equal(post(h, h->owner, "/grants",
                              arena_format(arena,
                                           "{\"subject\":\"%s\",\"role\":\"%s\","
                                           "\"repository\":\"%s\"}",
                                           name, role, repository)),
                         201);
    assert_int_equal(post(h, h->owner, "/tokens", arena_format(arena, "{\"for\":\"%s\"}", name)),
                     201);
    return text(h, "token");
}

static void make_globex(struct house *h)
{
    assert_int_equal(post(h, h->owner, "/orgs", "{\"name\":\"globex\"}"), 201);
    assert_int_equal(post(h, h->owner, "/orgs/globex/repositories", "{\"name\":\"private\"}"), 201);
}

static void an_org_and_its_repositories_are_made_and_listed(void **state)
{
    struct house *h = *state;

    assert_int_equal(post(h, h->owner, "/orgs", "{\"name\":\"globex\"}"), 201);
    assert_string_equal(text(h, "name"), "globex");
    assert_int_equal(strlen(text(h, "created_at")), 24);
    assert_int_equal(post(h, h->owner, "/orgs", "{\"name\":\"globex\"}"), 409);
    assert_int_equal(get(h, h->owner, "/orgs"), 200);
    assert_string_equal(items(h, "name"), "acme globex");
    assert_null(json_get(h->answer, "next"));

    assert_int_equal(post(h, h->owner, "/orgs/globex/repositories",
                          "{\"name\":\"open\",\"anonymous\":\"read\"}"),
                     201);
    assert_string_equal(text(h, "anonymous"), "read");
    assert_int_equal(post(h, h->owner, "/orgs/globex/repositories", "{\"name\":\"private\"}"), 201);
    assert_string_equal(text(h, "anonymous"), "none");
    assert_int_equal(post(h, h->owner, "/orgs/globex/repositories", "{\"name\":\"open\"}"), 409);
    assert_int_equal(post(h, h->owner, "/orgs/absent/repositories", "{\"name\":\"x\"}"), 404);
    assert_int_equal(get(h, h->owner, "/orgs/globex/repositories"), 200);
    assert_string_equal(items(h, "name"), "open private");
    assert_int_equal(get(h, h->owner, "/orgs/globex/repositories/open"), 200);
    assert_int_equal(get(h, NULL, "/orgs/globex/repositories/open"), 200);
    assert_int_equal(get(h, NULL, "/orgs/globex/repositories/private"), 401);

    assert_int_equal(ask(h, h->owner, METHOD_PATCH, "/orgs/globex/repositories/open",
                         "{\"anonymous\":\"none\"}"),
                     200);
    assert_string_equal(text(h, "anonymous"), "none");
    assert_int_equal(get(h, NULL, "/orgs/globex/repositories/open"), 401);
}

/* clang-format off */
static const struct {
    const char *path, *body;
    int code;
    const char *field, *token; /* token NULL: the owner's */
} refused[] = {
    {"/orgs", "{\"name\":\"UPPER\"}", 400, "name", NULL},
    {"/orgs", "{\"name\":7}", 400, "name", NULL},
    {"/orgs", "{}", 400, "name", NULL},
    {"/orgs", "{\"name\":\"a\",\"nmae\":\"b\"}", 400, "", NULL},
    {"/orgs", "{\"name\":\"a\",\"name\":\"b\"}", 400, "", NULL},
    {"/orgs", "[]", 400, "", NULL},
    {"/orgs", "{", 400, "", NULL},
    {"/orgs", "", 400, "", NULL},
    {"/orgs/acme/repositories", "{\"name\":\"x\",\"anonymous\":\"write\"}", 400, "anonymous", NULL},
    {"/orgs/acme/repositories", "{\"name\":\"../x\"}", 400, "name", NULL},
    {"/accounts", "{\"name\":\"no blanks\"}", 400, "name", NULL},
    {"/accounts", "{\"name\":\"anonymous\"}", 400, "name", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/main\"}", 400, "role", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/main\",\"role\":\"king\"}", 400, "role", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/main\",\"actions\":[\"fly\"]}", 400, "actions", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/main\",\"actions\":[]}", 400, "actions", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/main\",\"actions\":[1]}", 400, "actions", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme\",\"role\":\"reader\"}", 400, "repository", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/mian\",\"role\":\"reader\"}", 404, "", NULL},
    {"/grants", "{\"subject\":\"nobody\",\"repository\":\"acme/main\",\"role\":\"reader\"}", 404, "", NULL},
    {"/grants", "{\"subject\":\"owner\",\"repository\":\"acme/main\",\"role\":\"reader\",\"effect\":\"maybe\"}",
     400, "effect", NULL},
    {"/tokens", "{\"for\":\"nobody\"}", 404, "", NULL},
    {"/tokens", "{\"expires_in\":0}", 400, "expires_in", NULL},
    {"/tokens", "{\"expires_in\":-5}", 400, "expires_in", NULL},
    {"/tokens", "{\"expires_in\":\"30d\"}", 400, "expires_in", NULL},
    {"/tokens", "{\"expires_in\":7776001}", 400, "expires_in", NULL},
    {"/tokens", "{\"expires_in\":31536001,\"role\":\"reader\"}", 400, "expires_in", NULL},
    {"/tokens", "{\"role\":\"reader\",\"actions\":[\"repo:read\"]}", 400, "actions", NULL},
    {"/tokens", "{\"repositories\":[]}", 400, "repositories", NULL},
    {"/tokens", "{\"repositories\":[\"acme/main acme/other\"]}", 400, "repositories", NULL},
    {"/tokens", "{\"repositories\":\"acme/main\"}", 400, "repositories", NULL},
    {"/tokens", "{\"repositories\":[\"acme/mian\"]}", 404, "", NULL},
    {"/tokens", "{\"packages\":[\"\"]}", 400, "packages", NULL},
    {"/tokens", "{\"actions\":[\"pkg:publish\"],\"readonly\":true}", 400, "readonly", NULL},
    {"/tokens/revoke", "{\"token\":7}", 400, "token", NULL},
};
/* clang-format on */

static void what_is_wrong_is_named(void **state)
{
    struct house *h = *state;

    for (size_t row = 0; row < sizeof refused / sizeof *refused; row++) {
        post(h, h->owner, refused[row].path, refused[row].body);
        if (h->code != refused[row].code || strcmp(text(h, "field"), refused[row].field))
            fail_msg("row %zu: %d, field \"%s\", %s", row, h->code, text(h, "field"),
                     text(h, "detail"));
    }
}

static void a_grant_lasts_until_it_is_removed(void **state)
{
    struct house *h = *state;
    const char *ann = make_person(h, "ann", NULL, NULL);
    const char *path;

    assert_int_equal(get(h, ann, "/orgs/acme/repositories/main"), 404);
    assert_int_equal(post(h, h->owner, "/grants",
                          "{\"subject\":\"ann\",\"role\":\"publisher\","
                          "\"repository\":\"acme/main\"}"),
                     201);
    assert_string_equal(text(h, "package"), "**");
    assert_string_equal(text(h, "effect"), "allow");
    path = arena_format(h->fixture.arena, "/grants/%lld",
                        (long long)json_int(json_get(h->answer, "id"), 0));
    assert_int_equal(get(h, ann, "/orgs/acme/repositories/main"), 200);
    assert_int_equal(get(h, h->owner, "/grants?org=acme"), 200);
    assert_string_equal(items(h, "subject"), "ann");
    assert_int_equal(ask(h, ann, METHOD_DELETE, path, NULL), 404);
    assert_int_equal(ask(h, h->owner, METHOD_DELETE, path, NULL), 204);
    assert_int_equal(ask(h, h->owner, METHOD_DELETE, path, NULL), 404);
    assert_int_equal(get(h, ann, "/orgs/acme/repositories/main"), 404);
}

static void a_token_is_shown_once_and_revoked_at_once(void **state)
{
    struct house *h = *state;
    const char *ann = make_person(h, "ann", "publisher", "acme/main"), *made;
    int64_t id;

    assert_int_equal(post(h, ann, "/tokens",
                          "{\"name\":\"ci\",\"role\":\"publisher\",\"repositories\":"
                          "[\"acme/main\"],\"packages\":[\"npm:@acme/*\"],"
                          "\"expires_in\":3600}"),
                     201);
    made = text(h, "token");
    id = json_int(json_get(h->answer, "id"), 0);
    assert_true(token_is_well_formed(made));
    assert_int_equal(get(h, made, "/whoami"), 200);
    assert_string_equal(text(h, "name"), "ann");
    assert_string_equal(json_text(json_at(json_get(h->answer, "repositories"), 0)), "acme/main");
    assert_string_equal(json_text(json_at(json_get(h->answer, "packages"), 0)), "npm:@acme/*");
    assert_int_equal(get(h, ann, "/tokens"), 200);
    assert_string_equal(items(h, "name"), "ci ");
    assert_null(json_get(json_at(json_get(h->answer, "items"), 0), "token"));
    assert_int_equal(ask(h, ann, METHOD_DELETE,
                         arena_format(h->fixture.arena, "/tokens/%lld", (long long)id), NULL),
                     204);
    assert_int_equal(get(h, made, "/whoami"), 401);
}

static void a_token_ends_when_its_time_is_up(void **state)
{
    struct house *h = *state;
    const char *made;

    assert_int_equal(post(h, h->owner, "/tokens", "{\"expires_in\":3600}"), 201);
    made = text(h, "token");
    assert_int_equal(get(h, made, "/whoami"), 200);
    clock_shift_us(3601000000);
    assert_int_equal(get(h, made, "/whoami"), 401);
}

static void anyone_may_end_a_token_that_he_holds(void **state)
{
    struct house *h = *state;
    const char *ann = make_person(h, "ann", NULL, NULL), *bob = make_person(h, "bob", NULL, NULL);
    const char *body = arena_format(h->fixture.arena, "{\"token\":\"%s\"}", ann);

    assert_int_equal(post(h, NULL, "/tokens/revoke", body), 204);
    assert_int_equal(get(h, ann, "/whoami"), 401);
    assert_int_equal(post(h, NULL, "/tokens/revoke", body),
                     204); /* and is not told that it was dead */
    assert_int_equal(post(h, NULL, "/tokens/revoke", "{\"token\":\"pkhp_nonsense\"}"), 204);
    assert_int_equal(post(h, NULL, "/tokens/revoke", NULL), 400);
    assert_int_equal(post(h, bob, "/tokens/revoke", NULL), 204);
    assert_int_equal(get(h, bob, "/whoami"), 401);
    assert_int_equal(get(h, h->owner, "/whoami"), 200);
}

/* What a restricted token may make: nothing, or no more than itself. */
static void a_token_makes_none_that_may_more(void **state)
{
    struct house *h = *state;
    const char *scoped;

    make_globex(h);
    assert_int_equal(post(h, h->owner, "/tokens", "{\"role\":\"publisher\"}"), 201);
    assert_int_equal(post(h, text(h, "token"), "/tokens", "{\"role\":\"reader\"}"), 403);
    assert_int_equal(post(h, h->owner, "/tokens",
                          "{\"repositories\":[\"acme/*\"],"
                          "\"packages\":[\"@acme/*\"]}"),
                     201);
    scoped = text(h, "token");
    assert_int_equal(post(h, scoped, "/tokens", "{\"repositories\":[\"globex/private\"]}"), 404);
    assert_int_equal(post(h, scoped, "/tokens", "{\"repositories\":[\"**\"]}"), 403);
    assert_int_equal(post(h, scoped, "/tokens", "{\"repositories\":[\"acme/**\"]}"), 403);
    assert_int_equal(post(h, scoped, "/tokens", "{\"packages\":[\"other\"]}"), 403);
    assert_int_equal(post(h, scoped, "/tokens", "{\"packages\":[\"@acme/**\"]}"), 403);
    assert_int_equal(post(h, scoped, "/tokens",
                          "{\"for\":\"owner\",\"repositories\":[\"acme/main\"],"
                          "\"packages\":[\"@acme/ui\"]}"),
                     201);
    assert_int_equal(post(h, scoped, "/tokens", "{}"), 201);
    assert_string_equal(json_text(json_at(json_get(h->answer, "repositories"), 0)), "acme/*");
    assert_string_equal(json_text(json_at(json_get(h->answer, "packages"), 0)), "@acme/*");
    /* A pipeline's token of the owner is not the owner, and rules over none of his tokens. */
    assert_int_equal(ask(h, scoped, METHOD_DELETE, "/tokens/1", NULL), 404);
    assert_int_equal(get(h, scoped, "/tokens"), 200);
    assert_int_equal(json_count(json_get(h->answer, "items")), 1);
    assert_int_equal(get(h, h->owner, "/whoami"), 200);
    assert_int_equal(post(h, scoped, "/orgs", "{\"name\":\"third\"}"), 403);
    assert_int_equal(get(h, scoped, "/accounts"), 403);
    assert_int_equal(get(h, scoped, "/audit"), 403);
    assert_int_equal(get(h, scoped, "/orgs/globex/repositories"), 404);
    assert_int_equal(get(h, scoped, "/orgs"), 200);
    assert_string_equal(items(h, "name"), "acme");
}

static void an_org_administrator_rules_his_org_alone(void **state)
{
    struct house *h = *state;
    const char *olga;

    make_globex(h);
    olga = make_person(h, "olga", "org-admin", "acme/**");
    make_person(h, "ann", NULL, NULL);
    assert_int_equal(post(h, olga, "/orgs/acme/repositories", "{\"name\":\"second\"}"), 201);
    assert_int_equal(post(h, olga, "/orgs/globex/repositories", "{\"name\":\"second\"}"), 404);
    assert_int_equal(
        ask(h, olga, METHOD_PATCH, "/orgs/acme/repositories/main", "{\"anonymous\":\"read\"}"),
        200);
    assert_int_equal(
        ask(h, olga, METHOD_PATCH, "/orgs/globex/repositories/private", "{\"anonymous\":\"read\"}"),
        404);
    assert_int_equal(post(h, olga, "/grants",
                          "{\"subject\":\"ann\",\"role\":\"reader\","
                          "\"repository\":\"acme/*\"}"),
                     201);
    assert_int_equal(post(h, olga, "/grants",
                          "{\"subject\":\"ann\",\"role\":\"reader\","
                          "\"repository\":\"globex/private\"}"),
                     404);
    assert_int_equal(post(h, olga, "/grants",
                          "{\"subject\":\"ann\",\"role\":\"reader\","
                          "\"repository\":\"absent/private\"}"),
                     404);
    assert_int_equal(post(h, olga, "/grants",
                          "{\"subject\":\"olga\",\"role\":\"admin\","
                          "\"repository\":\"**\"}"),
                     403);
    assert_int_equal(post(h, olga, "/grants",
                          "{\"subject\":\"olga\",\"role\":\"admin\","
                          "\"repository\":\"*/private\"}"),
                     403);
    assert_int_equal(get(h, olga, "/grants"), 403);
    assert_int_equal(get(h, olga, "/grants?org=acme"), 200);
    assert_string_equal(items(h, "subject"), "olga ann");
    assert_int_equal(get(h, olga, "/grants?org=globex"), 404);
    assert_int_equal(post(h, olga, "/tokens", "{\"for\":\"ann\"}"), 403);
    assert_int_equal(post(h, olga, "/accounts", "{\"name\":\"eve\"}"), 403);
    assert_int_equal(post(h, olga, "/orgs", "{\"name\":\"third\"}"), 403);
    assert_int_equal(get(h, olga, "/orgs/acme/audit"), 200);
    assert_int_equal(get(h, olga, "/orgs/globex/audit"), 404);
    assert_int_equal(get(h, olga, "/orgs"), 200);
    assert_string_equal(items(h, "name"), "acme");
}

static void a_stranger_cannot_tell_absent_from_hidden(void **state)
{
    struct house *h = *state;
    const char *stan;
    int64_t id;

    make_globex(h);
    assert_int_equal(post(h, h->owner, "/grants",
                          "{\"subject\":\"owner\",\"role\":\"reader\","
                          "\"repository\":\"acme/main\"}"),
                     201);
    stan = make_person(h, "stan", "admin", "globex/*");
    assert_int_equal(get(h, stan, "/orgs/acme/repositories"), 404);
    assert_int_equal(get(h, stan, "/orgs/absent/repositories"), 404);
    assert_int_equal(get(h, stan, "/access/explain?action=repo:read&repo=acme/main"), 404);
    assert_int_equal(get(h, stan, "/access/explain?action=repo:read&repo=acme/absent"), 404);
    assert_int_equal(post(h, stan, "/tokens", "{\"repositories\":[\"acme/main\"]}"), 404);
    assert_int_equal(ask(h, stan, METHOD_DELETE, "/grants/1", NULL), 404);
    assert_int_equal(ask(h, stan, METHOD_DELETE, "/grants/999", NULL), 404);
    assert_int_equal(get(h, stan, "/tokens"), 200);
    id = json_int(json_get(json_at(json_get(h->answer, "items"), 0), "id"), 0);
    assert_int_equal(json_count(json_get(h->answer, "items")), 1);
    assert_int_equal(ask(h, stan, METHOD_DELETE, "/tokens/1", NULL), 404);
    assert_int_equal(ask(h, stan, METHOD_DELETE, "/tokens/999", NULL), 404);
    assert_int_equal(ask(h, stan, METHOD_DELETE, "/tokens/x", NULL), 404);
    assert_int_equal(ask(h, stan, METHOD_DELETE,
                         arena_format(h->fixture.arena, "/tokens/%lld", (long long)id), NULL),
                     204);
}

/* Walks a list page by page; limit=1 makes every item a page. */
static const char *walk(struct house *h, const char *token, const char *path, const char *key)
{
    const char *cursor = NULL, *out = "";

    do {
        const char *page =
            cursor ? arena_format(h->fixture.arena, "%s?limit=1&cursor=%s", path, cursor)
                   : arena_format(h->fixture.arena, "%s?limit=1", path);

        assert_int_equal(get(h, token, page), 200);
        out = arena_format(h->fixture.arena, "%s%s ", out, items(h, key));
        cursor = json_text(json_get(h->answer, "next"));
        if (cursor)
            cursor = arena_copy(h->fixture.arena, cursor);
    } while (cursor);
    return out;
}

static void lists_come_in_pages_of_what_one_may_see(void **state)
{
    struct house *h = *state;
    const char *stan;

    make_globex(h);
    assert_int_equal(post(h, h->owner, "/orgs", "{\"name\":\"hidden\"}"), 201);
    assert_int_equal(post(h, h->owner, "/orgs", "{\"name\":\"initech\"}"), 201);
    stan = make_person(h, "stan", "reader", "globex/*");
    assert_int_equal(post(h, h->owner, "/grants",
                          "{\"subject\":\"stan\",\"role\":\"reader\","
                          "\"repository\":\"initech/*\"}"),
                     201);
    assert_string_equal(walk(h, h->owner, "/orgs", "name"), "acme globex hidden initech ");
    assert_string_equal(walk(h, stan, "/orgs", "name"), "globex initech ");
    assert_string_equal(walk(h, h->owner, "/accounts", "name"), "owner stan ");
    assert_string_equal(walk(h, h->owner, "/grants", "repository"), "globex/* initech/* ");
    assert_string_equal(walk(h, h->owner, "/tokens", "account"), "stan owner ");
    assert_string_equal(walk(h, h->owner, "/orgs/globex/audit", "action"),
                        "grant.added repository.created org.created ");
    assert_int_equal(get(h, h->owner, "/orgs?limit=0"), 400);
    assert_int_equal(get(h, h->owner, "/orgs?limit=1001"), 400);
    assert_int_equal(get(h, h->owner, "/tokens?cursor=x"), 400);
}

/* clang-format off */
static const struct {
    const char *query;
    bool allowed;
    const char *reason; /* a part of it */
    bool has_grant;
} explained[] = {
    {"principal=ann&action=pkg:publish&package=@acme/ui", true, "grant allows", true},
    {"principal=ann&action=pkg:publish&package=left-pad", false, "no grant", false},
    {"principal=ann&action=pkg:publish&package=@acme/secret", false, "denies", true},
    {"principal=ann&action=pkg:publish&package=npm:@acme/ui", true, "grant allows", true},
    {"principal=ann&action=pkg:delete", false, "no grant", false},
    {"principal=owner&action=pkg:delete", true, "owner", false},
    {"principal=anonymous&action=repo:read", false, "no grant", false},
    {"action=repo:admin", true, "owner", false},
};
/* clang-format on */

static void every_decision_is_explained(void **state)
{
    struct house *h = *state;
    const char *ann;

    make_person(h, "ann", NULL, NULL);
    assert_int_equal(post(h, h->owner, "/grants",
                          "{\"subject\":\"ann\",\"role\":\"publisher\",\"package\":"
                          "\"@acme/*\",\"repository\":\"acme/main\"}"),
                     201);
    assert_int_equal(post(h, h->owner, "/grants",
                          "{\"subject\":\"ann\",\"role\":\"publisher\",\"package\":"
                          "\"@acme/secret\",\"repository\":\"acme/main\","
                          "\"effect\":\"deny\"}"),
                     201);
    for (size_t row = 0; row < sizeof explained / sizeof *explained; row++) {
        get(h, h->owner,
            arena_format(h->fixture.arena, "/access/explain?repo=acme/main&%s",
                         explained[row].query));
        if (h->code != 200 ||
            json_bool(json_get(h->answer, "allowed"), false) != explained[row].allowed ||
            !strstr(text(h, "reason"), explained[row].reason) ||
            (json_get(h->answer, "grant") != NULL) != explained[row].has_grant)
            fail_msg("row %zu: %d, %s%s", row, h->code, text(h, "reason"), text(h, "detail"));
    }
    assert_int_equal(post(h, h->owner, "/tokens", "{\"for\":\"ann\",\"readonly\":true}"), 201);
    ann = text(h, "token");
    assert_int_equal(
        get(h, ann, "/access/explain?repo=acme/main&action=pkg:publish&package=@acme/ui"), 200);
    assert_non_null(strstr(text(h, "reason"), "restricted"));
    assert_int_equal(get(h, ann, "/access/explain?repo=acme/main&action=repo:read&principal=owner"),
                     403);
    assert_int_equal(get(h, ann, "/access/explain?repo=acme/main&action=fly"), 400);
    assert_string_equal(text(h, "field"), "action");
    assert_int_equal(get(h, ann, "/access/explain?repo=acme&action=repo:read"), 400);
}

#define HOUSE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE(an_org_and_its_repositories_are_made_and_listed),
        HOUSE(what_is_wrong_is_named),
        HOUSE(a_grant_lasts_until_it_is_removed),
        HOUSE(a_token_is_shown_once_and_revoked_at_once),
        HOUSE(a_token_ends_when_its_time_is_up),
        HOUSE(anyone_may_end_a_token_that_he_holds),
        HOUSE(a_token_makes_none_that_may_more),
        HOUSE(an_org_administrator_rules_his_org_alone),
        HOUSE(a_stranger_cannot_tell_absent_from_hidden),
        HOUSE(lists_come_in_pages_of_what_one_may_see),
        HOUSE(every_decision_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
