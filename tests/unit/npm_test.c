/* The npm registry from a request to its answer, over a real catalog and without a socket. */
#include "config/settings.h"
#include "protocols/http/document_cache.h"
#include "protocols/http/route.h"
#include "server/dispatch.h"
#include "storage/catalog/token.h"
#include "storage/catalog/writer.h"
#include "storage/memory/json.h"
#include "tests/support/catalog_fixture.h"
#include "tests/support/made_request.h"
#include "tests/support/npm_package.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define BASE "/npm/acme/main"

static struct fixture fixture;
static struct settings settings;
static struct service service;
static struct dispatcher *dispatcher;
static const char *authorization;

static void forget_documents(void *context, int64_t repository_id, const char *name)
{
    document_cache_invalidate(context, repository_id, name);
}

static int setup(void **state)
{
    static const struct mount *const mounts[] = {&npm_mount};
    static struct writer_hooks hooks;
    struct token token = {.name = "test", .actions = ACTIONS_ALL};
    char text[TOKEN_SIZE];
    struct error err;

    (void)state;
    fixture_setup(&fixture);
    token.account_id = fixture.owner.account_id;
    fixture_must(
        catalog_create_token(fixture.catalog, &fixture.actor, &token, fixture.arena, text, &err),
        &err);
    authorization = arena_format(fixture.arena, "Bearer %s", text);
    catalog_close(fixture.catalog);
    fixture_open(&fixture);
    settings_init(&settings);
    service = (struct service){
        .catalog = fixture.catalog,
        .documents = document_cache_new(1 << 20),
        .settings = &settings,
        .public_url = "https://registry.example",
    };
    hooks =
        (struct writer_hooks){.context = service.documents, .package_changed = forget_documents};
    writer_add_hooks(catalog_writer(fixture.catalog), &hooks);
    fixture_must(dispatcher_new(&service, mounts, 1, &dispatcher, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dispatcher_free(dispatcher);
    document_cache_free(service.documents);
    settings_clear(&settings);
    fixture_teardown(&fixture);
    return 0;
}

/* One header beside Authorization; the answer's text, if it is one. */
static const char *ask(struct made *made, enum method method, const char *path, const char *name,
                       const char *value, const char *body)
{
    made_request(made, fixture.arena, method, arena_format(fixture.arena, BASE "%s", path));
    made_header(made, "Authorization", authorization);
    made_header(made, name, value);
    if (body)
        made_body(made, body, false);
    dispatch(dispatcher, &made->req, &made->res);
    return made->res.bytes ? arena_copy_bytes(fixture.arena, made->res.bytes, made->res.length)
                           : "";
}

static int code_of(enum method method, const char *path, const char *body)
{
    struct made made;
    int code;

    ask(&made, method, path, NULL, NULL, body);
    code = made.res.code;
    response_release(&made.res);
    return code;
}

static struct json *get_json(const char *path, const char *accept)
{
    struct made made;
    struct error err;
    struct json *json;
    const char *text = ask(&made, METHOD_GET, path, "Accept", accept, NULL);

    if (made.res.code != 200)
        fail_msg("%s: %d %s", path, made.res.code, text);
    if (json_parse(text, strlen(text), 0, &json, &err))
        fail_msg("%s: %s: %s", path, err.message, text);
    response_release(&made.res);
    return json;
}

static void must_publish(const char *name, const char *version, const char *members,
                         const char *tag)
{
    struct made made;
    const char *text = ask(&made, METHOD_PUT, arena_format(fixture.arena, "/%s", name), NULL, NULL,
                           npm_body_of(name, version, members, tag, fixture.arena));

    if (made.res.code != 201)
        fail_msg("publish of %s@%s: %d %s", name, version, made.res.code, text);
    assert_non_null(strstr(text, "\"ok\":true"));
    response_release(&made.res);
}

/* Follows names through objects. */
static const char *text_at(const struct json *json, const char *a, const char *b, const char *c,
                           const char *d)
{
    const char *const path[] = {a, b, c, d};

    for (size_t i = 0; i < 4 && path[i]; i++)
        json = json_get(json, path[i]);
    return json_text(json);
}

#define CORGI "application/vnd.npm.install-v1+json"

static void what_was_published_is_read_in_every_form(void **state)
{
    struct json *json;

    (void)state;
    must_publish("@s/read", "1.0.0-rc.1", ",\"description\":\"old\",\"license\":\"MIT\"", "next");
    must_publish("@s/read", "1.0.0",
                 ",\"description\":\"new\",\"readme\":\"# read\",\"scripts\":{\"install\":\"x\"},"
                 "\"peerDependenciesMeta\":{\"a\":{\"optional\":true}},\"libc\":[\"musl\"]",
                 "latest");
    json = get_json("/@s%2fread", NULL);
    assert_string_equal(text_at(json, "_id", NULL, NULL, NULL), "@s/read");
    assert_string_equal(text_at(json, "name", NULL, NULL, NULL), "@s/read");
    assert_non_null(text_at(json, "_rev", NULL, NULL, NULL));
    assert_string_equal(text_at(json, "dist-tags", "latest", NULL, NULL), "1.0.0");
    assert_string_equal(text_at(json, "dist-tags", "next", NULL, NULL), "1.0.0-rc.1");
    assert_string_equal(text_at(json, "description", NULL, NULL, NULL), "new");
    assert_string_equal(text_at(json, "readme", NULL, NULL, NULL), "# read");
    assert_null(text_at(json, "versions", "1.0.0", "readme", NULL));
    assert_null(text_at(json, "license", NULL, NULL, NULL));
    assert_string_equal(text_at(json, "versions", "1.0.0-rc.1", "dist", "tarball"),
                        "https://registry.example/npm/acme/main/@s/read/-/read-1.0.0-rc.1.tgz");
    assert_string_equal(text_at(json, "versions", "1.0.0", "scripts", "install"), "x");
    assert_string_equal(json_text(json_get(json_at(json_get(json, "maintainers"), 0), "name")),
                        "owner");
    for (const char *key = NULL; (key = json_key_after(json_get(json, "time"), key));)
        assert_int_equal(strlen(text_at(json, "time", key, NULL, NULL)), 24);
    assert_non_null(text_at(json, "time", "created", NULL, NULL));
    assert_non_null(text_at(json, "time", "1.0.0", NULL, NULL));
    assert_non_null(text_at(json, "time", "1.0.0-rc.1", NULL, NULL));
    json_free(json);

    json = get_json("/@s%2fread", CORGI);
    assert_non_null(text_at(json, "modified", NULL, NULL, NULL));
    assert_string_equal(text_at(json, "modified", NULL, NULL, NULL),
                        text_at(json, "time", "modified", NULL, NULL));
    assert_null(json_get(json, "_id"));
    assert_null(json_get(json, "readme"));
    assert_null(json_get(json_get(json_get(json, "versions"), "1.0.0"), "scripts"));
    assert_true(json_bool(
        json_get(json_get(json_get(json, "versions"), "1.0.0"), "hasInstallScript"), false));
    assert_non_null(json_get(json_get(json_get(json, "versions"), "1.0.0"), "libc"));
    json_free(json);
}

static const char *const spellings[] = {
    "/@s%2fspelled", "/@s%2Fspelled", "/@s/spelled",           "/%40s%2fspelled",
    "/%40s/spelled", "//@s/spelled/", "/@s/spelled?unknown=1",
};

static void a_scoped_name_is_found_in_every_spelling(void **state)
{
    const char *first = NULL;

    (void)state;
    must_publish("@s/spelled", "1.0.0", "", "latest");
    for (size_t row = 0; row < COUNT(spellings); row++) {
        struct made made;
        const char *text = ask(&made, METHOD_GET, spellings[row], NULL, NULL, NULL);

        assert_int_equal(made.res.code, 200);
        first = first ? first : text;
        assert_string_equal(first, text);
        response_release(&made.res);
    }
    assert_int_equal(code_of(METHOD_GET, "/@s%252fspelled", NULL), 404);
}

static const struct {
    const char *path;
    int code;
} reads[] = {
    {"/reads/1.0.0",                  200},
    {"/reads/v1.0.0",                 200},
    {"/reads/=1.0.0",                 200},
    {"/reads/1.0.0+build",            200},
    {"/reads/latest",                 200},
    {"/reads/2.0.0",                  404},
    {"/reads/next",                   404},
    {"/reads/^1.0.0",                 404},
    {"/reads/-/reads-1.0.0.tgz",      200},
    {"/reads/-/reads-2.0.0.tgz",      404},
    {"/reads/-/other-1.0.0.tgz",      404},
    {"/reads/-/@s/reads-1.0.0.tgz",   404},
    {"/reads/-/reads-1.0.0.zip",      404},
    {"/reads/-/..%2freads-1.0.0.tgz", 400},
    {"/absent",                       404},
    {"/absent/1.0.0",                 404},
    {"/absent/-/absent-1.0.0.tgz",    404},
    {"/-/package/absent/dist-tags",   404},
    {"/-/package/reads/dist-tags",    200},
    {"/Reads",                        404},
    {"/-",                            404},
    {"/-/nothing/of/this",            404},
    {"/-/ping",                       200},
    {"/-/whoami",                     200},
};

static void each_address_has_its_answer(void **state)
{
    (void)state;
    must_publish("reads", "1.0.0", "", "latest");
    for (size_t row = 0; row < COUNT(reads); row++) {
        int code = code_of(METHOD_GET, reads[row].path, NULL);

        if (code != reads[row].code)
            fail_msg("%s: %d", reads[row].path, code);
        if (code == 200)
            assert_int_equal(code_of(METHOD_HEAD, reads[row].path, NULL), 200);
    }
    assert_int_equal(code_of(METHOD_POST, "/-/npm/v1/security/advisories/bulk", "{}"), 200);
    assert_int_equal(code_of(METHOD_DELETE, "/reads", NULL), 405);
}

static void a_tarball_keeps_its_bytes_and_its_headers(void **state)
{
    static const char *const paths[] = {
        "/@s/bytes/-/bytes-1.0.0.tgz", "/@s%2fbytes/-/bytes-1.0.0.tgz",
        "/@s/bytes/-/@s/bytes-1.0.0.tgz", "/@s%2fbytes/-/@s%2fbytes-1.0.0.tgz"};
    size_t length;
    const char *tarball =
        npm_tarball_of("{\"name\":\"@s/bytes\",\"version\":\"1.0.0\"}", fixture.arena, &length);

    (void)state;
    must_publish("@s/bytes", "1.0.0", "", "latest");
    for (size_t row = 0; row < COUNT(paths); row++) {
        struct made made;

        ask(&made, METHOD_GET, paths[row], "Accept-Encoding", "gzip", NULL);
        assert_int_equal(made.res.code, 200);
        assert_int_equal(made.res.length, length);
        assert_memory_equal(made.res.bytes, tarball, length);
        assert_string_equal(made_answer_header(&made, "Content-Type"), "application/octet-stream");
        assert_string_equal(made_answer_header(&made, "Cache-Control"),
                            "private, max-age=31536000, immutable");
        assert_null(made_answer_header(&made, "Content-Encoding"));
        response_release(&made.res);
    }
}

static const struct {
    const char *accept, *query;
    bool is_abbreviated;
} forms[] = {
    {NULL,                                          "",             false},
    {"*/*",                                         "",             false},
    {"application/json",                            "",             false},
    {"image/png",                                   "",             false},
    {CORGI,                                         "",             true },
    {CORGI "; q=1.0, application/json; q=0.8, */*", "",             true },
    {CORGI ";q=0.1, application/json",              "",             false},
    {CORGI,                                         "?write=true",  false},
    {CORGI,                                         "?write=false", true },
};

static void a_client_gets_the_form_that_it_likes_best(void **state)
{
    (void)state;
    must_publish("forms", "1.0.0", "", "latest");
    for (size_t row = 0; row < COUNT(forms); row++) {
        struct made made;
        const char *text =
            ask(&made, METHOD_GET, arena_format(fixture.arena, "/forms%s", forms[row].query),
                "Accept", forms[row].accept, NULL);

        if (strcmp(made_answer_header(&made, "Content-Type"),
                   forms[row].is_abbreviated ? CORGI : "application/json") ||
            !strstr(text, "\"_rev\"") != forms[row].is_abbreviated)
            fail_msg("row %zu: %s", row, text);
        assert_non_null(strstr(made_answer_header(&made, "Vary"), "Accept,"));
        assert_string_equal(made_answer_header(&made, "Cache-Control"), "private, no-cache");
        response_release(&made.res);
    }
}

static const char *etag_of(const char *path, const char *accept)
{
    struct made made;
    const char *etag;

    ask(&made, METHOD_GET, path, "Accept", accept, NULL);
    etag = arena_copy(fixture.arena, made_answer_header(&made, "ETag"));
    response_release(&made.res);
    return etag;
}

static void each_change_is_seen_by_the_next_read(void **state)
{
    const char *full, *corgi, *tagged;
    struct made made;

    (void)state;
    must_publish("fresh", "1.0.0", "", "latest");
    full = etag_of("/fresh", NULL);
    corgi = etag_of("/fresh", CORGI);
    assert_string_not_equal(full, corgi);
    ask(&made, METHOD_GET, "/fresh", "If-None-Match", full, NULL);
    assert_int_equal(made.res.code, 304);
    response_release(&made.res);

    must_publish("fresh", "1.0.1", "", "latest");
    assert_string_not_equal(full, etag_of("/fresh", NULL));
    assert_string_not_equal(corgi, etag_of("/fresh", CORGI));
    ask(&made, METHOD_GET, "/fresh", "If-None-Match", full, NULL);
    assert_int_equal(made.res.code, 200);
    response_release(&made.res);

    tagged = etag_of("/fresh", CORGI);
    assert_int_equal(code_of(METHOD_PUT, "/-/package/fresh/dist-tags/old", "\"1.0.0\""), 200);
    assert_string_not_equal(tagged, etag_of("/fresh", CORGI));
}

static int publish_in(const char *session, const char *body, const char **text)
{
    struct made made;
    int code;

    *text = ask(&made, METHOD_PUT, "/once", "npm-session", session, body);
    code = made.res.code;
    response_release(&made.res);
    return code;
}

static void a_version_is_published_once(void **state)
{
    const char *first = npm_body_of("once", "1.0.0", "", "latest", fixture.arena);
    const char *other = npm_body_of("once", "1.0.0", ",\"x\":1", "latest", fixture.arena);
    const char *build = npm_body_of("once", "1.0.0+b", "", "latest", fixture.arena);
    const char *text;

    (void)state;
    assert_int_equal(publish_in("one", first, &text), 201);
    assert_int_equal(publish_in("one", first, &text), 200);
    assert_non_null(strstr(text, "\"ok\":true"));
    assert_int_equal(publish_in("one", other, &text), 403);
    assert_non_null(strstr(text, "cannot publish over the previously published versions: 1.0.0"));
    assert_non_null(strstr(text, "EPUBLISHCONFLICT"));
    assert_int_equal(publish_in("two", first, &text), 403);
    assert_int_equal(publish_in(NULL, first, &text), 403);
    assert_int_equal(publish_in("one", build, &text), 403);
}

static void a_publish_moves_the_tags_that_it_names(void **state)
{
    struct json *json;

    (void)state;
    must_publish("tagged", "1.0.0", "", "next");
    json = get_json("/-/package/tagged/dist-tags", NULL);
    assert_string_equal(text_at(json, "latest", NULL, NULL, NULL), "1.0.0");
    assert_string_equal(text_at(json, "next", NULL, NULL, NULL), "1.0.0");
    json_free(json);
    must_publish("tagged", "2.0.0", "", "next");
    json = get_json("/-/package/tagged/dist-tags", CORGI);
    assert_string_equal(text_at(json, "latest", NULL, NULL, NULL), "1.0.0");
    assert_string_equal(text_at(json, "next", NULL, NULL, NULL), "2.0.0");
    json_free(json);
}

static const struct {
    enum method method;
    const char *path, *body;
    int code;
} tag_requests[] = {
    {METHOD_PUT,    "/stable", "\"1.0.0\"",                         200},
    {METHOD_PUT,    "/stable", " 1.0.0\n",                          200},
    {METHOD_PUT,    "/stable", "\"v1.0.0\"",                        200},
    {METHOD_PUT,    "/stable", "\"9.9.9\"",                         404},
    {METHOD_PUT,    "/stable", "\"1.x\"",                           400},
    {METHOD_PUT,    "/stable", "{}",                                400},
    {METHOD_PUT,    "/1.x",    "\"1.0.0\"",                         400},
    {METHOD_PUT,    "/v1",     "\"1.0.0\"",                         400},
    {METHOD_PUT,    "",        "{\"a\":\"1.0.0\",\"b\":\"1.0.0\"}", 200},
    {METHOD_POST,   "",        "{\"c\":\"1.0.0\"}",                 200},
    {METHOD_POST,   "",        "{\"c\":\"7.0.0\"}",                 404},
    {METHOD_POST,   "",        "[]",                                400},
    {METHOD_DELETE, "/a",      NULL,                                200},
    {METHOD_DELETE, "/a",      NULL,                                404},
    {METHOD_DELETE, "/latest", NULL,                                403},
};

static void tags_are_moved_and_removed_by_hand(void **state)
{
    struct json *json;

    (void)state;
    must_publish("@s/tags", "1.0.0", "", "latest");
    for (size_t row = 0; row < COUNT(tag_requests); row++) {
        const char *path = arena_format(fixture.arena, "/-/package/@s%%2ftags/dist-tags%s",
                                        tag_requests[row].path);
        int code = code_of(tag_requests[row].method, path, tag_requests[row].body);

        if (code != tag_requests[row].code)
            fail_msg("row %zu: %d", row, code);
    }
    json = get_json("/-/package/@s/tags/dist-tags", NULL);
    assert_null(json_get(json, "a"));
    assert_string_equal(text_at(json, "b", NULL, NULL, NULL), "1.0.0");
    assert_string_equal(text_at(json, "c", NULL, NULL, NULL), "1.0.0");
    assert_string_equal(text_at(json, "stable", NULL, NULL, NULL), "1.0.0");
    json_free(json);
}

/* Replaces the first place where it stands. */
static const char *replace(const char *text, const char *what, const char *with)
{
    const char *at = strstr(text, what);

    assert_non_null(at);
    return arena_format(fixture.arena, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
}

/* What is changed in the body of a good publish of bad@1.0.0. */
static const struct {
    const char *what, *with, *code;
    int status;
} bad[] = {
    {"\"_id\":\"bad\"",              "\"_id\":\"worse\"",                           "name-mismatch",      400},
    {"\"_id\":\"bad\",",             "",                                            "name-mismatch",      400},
    {",\"name\":\"bad\",\"dist",     ",\"name\":\"worse\",\"dist",                  "name-mismatch",      400},
    {"{\"1.0.0\":{\"name\":\"bad\"", "{\"1.0.0\":{\"name\":\"worse\"",              "name-mismatch",      400},
    {"{\"1.0.0\":{\"name\"",         "{\"1.0.1\":{\"name\"",                        "version-mismatch",   400},
    {"{\"1.0.0\":{\"name\"",         "{\"1.0\":{\"name\"",                          "EBADSEMVER",         400},
    {"\"versions\":",                "\"vers\":",                                   "no-version",         400},
    {"\"_attachments\":",            "\"attach\":",                                 "EUNSUPPORTED",       403},
    {"\"latest\":",                  "\"1.x\":",                                    "EINVALIDTAG",        400},
    {"\"integrity\":\"sha512-",      "\"integrity\":\"sha512-AAAA",                 "EINTEGRITY",         400},
    {"\"shasum\":\"",                "\"shasum\":\"00",                             "EINTEGRITY",         400},
    {"\"length\":",                  "\"length\":1",                                "EINTEGRITY",         400},
    {"\"data\":\"",                  "\"data\":\"=",                                "base64-invalid",     400},
    {"{\"content_type\"",            "{\"data\":\"\"},\"x.tgz\":{\"content_type\"", "too-many-tarballs",  400},
    {"bad-1.0.0.tgz",                "bad-1.0.0.zip",                               "unknown-attachment", 400},
    {"\"version\":\"1.0.0\"",        "\"version\":\"1.0.0\",\"private\":true",      "EPRIVATE",           403},
    {"\"version\":\"1.0.0\"",        "\"version\":\"1.0.0\",\"a\":1,\"a\":2",       "duplicate-key",      400},
};

static void a_bad_publish_leaves_nothing_behind(void **state)
{
    const char *good = npm_body_of("bad", "1.0.0", "", "latest", fixture.arena);

    (void)state;
    for (size_t row = 0; row < COUNT(bad); row++) {
        struct made made;
        const char *text =
            ask(&made, METHOD_PUT, "/bad", NULL, NULL, replace(good, bad[row].what, bad[row].with));

        if (made.res.code != bad[row].status ||
            !strstr(text, arena_format(fixture.arena, "\"code\":\"%s\"", bad[row].code)))
            fail_msg("row %zu: %d %s", row, made.res.code, text);
        response_release(&made.res);
        assert_int_equal(code_of(METHOD_GET, "/bad", NULL), 404);
    }
    assert_int_equal(code_of(METHOD_PUT, "/bad", good), 201);
}

static void a_tarball_must_be_what_is_published(void **state)
{
    const char *inside = npm_body_of("inner", "1.0.0", "", "latest", fixture.arena);
    struct made made;
    const char *text;

    (void)state;
    while (strstr(inside, "\"inner\"")) /* the metadata, and not what is in the tarball */
        inside = replace(inside, "\"inner\"", "\"outer\"");
    text = ask(&made, METHOD_PUT, "/outer", NULL, NULL, inside);
    assert_int_equal(made.res.code, 422);
    assert_non_null(strstr(text, "EMANIFESTCONFUSION"));
    response_release(&made.res);
    assert_int_equal(code_of(METHOD_GET, "/outer", NULL), 404);
}

static const char *const refused_names[] = {
    "/.x", "/_x", "/-x", "/node_modules", "/Upper", "/http", "/@s%2f.x", "/crazy!", "/a%20b",
};

static void only_good_names_are_published(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(refused_names); row++) {
        int code = code_of(METHOD_PUT, refused_names[row], "{}");

        if (code < 400 || code >= 500)
            fail_msg("%s: %d", refused_names[row], code);
    }
}

static void provenance_that_is_not_kept_is_owned_up_to(void **state)
{
    const char *body = npm_body_of("proven", "1.0.0", "", "latest", fixture.arena);
    struct made made;

    (void)state;
    ask(&made, METHOD_PUT, "/proven", NULL, NULL,
        replace(body, "\"_attachments\":{",
                "\"_attachments\":{\"proven-1.0.0.sigstore\":{\"data\":\"{}\"},"));
    assert_int_equal(made.res.code, 201);
    assert_non_null(made_answer_header(&made, "npm-notice"));
    response_release(&made.res);
}

static int publish_gzip(const char *path, const char *coding, const char *body, size_t length)
{
    size_t gzip_length;
    void *gzip = gzip_compress(body, length, &gzip_length);
    struct made made;
    int code;

    made_request(&made, fixture.arena, METHOD_PUT, path);
    made_header(&made, "Authorization", authorization);
    made_header(&made, "Content-Encoding", coding);
    memory_reader_init(&made.body, gzip, gzip_length);
    made.req.content_length = (int64_t)gzip_length;
    dispatch(dispatcher, &made.req, &made.res);
    code = made.res.code;
    response_release(&made.res);
    free(gzip);
    return code;
}

static void a_compressed_publish_is_one_up_to_the_limit(void **state)
{
    const char *body = npm_body_of("packed", "1.0.0", "", "latest", fixture.arena);
    int64_t limit = settings.npm_publish_max;

    (void)state;
    settings.npm_publish_max = (int64_t)strlen(body) - 1;
    assert_int_equal(publish_gzip(BASE "/packed", "gzip", body, strlen(body)), 413);
    assert_int_equal(code_of(METHOD_PUT, "/packed", body), 413);
    settings.npm_publish_max = limit;
    assert_int_equal(publish_gzip(BASE "/packed", "br", body, strlen(body)), 415);
    assert_int_equal(publish_gzip(BASE "/packed", NULL, body, strlen(body)), 201);
    body = npm_body_of("packed", "1.0.1", "", "latest", fixture.arena);
    assert_int_equal(publish_gzip(BASE "/packed", "gzip", body, strlen(body)), 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_published_is_read_in_every_form),
        cmocka_unit_test(a_scoped_name_is_found_in_every_spelling),
        cmocka_unit_test(each_address_has_its_answer),
        cmocka_unit_test(a_tarball_keeps_its_bytes_and_its_headers),
        cmocka_unit_test(a_client_gets_the_form_that_it_likes_best),
        cmocka_unit_test(each_change_is_seen_by_the_next_read),
        cmocka_unit_test(a_version_is_published_once),
        cmocka_unit_test(a_publish_moves_the_tags_that_it_names),
        cmocka_unit_test(tags_are_moved_and_removed_by_hand),
        cmocka_unit_test(a_bad_publish_leaves_nothing_behind),
        cmocka_unit_test(a_tarball_must_be_what_is_published),
        cmocka_unit_test(only_good_names_are_published),
        cmocka_unit_test(provenance_that_is_not_kept_is_owned_up_to),
        cmocka_unit_test(a_compressed_publish_is_one_up_to_the_limit),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
