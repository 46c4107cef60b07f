#include "server/commands/warm_package.h"

#include "protocols/pypi/upstream_page.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/remote/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DOCUMENT_MAX = 512 << 20,
    FILE_PIECE_MAX = 1 << 20,
    SENTENCE_MAX = 64 << 10, /* of an answer that says why not */
    URL_MAX = 8192,
    ATTEMPTS_MAX = 3,
    /* The server waits for the upstream; what it gives up is answered. */
    TIMEOUT_MS = 3600 * 1000,
};

struct warm_asker {
    struct warm_server *server;
    struct fetch_connection *connection;
    struct arena *arena; /* of the package at hand */
    int64_t came;        /* of the answer at hand */
};

struct warm_asker *warm_asker_new(struct warm_server *server)
{
    struct warm_asker *asker = calloc(1, sizeof *asker);

    if (!asker)
        return NULL;
    asker->server = server;
    asker->arena = arena_new();
    if ((asker->connection = fetch_connection_new()))
        return asker;
    warm_asker_free(asker);
    return NULL;
}

void warm_asker_free(struct warm_asker *asker)
{
    if (!asker)
        return;
    if (asker->connection)
        fetch_connection_free(asker->connection);
    arena_free(asker->arena);
    free(asker);
}

static void count_bytes(void *context, const void *bytes, size_t length)
{
    struct warm_asker *asker = context;

    (void)bytes;
    asker->came += (int64_t)length;
    asker->server->bytes += (int64_t)length;
}

static enum status status_of(int code)
{
    switch (code) {
    case 401: return STATUS_UNAUTHENTICATED;
    case 403: return STATUS_FORBIDDEN;
    case 404: return STATUS_NOT_FOUND;
    default: return code >= 500 ? STATUS_BAD_UPSTREAM : STATUS_INVALID;
    }
}

/* The server's own sentence: RFC 9457's detail, npm's error, or the line of a plain text. */
static enum status refusal(const struct fetch_answer *answer, const struct strbuf *body,
                           struct error *err)
{
    enum status rc = status_of(answer->code);
    struct json *json = NULL;
    const char *sentence = NULL;

    if (strstr(answer->content_type, "json") &&
        !json_parse(body->data, body->length, SENTENCE_MAX, &json, NULL)) {
        sentence = json_text(json_get(json, "detail"));
        if (!sentence)
            sentence = json_text(json_get(json, "error"));
    } else if (!strncmp(answer->content_type, "text/plain", 10)) {
        sentence = body->data;
    }
    if (sentence && *sentence)
        fail(err, rc, "", "%.*s", (int)strcspn(sentence, "\r\n"), sentence);
    else
        fail(err, rc, "", "the server answered with status %d", answer->code);
    json_free(json);
    return rc;
}

static bool may_pass(enum status rc, int code)
{
    return rc == STATUS_BUSY || (!rc && (code == 429 || (code >= 502 && code <= 504)));
}

/* Asks until it is answered, a few times. is_file: the bytes are counted and not kept. */
static enum status ask(struct warm_asker *asker, const char *url, const char *accept, bool is_file,
                       struct strbuf *out, struct error *err)
{
    const struct warm_server *server = asker->server;
    const char *headers[3] = {arena_format(asker->arena, "Accept: %s", accept)};
    const struct fetch_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .timeout_ms = TIMEOUT_MS,
        .connection = asker->connection,
    };
    struct fetch_answer answer;
    enum status rc;

    if (*server->token)
        headers[1] = arena_format(asker->arena, "Authorization: Bearer %s", server->token);
    for (unsigned attempt = 1;; attempt++) {
        strbuf_clear(out);
        asker->came = 0;
        answer = (struct fetch_answer){0};
        if (is_file)
            strbuf_drain(out, SENTENCE_MAX, count_bytes, asker);
        rc = fetch(&request, out, &answer, err);
        if (!may_pass(rc, answer.code) || attempt == ATTEMPTS_MAX || server->is_stopping)
            break;
        asker->server->bytes -= asker->came;
        sleep(attempt);
    }
    if (!rc && answer.code != 200)
        rc = refusal(&answer, out, err);
    if (!rc)
        count_bytes(asker, NULL, out->length);
    return rc;
}

/* A path of the repository's: mount is "npm" or "pypi". */
static void begin_url(const struct warm_server *server, const char *mount, struct strbuf *out)
{
    strbuf_format(out, "%s/%s/", server->url, mount);
    strbuf_url(out, server->org);
    strbuf_char(out, '/');
    strbuf_url(out, server->repo);
    strbuf_char(out, '/');
}

/* The URL that a document of this server's gives, asked at the address that we were told:
 * public_url may be another way to it. NULL where it leads elsewhere. */
static const char *own_url(struct warm_asker *asker, const char *mount, const char *url)
{
    const struct warm_server *server = asker->server;
    const char *prefix = arena_format(asker->arena, "/%s/%s/%s/", mount, server->org, server->repo);
    const char *rest = strstr(url, prefix);

    return rest ? arena_format(asker->arena, "%s%s", server->url, rest) : NULL;
}

static bool ends_all(enum status rc)
{
    return rc == STATUS_UNAUTHENTICATED || rc == STATUS_BUSY || rc == STATUS_INTERNAL;
}

static void fail_version(struct warm_version *version, const struct error *err)
{
    if (!version->failure && (version->failure = malloc(sizeof *version->failure)))
        *version->failure = *err;
}

static void fail_all(struct warm_package *package, const struct error *err)
{
    for (size_t i = 0; i < package->count; i++)
        fail_version(&package->versions[i], err);
}

/* A file comes in whole or not at all; what of it is kept is the server's. */
static enum status ask_for_file(struct warm_asker *asker, const char *url, struct error *err)
{
    struct strbuf piece;
    enum status rc;

    strbuf_init(&piece, NULL, FILE_PIECE_MAX);
    rc = ask(asker, url, "*/*", true, &piece, err);
    strbuf_free(&piece);
    return rc;
}

/* dist.tarball of a version; NULL without. */
static const char *listed_tarball(struct warm_asker *asker, const struct strbuf *document,
                                  const char *version)
{
    const char *keys[] = {"versions", version, "dist", "tarball"};
    const char *text = document->data;
    size_t length = document->length;
    struct json_cursor cursor;
    struct strbuf url;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct json_range range;

        if (json_find_member(text, length, keys[i], &range, NULL))
            return NULL;
        text += range.start;
        length = (size_t)(range.end - range.start);
    }
    strbuf_init(&url, asker->arena, URL_MAX);
    json_cursor_init_text(&cursor, text, length, 0);
    return json_take_string(&cursor, &url, NULL) ? NULL : own_url(asker, "npm", url.data);
}

/* Where npm looks for it without a document: the server says why it is not there. */
static const char *usual_tarball(struct warm_asker *asker, const char *name, const char *version)
{
    const char *slash = strchr(name, '/');
    struct strbuf url;

    strbuf_init(&url, asker->arena, URL_MAX);
    begin_url(asker->server, "npm", &url);
    strbuf_url(&url, name);
    strbuf_text(&url, "/-/");
    strbuf_url(&url, slash ? slash + 1 : name);
    strbuf_char(&url, '-');
    strbuf_url(&url, version);
    strbuf_text(&url, ".tgz");
    return url.data;
}

static enum status warm_npm(struct warm_asker *asker, struct warm_package *package,
                            struct error *err)
{
    struct strbuf url, document;
    enum status rc;

    strbuf_init(&document, NULL, DOCUMENT_MAX);
    strbuf_init(&url, asker->arena, URL_MAX);
    begin_url(asker->server, "npm", &url);
    strbuf_url(&url, package->name);
    if ((rc = ask(asker, url.data, "application/vnd.npm.install-v1+json", false, &document, err)))
        goto done;
    for (size_t i = 0; i < package->count && !asker->server->is_stopping; i++) {
        struct warm_version *version = &package->versions[i];
        const char *tarball = listed_tarball(asker, &document, version->version);

        if (!tarball)
            tarball = usual_tarball(asker, package->name, version->version);
        if ((rc = ask_for_file(asker, tarball, err)) && ends_all(rc))
            goto done;
        if (rc)
            fail_version(version, err);
    }
    rc = STATUS_OK;
done:
    strbuf_free(&document);
    return rc;
}

/* The files of a project's page that are wanted. */
struct wanted_files {
    struct warm_asker *asker;
    struct warm_package *package;
    const char **identities; /* of the versions, PEP 440 */
    struct wanted_file {
        const char *url;
        bool has_metadata;
        struct wanted_file *next;
    } * *files;       /* of each version */
    bool *was_listed; /* whether the version has any file, wanted or not */
};

static const char *identity_of(struct arena *arena, const char *text)
{
    struct pypi_version version;
    struct strbuf identity;

    if (!pypi_version_parse(text, &version))
        return text;
    strbuf_init(&identity, arena, PYPI_VERSION_LENGTH_MAX * 2);
    pypi_version_identity(&version, &identity);
    return identity.data;
}

static bool is_among(const char *const *texts, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(texts[i], text))
            return true;
    return false;
}

static bool is_wanted(const struct warm_version *version, const struct upstream_file *file)
{
    char digest[8 + DIGEST_HEX_MAX] = "sha256:";
    bool has_digest = file->digests.kinds & DIGEST_SHA256;

    if (!version->digest_count && !version->file_count)
        return true;
    if (has_digest)
        digest_hex(file->digests.sha256, SHA256_SIZE, digest + 7);
    return (has_digest && is_among(version->digests, version->digest_count, digest)) ||
           is_among(version->files, version->file_count, file->name);
}

static enum status look_at_file(void *context, const struct upstream_file *file, struct error *err)
{
    struct wanted_files *wanted = context;
    struct arena *arena = wanted->asker->arena;
    const char *identity = identity_of(arena, file->version), *url;

    (void)err;
    for (size_t i = 0; i < wanted->package->count; i++) {
        struct wanted_file *found;

        if (strcmp(wanted->identities[i], identity))
            continue;
        wanted->was_listed[i] = true;
        if (!is_wanted(&wanted->package->versions[i], file) ||
            !(url = own_url(wanted->asker, "pypi", file->url)))
            continue;
        found = arena_alloc(arena, sizeof *found);
        *found = (struct wanted_file){url, file->has_metadata, wanted->files[i]};
        wanted->files[i] = found;
    }
    return STATUS_OK;
}

static enum status read_page(struct wanted_files *wanted, const char *url,
                             const struct strbuf *document, struct error *err)
{
    struct warm_package *package = wanted->package;
    struct arena *arena = wanted->asker->arena;
    struct memory_reader reader;
    struct upstream_page page;

    wanted->identities = arena_array(arena, package->count, sizeof *wanted->identities);
    wanted->files = arena_array(arena, package->count, sizeof *wanted->files);
    wanted->was_listed = arena_array(arena, package->count, sizeof *wanted->was_listed);
    for (size_t i = 0; i < package->count; i++)
        wanted->identities[i] = identity_of(arena, package->versions[i].version);
    memory_reader_init(&reader, document->data, document->length);
    return upstream_page_read(&reader.reader, "application/vnd.pypi.simple.v1+json", url,
                              package->name, look_at_file, wanted, arena, &page, err);
}

/* pip asks for the metadata beside a file first, so it is to be there as well. */
static enum status ask_for_files(struct warm_asker *asker, const struct wanted_file *files,
                                 struct error *err)
{
    enum status rc = STATUS_OK;

    for (; !rc && files && !asker->server->is_stopping; files = files->next) {
        rc = ask_for_file(asker, files->url, err);
        if (!rc && files->has_metadata)
            rc = ask_for_file(asker, arena_format(asker->arena, "%s.metadata", files->url), err);
    }
    return rc;
}

static enum status warm_pypi(struct warm_asker *asker, struct warm_package *package,
                             struct error *err)
{
    struct wanted_files wanted = {.asker = asker, .package = package};
    struct strbuf url, document;
    enum status rc;

    strbuf_init(&document, NULL, DOCUMENT_MAX);
    strbuf_init(&url, asker->arena, URL_MAX);
    begin_url(asker->server, "pypi", &url);
    strbuf_format(&url, "simple/%s/", package->name);
    if ((rc = ask(asker, url.data, "application/vnd.pypi.simple.v1+json", false, &document, err)) ||
        (rc = read_page(&wanted, url.data, &document, err)))
        goto done;
    for (size_t i = 0; i < package->count; i++) {
        struct warm_version *version = &package->versions[i];

        if (wanted.files[i])
            rc = ask_for_files(asker, wanted.files[i], err);
        else
            rc = fail(err, STATUS_NOT_FOUND, "",
                      wanted.was_listed[i] ? "none of its files is one that the lockfile names"
                                           : "the server lists no file of this version");
        if (rc && ends_all(rc))
            goto done;
        if (rc)
            fail_version(version, err);
    }
    rc = STATUS_OK;
done:
    strbuf_free(&document);
    return rc;
}

enum status warm_package(struct warm_asker *asker, struct warm_package *package, struct error *err)
{
    enum status rc = package->format == LOCKFILE_OF_NPM ? warm_npm(asker, package, err)
                                                        : warm_pypi(asker, package, err);

    arena_reset(asker->arena);
    if (!rc || ends_all(rc))
        return rc;
    fail_all(package, err);
    return STATUS_OK;
}
