#include "protocols/npm/advisories.h"
#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "storage/memory/arena.h"
#include "storage/memory/semver_range.h"
#include "storage/memory/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 200000, TREE_DEPTH_MAX = 60, PATH_MAX_BYTES = 2048, ANSWER_MAX = 64 << 20 };

static const char *const severities[] = {"info", "low", "moderate", "high", "critical"};
enum { SEVERITIES = sizeof severities / sizeof *severities };

/* A place in the tree where a version is installed. */
struct node {
    const char *name, *version, *path;
    struct node *next; /* as it was read */
};

struct tree {
    struct request *req;
    struct json_cursor cursor;
    struct strbuf key, text;
    struct node *first, **last;
    size_t count;
    const struct node **sorted; /* by name, then version */
};

static enum status read_dependencies(struct tree *tree, const struct node *outer, unsigned depth,
                                     struct error *err);

static enum status read_version(struct tree *tree, struct node *node, struct error *err)
{
    enum token_kind kind;
    enum status rc;

    if ((rc = json_peek(&tree->cursor, &kind, err)))
        return rc;
    if (kind != TOKEN_STRING)
        return json_skip_value(&tree->cursor, err);
    strbuf_clear(&tree->text);
    if (!(rc = json_take_string(&tree->cursor, &tree->text, err)))
        node->version = arena_copy(tree->req->arena, tree->text.data);
    return rc;
}

static enum status read_node(struct tree *tree, const struct node *outer, unsigned depth,
                             struct error *err)
{
    struct arena *arena = tree->req->arena;
    struct node *node = arena_alloc(arena, sizeof *node);
    enum status rc;

    if (tree->count++ == NODES_MAX)
        return fail(err, STATUS_TOO_LARGE, "", "an audit has at most %d installed versions",
                    NODES_MAX);
    node->name = arena_copy(arena, tree->key.data);
    node->path = outer ? arena_format(arena, "%.*s>%s", PATH_MAX_BYTES, outer->path, node->name)
                       : node->name;
    *tree->last = node;
    tree->last = &node->next;
    if ((rc = json_enter(&tree->cursor, TOKEN_OBJECT, err)))
        return rc;
    while (!(rc = json_next_key(&tree->cursor, &tree->key, err)) &&
           tree->cursor.kind == TOKEN_KEY) {
        if (!strcmp(tree->key.data, "version"))
            rc = read_version(tree, node, err);
        else if (!strcmp(tree->key.data, "dependencies"))
            rc = read_dependencies(tree, node, depth + 1, err);
        else
            rc = json_skip_value(&tree->cursor, err);
        if (rc)
            break;
    }
    return rc;
}

static enum status read_dependencies(struct tree *tree, const struct node *outer, unsigned depth,
                                     struct error *err)
{
    enum token_kind kind;
    enum status rc;

    if ((rc = json_peek(&tree->cursor, &kind, err)))
        return rc;
    if (kind != TOKEN_OBJECT)
        return json_skip_value(&tree->cursor, err);
    if (depth == TREE_DEPTH_MAX)
        return fail(err, STATUS_INVALID, "json-too-deep", "The tree is deeper than %d packages",
                    TREE_DEPTH_MAX);
    if ((rc = json_enter(&tree->cursor, TOKEN_OBJECT, err)))
        return rc;
    while (!(rc = json_next_key(&tree->cursor, &tree->key, err)) &&
           tree->cursor.kind == TOKEN_KEY) {
        if ((rc = json_peek(&tree->cursor, &kind, err)))
            break;
        rc = kind == TOKEN_OBJECT ? read_node(tree, outer, depth, err)
                                  : json_skip_value(&tree->cursor, err);
        if (rc)
            break;
    }
    return rc;
}

static int by_name_and_version(const void *a, const void *b)
{
    const struct node *one = *(const struct node *const *)a;
    const struct node *other = *(const struct node *const *)b;
    int order = strcmp(one->name, other->name);

    return order ? order
                 : strcmp(one->version ? one->version : "", other->version ? other->version : "");
}

static enum status read_tree(struct tree *tree, const char *text, size_t length, struct error *err)
{
    size_t at = 0;
    enum status rc;

    strbuf_init(&tree->key, tree->req->arena, 4096);
    strbuf_init(&tree->text, tree->req->arena, 4096);
    json_cursor_init_text(&tree->cursor, text, length, NPM_AUDIT_DEPTH + 8);
    rc = json_enter(&tree->cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&tree->cursor, &tree->key, err)) &&
           tree->cursor.kind == TOKEN_KEY)
        rc = strcmp(tree->key.data, "dependencies") ? json_skip_value(&tree->cursor, err)
                                                    : read_dependencies(tree, NULL, 0, err);
    if (!rc)
        rc = json_finish(&tree->cursor, err);
    if (rc)
        return rc;
    tree->sorted = arena_array(tree->req->arena, tree->count + 1, sizeof *tree->sorted);
    for (const struct node *node = tree->first; node; node = node->next)
        tree->sorted[at++] = node;
    qsort(tree->sorted, tree->count, sizeof *tree->sorted, by_name_and_version);
    return STATUS_OK;
}

/* The nodes of a name: [*from, *to). */
static void find_nodes(const struct tree *tree, const char *name, size_t *from, size_t *to)
{
    size_t low = 0, high = tree->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(tree->sorted[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (*from = *to = low; *to < tree->count && !strcmp(tree->sorted[*to]->name, name);)
        ++*to;
}

/* The tree as the newer call asks for it. */
static enum status list_names(const struct tree *tree, struct npm_entries *names, struct error *err)
{
    npm_entries_init(names, tree->req->arena);
    for (size_t from = 0, to; from < tree->count; from = to) {
        struct npm_entry *entry = npm_entries_add(names, tree->sorted[from]->name);
        struct strbuf versions;
        const char *last = NULL;

        if (!entry)
            return fail(err, STATUS_TOO_LARGE, "", "an audit has at most %d names",
                        NPM_ENTRIES_MAX);
        strbuf_init(&versions, tree->req->arena, ANSWER_MAX);
        strbuf_char(&versions, '[');
        for (to = from; to < tree->count && !strcmp(tree->sorted[to]->name, entry->key); to++) {
            const char *version = tree->sorted[to]->version;

            if (!version || (last && !strcmp(version, last)))
                continue;
            strbuf_text(&versions, last ? "," : "");
            strbuf_json(&versions, version);
            last = version;
        }
        strbuf_char(&versions, ']');
        entry->text = versions.data;
    }
    return STATUS_OK;
}

/* As npm counts: a prerelease of a vulnerable release is vulnerable. */
static bool is_hit(const char *text, const struct semver_range *range, struct arena *arena)
{
    const char *clean = npm_version_clean(text, arena);
    struct semver version;

    if (!clean || !semver_parse(clean, &version))
        return false;
    if (semver_satisfies(&version, range))
        return true;
    version.prerelease = NULL;
    version.prerelease_length = 0;
    return strchr(clean, '-') && semver_satisfies(&version, range);
}

/* What makes up for "<2.0.0" at the end of a range; "<0.0.0" where nothing does. */
static const char *patched_versions(const char *range, struct arena *arena)
{
    const char *last = strrchr(range, '<');

    if (!last || strpbrk(last, " |,"))
        return "<0.0.0";
    return last[1] == '=' ? arena_format(arena, ">%s", last + 2)
                          : arena_format(arena, ">=%s", last + 1);
}

struct answering {
    const struct tree *tree;
    const char *name;
    struct strbuf advisories;
    size_t counts[SEVERITIES];
};

static const char *text_member(struct npm_value advisory, const char *key, const char *otherwise,
                               struct arena *arena)
{
    const char *text = npm_value_text(npm_value_get(advisory.text, advisory.length, key), arena);

    return text ? text : otherwise;
}

static void put_text(struct strbuf *out, const char *key, const char *text)
{
    strbuf_format(out, ",\"%s\":", key);
    strbuf_json(out, text);
}

static void put_raw(struct strbuf *out, struct npm_value advisory, const char *key,
                    const char *otherwise)
{
    struct npm_value value = npm_value_get(advisory.text, advisory.length, key);

    strbuf_format(out, ",\"%s\":", key);
    if (value.text)
        strbuf_bytes(out, value.text, value.length);
    else
        strbuf_text(out, otherwise);
}

/* Adds what is hit, and tells how many places that are. */
static size_t put_findings(struct answering *answering, const char *range_text, struct strbuf *out)
{
    struct arena *arena = answering->tree->req->arena;
    const struct semver_range *range = semver_range_parse(range_text, arena);
    size_t count = 0, from, to;

    find_nodes(answering->tree, answering->name, &from, &to);
    for (; range && from < to; from++) {
        const struct node *node = answering->tree->sorted[from];

        if (!node->version || !is_hit(node->version, range, arena))
            continue;
        strbuf_text(out, count++ ? ",{\"version\":" : "{\"version\":");
        strbuf_json(out, node->version);
        strbuf_text(out, ",\"paths\":[");
        strbuf_json(out, node->path);
        strbuf_text(out, "]}");
    }
    return count;
}

static enum status answer_advisory(struct answering *answering, struct npm_value advisory)
{
    struct arena *arena = answering->tree->req->arena;
    struct npm_value id = npm_value_get(advisory.text, advisory.length, "id");
    const char *range = text_member(advisory, "vulnerable_versions", "*", arena);
    const char *severity = text_member(advisory, "severity", "moderate", arena);
    const char *title = text_member(advisory, "title", "", arena);
    const char *url = text_member(advisory, "url", "", arena);
    const char *patched = patched_versions(range, arena), *slash = strrchr(url, '/');
    struct strbuf findings, *out = &answering->advisories;
    size_t count;

    strbuf_init(&findings, arena, ANSWER_MAX);
    if (!id.text || !strchr("0123456789", *id.text) ||
        !(count = put_findings(answering, range, &findings)))
        return STATUS_OK;
    strbuf_format(out, "%s\"%.*s\":{\"id\":%.*s", out->length ? "," : "", (int)id.length, id.text,
                  (int)id.length, id.text);
    put_text(out, "title", title);
    put_text(out, "module_name", answering->name);
    put_text(out, "severity", severity);
    put_text(out, "vulnerable_versions", range);
    put_text(out, "patched_versions", patched);
    put_text(out, "recommendation",
             *patched == '>' ? arena_format(arena, "Upgrade to version %s", patched) : "None");
    put_text(out, "overview", title);
    put_text(out, "url", url);
    if (slash && !strncmp(slash, "/GHSA-", 6))
        put_text(out, "github_advisory_id", slash + 1);
    strbuf_text(out, ",\"cves\":[],\"access\":\"public\",\"created\":\"1970-01-01T00:00:00.000Z\","
                     "\"updated\":\"1970-01-01T00:00:00.000Z\"");
    put_raw(out, advisory, "cwe", "[]");
    put_raw(out, advisory, "cvss", "{\"score\":0,\"vectorString\":null}");
    strbuf_text(out, ",\"findings\":[");
    strbuf_bytes(out, findings.data, findings.length);
    strbuf_text(out, "]}");
    for (size_t i = 0; i < SEVERITIES; i++)
        if (!strcmp(severity, severities[i]))
            answering->counts[i] += count;
    return STATUS_OK;
}

static enum status answer_name(void *context, const char *key, struct npm_value value,
                               struct error *err)
{
    struct answering *answering = context;
    struct json_cursor cursor;
    bool has = false;
    enum status rc;

    answering->name = key;
    json_cursor_init_text(&cursor, value.text, value.length, NPM_AUDIT_DEPTH);
    rc = json_enter(&cursor, TOKEN_ARRAY, err);
    while (!rc && !(rc = json_has_element(&cursor, &has, err)) && has) {
        if ((rc = json_skip_value(&cursor, err)))
            break;
        if (value.text[cursor.range.start] == '{')
            rc = answer_advisory(
                answering, (struct npm_value){value.text + cursor.range.start,
                                              (size_t)(cursor.range.end - cursor.range.start)});
    }
    return rc;
}

static void assemble(const struct answering *answering, struct strbuf *out)
{
    strbuf_text(out, "{\"actions\":[],\"advisories\":{");
    strbuf_bytes(out, answering->advisories.data, answering->advisories.length);
    strbuf_text(out, "},\"muted\":[],\"metadata\":{\"vulnerabilities\":{");
    for (size_t i = 0; i < SEVERITIES; i++)
        strbuf_format(out, "%s\"%s\":%zu", i ? "," : "", severities[i], answering->counts[i]);
    strbuf_format(out,
                  "},\"dependencies\":%zu,\"devDependencies\":0,\"optionalDependencies\":0,"
                  "\"totalDependencies\":%zu}}",
                  answering->tree->count, answering->tree->count);
}

enum status npm_post_audit(struct request *req, struct response *res)
{
    struct tree tree = {.req = req, .last = &tree.first};
    struct answering answering = {.tree = &tree};
    struct npm_entries names;
    struct strbuf found, out;
    char *text;
    size_t length;
    enum status rc;

    strbuf_init(&found, req->arena, ANSWER_MAX);
    strbuf_init(&out, req->arena, ANSWER_MAX);
    strbuf_init(&answering.advisories, req->arena, ANSWER_MAX);
    if ((rc = npm_audit_body(req, &text, &length)) ||
        (rc = read_tree(&tree, text, length, &req->error)) ||
        (rc = list_names(&tree, &names, &req->error)) ||
        (rc = npm_ask_advisories(req, &names, &found)) ||
        (rc = npm_each_member(found.data, found.length, answer_name, &answering, &req->error)))
        return rc;
    assemble(&answering, &out);
    response_header(req, res, "Cache-Control", "no-store");
    return respond_strbuf(req, res, 200, "application/json", &out);
}
