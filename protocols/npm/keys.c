#include "protocols/npm/keys.h"

#include "config/clock.h"
#include "config/log.h"
#include "protocols/npm/entry_table.h"
#include "protocols/npm/member.h"
#include "storage/catalog/signing_key.h"
#include "storage/catalog/source.h"
#include "storage/catalog/upstream_answer.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 64, ANSWER_MAX = 256 << 10, PATIENCE_MS = 15000, OWN_KEY_MAX = 1024, BODY_MAX = 64 << 20 };

struct key {
    const char *id;
    struct npm_value value; /* the whole of it, as it came */
};

/* Keys, no id twice. */
struct key_list {
    struct arena *arena;
    struct key *keys;
    size_t count, capacity;
};

static struct key *find_key(struct key_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->keys[i].id, id))
            return &list->keys[i];
    return NULL;
}

static void add_key(struct key_list *list, struct key key)
{
    list->keys = arena_grow(list->arena, list->keys, list->count, &list->capacity, sizeof key);
    list->keys[list->count++] = key;
}

static enum status read_keys(void *context, const char *key, struct npm_value value,
                             struct error *err)
{
    struct key_list *list = context;
    struct json_cursor cursor;
    bool has = false;
    enum status rc;

    if (strcmp(key, "keys"))
        return STATUS_OK;
    json_cursor_init_text(&cursor, value.text, value.length, 0);
    rc = json_enter(&cursor, TOKEN_ARRAY, err);
    while (!rc && !(rc = json_has_element(&cursor, &has, err)) && has) {
        struct key one = {0};

        if ((rc = json_skip_value(&cursor, err)))
            break;
        one.value = (struct npm_value){value.text + cursor.range.start,
                                       (size_t)(cursor.range.end - cursor.range.start)};
        if (*one.value.text == '{')
            one.id = npm_value_text(npm_value_get(one.value.text, one.value.length, "keyid"), list->arena);
        if (!one.id || find_key(list, one.id))
            continue;
        if (list->count == KEYS_MAX)
            return fail(err, STATUS_BAD_UPSTREAM, "upstream-invalid", "more than %d keys", KEYS_MAX);
        add_key(list, one);
    }
    return rc;
}

static bool read_list(const char *text, size_t length, struct arena *arena, struct key_list *out)
{
    *out = (struct key_list){.arena = arena};
    return !npm_each_last_member(text, length, read_keys, out, NULL);
}

static void write_array(const struct key_list *list, struct strbuf *out)
{
    strbuf_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        strbuf_text(out, i ? "," : "");
        strbuf_bytes(out, list->keys[i].value.text, list->keys[i].value.length);
    }
    strbuf_char(out, ']');
}

static void write_list(const struct key_list *list, struct strbuf *out)
{
    strbuf_text(out, "{\"keys\":");
    write_array(list, out);
    strbuf_char(out, '}');
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct key *)a)->id, ((const struct key *)b)->id);
}

/* Of the keys in the order of their ids, so that several servers of one upstream say the same. */
static void digest_list(const struct key_list *list, uint8_t out[SHA256_SIZE])
{
    struct key_list sorted = {.arena = list->arena};
    struct strbuf text;

    for (size_t i = 0; i < list->count; i++)
        add_key(&sorted, list->keys[i]);
    if (sorted.count)
        qsort(sorted.keys, sorted.count, sizeof *sorted.keys, by_id);
    strbuf_init(&text, list->arena, 2 * ANSWER_MAX);
    write_list(&sorted, &text);
    digest_sha256(text.data, text.length, out);
}

static bool is_same_member(const struct key *a, const struct key *b, const char *member)
{
    struct npm_value one = npm_value_get(a->value.text, a->value.length, member);
    struct npm_value two = npm_value_get(b->value.text, b->value.length, member);

    return one.length == two.length && (!one.length || !memcmp(one.text, two.text, one.length));
}

static bool is_same_key(const struct key *a, const struct key *b)
{
    return is_same_member(a, b, "key") && is_same_member(a, b, "keytype") && is_same_member(a, b, "scheme");
}

/* What is to be said of keys that are not those that were seen first. */
struct key_change {
    struct strbuf added, renewed, replaced, gone; /* ids, as members of a JSON list */
};

static void note(struct strbuf *list, const char *id)
{
    strbuf_text(list, list->length ? "," : "");
    strbuf_json(list, id);
}

/* Holds what is said now against what was seen: no key that was seen goes or becomes another one; how
 * long it counts may be said anew; those beside it are taken. */
static void merge(struct key_list *seen, struct key_list *said, struct key_change *change)
{
    struct arena *arena = seen->arena;

    strbuf_init(&change->added, arena, ANSWER_MAX);
    strbuf_init(&change->renewed, arena, ANSWER_MAX);
    strbuf_init(&change->replaced, arena, ANSWER_MAX);
    strbuf_init(&change->gone, arena, ANSWER_MAX);
    for (size_t i = 0; i < seen->count; i++) {
        const struct key *now = find_key(said, seen->keys[i].id);

        if (!now) {
            note(&change->gone, seen->keys[i].id);
        } else if (!is_same_key(&seen->keys[i], now)) {
            note(&change->replaced, now->id);
        } else if (!is_same_member(&seen->keys[i], now, "expires")) {
            note(&change->renewed, now->id);
            seen->keys[i].value = now->value;
        }
    }
    for (size_t i = 0; i < said->count; i++)
        if (!find_key(seen, said->keys[i].id) && seen->count < KEYS_MAX) {
            note(&change->added, said->keys[i].id);
            add_key(seen, said->keys[i]);
        }
}

static void keep(struct request *req, const struct upstream *upstream, const struct key_list *list,
                 const uint8_t *said, const char *action, const char *detail)
{
    struct kept_answer answer = {
        .path = UPSTREAM_KEYS_PATH, .said_sha256 = said, .action = action, .detail = detail};
    struct strbuf body;
    struct error err;

    strbuf_init(&body, req->arena, 2 * ANSWER_MAX);
    write_list(list, &body);
    answer.body = body.data;
    answer.length = body.length;
    log_event(strcmp(action, "upstream.keys-changed") ? LOG_INFO : LOG_WARN, action, "org=%s upstream=%s detail=%s",
              req->repository->org, upstream->name, detail);
    if (catalog_keep_upstream_answer(req->service->catalog, upstream, &answer, &err))
        log_event(LOG_ERROR, "upstream.report-failed", "event=%s upstream=%s reason=\"%s\"", action,
                  upstream->name, err.message);
}

static void keep_first(struct request *req, const struct upstream *upstream,
                       const struct key_list *said, const uint8_t *digest)
{
    struct strbuf detail;

    strbuf_init(&detail, req->arena, ANSWER_MAX);
    strbuf_text(&detail, "{\"keys\":[");
    for (size_t i = 0; i < said->count; i++) {
        strbuf_text(&detail, i ? "," : "");
        strbuf_json(&detail, said->keys[i].id);
    }
    strbuf_text(&detail, "]}");
    keep(req, upstream, said, digest, "upstream.keys-seen", detail.data);
}

static void keep_change(struct request *req, const struct upstream *upstream,
                        const struct key_list *merged, const uint8_t *digest,
                        const struct key_change *change)
{
    bool is_critical = change->replaced.length || change->gone.length;
    const char *detail = arena_format(
        req->arena,
        "{\"severity\":\"%s\",\"added\":[%s],\"expiry_changed\":[%s],\"replaced\":[%s],\"gone\":[%s]}",
        is_critical ? "critical" : "warning", change->added.data, change->renewed.data,
        change->replaced.data, change->gone.data);

    keep(req, upstream, merged, digest, "upstream.keys-changed", detail);
}

/* The upstream's own words. *code 404: it has no keys. */
static enum status ask(struct request *req, const struct upstream *upstream, struct key_list *out,
                       int *code, struct error *err)
{
    const struct mirror_question question = {
        .path = UPSTREAM_KEYS_PATH, .timeout_ms = PATIENCE_MS, .bytes_max = ANSWER_MAX};
    struct strbuf answer;
    enum status rc;

    strbuf_init(&answer, req->arena, ANSWER_MAX);
    if ((rc = mirror_ask(req->service->mirror, upstream, &question, &answer, code, err)))
        return rc;
    if (*code >= 400 && *code < 500)
        return STATUS_OK;
    if (*code != 200 || !read_list(answer.data, answer.length, req->arena, out))
        return fail(err, STATUS_BAD_UPSTREAM, "upstream-invalid", "The upstream %s answered with no keys",
                    upstream->name);
    return STATUS_OK;
}

/* The keys to serve for one upstream: those that were seen, and what it has added. */
static enum status find_keys(struct request *req, const struct upstream *upstream, struct key_list *out)
{
    struct upstream_answer before;
    uint8_t digest[SHA256_SIZE];
    struct key_change change;
    struct key_list said;
    bool has_before;
    int code = 0;
    enum status rc;

    *out = (struct key_list){.arena = req->arena};
    has_before = !catalog_find_upstream_answer(req->service->catalog, upstream, UPSTREAM_KEYS_PATH,
                                               req->arena, &before, NULL) &&
                 read_list(before.body, before.length, req->arena, out);
    rc = ask(req, upstream, &said, &code, &req->error);
    if (rc && upstream->is_offline)
        return STATUS_OK; /* nobody expects it to answer */
    if (rc || code != 200)
        return has_before ? STATUS_OK : rc;
    digest_list(&said, digest);
    if (!has_before) {
        *out = said;
        if (said.count)
            keep_first(req, upstream, &said, digest);
    } else if (memcmp(digest, before.said_sha256, SHA256_SIZE)) {
        merge(out, &said, &change);
        keep_change(req, upstream, out, digest, &change);
    }
    return STATUS_OK;
}

struct npm_value npm_known_keys(struct request *req, const struct upstream *upstream)
{
    struct upstream_answer before;
    struct key_list list;
    struct strbuf body;

    if (catalog_find_upstream_answer(req->service->catalog, upstream, UPSTREAM_KEYS_PATH, req->arena,
                                     &before, NULL) ||
        !read_list(before.body, before.length, req->arena, &list)) {
        if (find_keys(req, upstream, &list) || !list.count)
            return (struct npm_value){0};
    }
    strbuf_init(&body, req->arena, 2 * ANSWER_MAX);
    write_list(&list, &body);
    return npm_value_get(body.data, body.length, "keys");
}

static void add_keys(struct key_list *all, const struct key_list *more)
{
    for (size_t i = 0; i < more->count; i++)
        if (!find_key(all, more->keys[i].id))
            add_key(all, more->keys[i]);
}

/* The instance's own, which come first: an upstream that says one of their ids is not believed. */
static enum status add_own_keys(struct request *req, struct key_list *all)
{
    struct signing_key *keys;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_signing_keys(req->service->catalog, req->arena, &keys, &count, &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++) {
        char expires[CLOCK_TEXT_SIZE];
        struct strbuf text;

        clock_format_iso(keys[i].retired_us, expires);
        strbuf_init(&text, req->arena, OWN_KEY_MAX);
        strbuf_text(&text, "{\"keyid\":");
        strbuf_json(&text, keys[i].keyid);
        strbuf_text(&text, ",\"keytype\":\"ecdsa-sha2-nistp256\",\"scheme\":\"ecdsa-sha2-nistp256\",\"key\":\"");
        strbuf_base64(&text, keys[i].public_key, sizeof keys[i].public_key);
        strbuf_text(&text, "\",\"expires\":");
        if (keys[i].retired_us)
            strbuf_json(&text, expires);
        else
            strbuf_text(&text, "null");
        strbuf_char(&text, '}');
        add_key(all, (struct key){keys[i].keyid, {text.data, text.length}});
    }
    return STATUS_OK;
}

enum status npm_get_keys(struct request *req, struct response *res)
{
    struct catalog *catalog = req->service->catalog;
    struct key_list all = {.arena = req->arena}, some;
    struct source *sources = NULL;
    struct strbuf body;
    size_t count = 0;
    enum status rc;

    if ((rc = add_own_keys(req, &all)) || (rc = catalog_list_sources(catalog, req->repository, req->arena, &sources, &count,
                                   &req->error)))
        return rc;
    for (size_t i = 0; i < count; i++) {
        struct upstream upstream;

        if (!sources[i].is_upstream)
            continue;
        if ((rc = catalog_find_upstream(catalog, req->repository->org_id, sources[i].name,
                                        req->arena, &upstream, &req->error)))
            return rc;
        if (upstream.format != FORMAT_NPM)
            continue;
        if ((rc = find_keys(req, &upstream, &some)))
            return rc;
        add_keys(&all, &some);
    }
    strbuf_init(&body, req->arena, BODY_MAX);
    write_list(&all, &body);
    return respond_strbuf(req, res, 200, "application/json", &body);
}

static const char *array_of(struct request *req, const struct key_list *list)
{
    struct strbuf out;

    strbuf_init(&out, req->arena, 2 * ANSWER_MAX);
    write_array(list, &out);
    return out.data;
}

static const char *ids_of(struct request *req, const struct strbuf *ids)
{
    return arena_format(req->arena, "[%s]", ids->data);
}

static enum status compare_keys(struct request *req, const struct upstream *upstream,
                                struct upstream_keys *out)
{
    struct key_list pinned = {.arena = req->arena}, said = {.arena = req->arena};
    struct upstream_answer before;
    struct key_change change;
    int code;
    enum status rc;

    *out = (struct upstream_keys){0};
    rc = catalog_find_upstream_answer(req->service->catalog, upstream, UPSTREAM_KEYS_PATH, req->arena, &before,
                                      &req->error);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (!rc)
        read_list(before.body, before.length, req->arena, &pinned);
    out->pinned = array_of(req, &pinned);
    if (!ask(req, upstream, &said, &code, &out->trouble)) {
        out->said = array_of(req, &said);
        out->said_count = said.count;
        digest_list(&said, out->said_sha256);
    } else {
        said = pinned;
    }
    merge(&pinned, &said, &change);
    out->added = ids_of(req, &change.added);
    out->expiry_changed = ids_of(req, &change.renewed);
    out->replaced = ids_of(req, &change.replaced);
    out->gone = ids_of(req, &change.gone);
    return STATUS_OK;
}

const struct upstream_keys_format npm_upstream_keys_format = {FORMAT_NPM, compare_keys};
