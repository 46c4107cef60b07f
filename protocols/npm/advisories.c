#include "protocols/npm/advisories.h"

#include "config/clock.h"
#include "config/settings.h"
#include "protocols/http/content_coding.h"
#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "storage/catalog/owner.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"
#include "storage/mirror/mirror.h"

#include <string.h>

enum {
    INSTALL_PATIENCE_MS = 2000, /* npm waits for it before it ends */
    PATIENCE_MS = 30000,
    ANSWER_MAX = 32 << 20,
};

/* What one upstream is asked. */
struct question {
    const struct upstream *upstream;
    struct npm_entries names;
    struct strbuf body;
    struct question *next;
};

struct asking {
    struct request *req;
    struct question *first;
    bool is_install;
    int64_t deadline_ms;
    struct strbuf *out;
    size_t answered, unsupported;
};

int64_t npm_audit_limit(const struct settings *settings)
{
    return settings->npm_audit_max;
}

enum status npm_audit_body(struct request *req, char **text, size_t *length)
{
    int64_t limit = npm_audit_limit(req->service->settings);
    struct reader *opened;
    enum status rc;

    if (!(rc = request_decode_body(req, limit, &opened)))
        rc = request_body_text(req, (size_t)limit, text, length);
    reader_close(opened);
    return rc;
}

static struct question *question_for(struct asking *asking, const struct upstream *upstream)
{
    struct question **at = &asking->first, *made;

    for (; *at; at = &(*at)->next)
        if ((*at)->upstream->id == upstream->id)
            return *at;
    made = *at = arena_alloc(asking->req->arena, sizeof *made);
    made->upstream = upstream;
    npm_entries_init(&made->names, asking->req->arena);
    strbuf_init(&made->body, asking->req->arena, ANSWER_MAX);
    return made;
}

static enum status sort_name(struct asking *asking, const struct npm_entry *name)
{
    struct request *req = asking->req;
    struct question *question;
    struct home home;
    enum status rc;

    if (name->is_gone || !npm_name_is_readable(name->key))
        return STATUS_OK;
    if ((rc = catalog_find_home(req->service->catalog, req->repository, FORMAT_NPM, name->key,
                                req->arena, &home, &req->error)))
        return rc;
    if (home.kind != HOME_UPSTREAM || !home.upstream_count)
        return STATUS_OK;
    question = question_for(asking, home.upstreams);
    if (!npm_entries_add(&question->names, name->key))
        return STATUS_OK;
    strbuf_char(&question->body, question->body.length ? ',' : '{');
    strbuf_json(&question->body, name->key);
    strbuf_char(&question->body, ':');
    strbuf_text(&question->body, name->text);
    return STATUS_OK;
}

struct taking {
    struct asking *asking;
    const struct question *question;
};

/* An upstream tells of what it was asked, and of nothing else. */
static enum status take_advisories(void *context, const char *key, struct npm_value value,
                                   struct error *err)
{
    struct taking *taking = context;
    struct strbuf *out = taking->asking->out;

    (void)err;
    if (*value.text != '[' || !npm_entries_find(&taking->question->names, key))
        return STATUS_OK;
    strbuf_char(out, out->length ? ',' : '{');
    strbuf_json(out, key);
    strbuf_char(out, ':');
    strbuf_bytes(out, value.text, value.length);
    return STATUS_OK;
}

static enum status ask_one(struct asking *asking, struct question *question, struct error *err)
{
    struct request *req = asking->req;
    struct mirror_question asked = {
        .method = "POST",
        .path = "/-/npm/v1/security/advisories/bulk",
        .content_type = "application/json",
        .bytes_max = ANSWER_MAX,
        .timeout_ms = asking->deadline_ms - clock_monotonic_ms(),
    };
    struct taking taking = {asking, question};
    struct strbuf answer;
    int code = 0;
    enum status rc;

    strbuf_char(&question->body, '}');
    if (strbuf_failed(&question->body))
        return fail(err, STATUS_TOO_LARGE, "", "the audit has too many names");
    asked.body = question->body.data;
    asked.body_length = question->body.length;
    if (asked.timeout_ms <= 0)
        return fail(err, STATUS_UPSTREAM_TIMEOUT, "audit-away",
                    "The upstream did not tell its advisories in time");
    strbuf_init(&answer, req->arena, ANSWER_MAX);
    if ((rc = mirror_ask(req->service->mirror, question->upstream, &asked, &answer, &code, err)))
        return rc;
    if (code == 400 || code == 404 || code == 405 || code == 410) {
        asking->unsupported++; /* it knows of no advisories at all */
        return STATUS_OK;
    }
    if (code != 200 ||
        npm_each_last_member(answer.data, answer.length, take_advisories, &taking, NULL))
        return fail(err, STATUS_BAD_UPSTREAM, "audit-away",
                    "The upstream %s answered the audit with %d, or with no advisories",
                    question->upstream->name, code);
    asking->answered++;
    return STATUS_OK;
}

/* Which command of npm asks: only npm says so, and only `npm audit` is about nothing else. */
static bool is_install(const struct request *req)
{
    const char *command = request_header(req, "npm-command");

    return command && strcmp(command, "audit");
}

enum status npm_ask_advisories(struct request *req, const struct npm_entries *names,
                               struct strbuf *out)
{
    struct asking asking = {.req = req, .is_install = is_install(req), .out = out};
    struct error failure = {0};
    enum status rc, failed = STATUS_OK;

    asking.deadline_ms =
        clock_monotonic_ms() + (asking.is_install ? INSTALL_PATIENCE_MS : PATIENCE_MS);
    for (size_t i = 0; i < names->count; i++)
        if ((rc = sort_name(&asking, &names->list[i])))
            return rc;
    for (struct question *question = asking.first; question; question = question->next)
        if ((rc = ask_one(&asking, question, &failure)))
            failed = rc;
    if (failed && !asking.is_install)
        return fail(&req->error, STATUS_UPSTREAM_AWAY, "audit-away",
                    "The audit cannot be answered now: %.400s", failure.message);
    if (!failed && asking.unsupported && !asking.answered && !asking.is_install)
        return fail(&req->error, STATUS_NOT_FOUND, "", "the upstream offers no audit");
    strbuf_text(out, out->length ? "}" : "{}");
    return STATUS_OK;
}

struct names_reading {
    struct npm_entries *names;
    struct arena *arena;
};

static enum status read_name(void *context, const char *key, struct npm_value value,
                             struct error *err)
{
    struct names_reading *reading = context;
    struct npm_entry *entry;

    if (*value.text != '[')
        return fail(err, STATUS_INVALID, "member-type", "%.214s must have an array of versions",
                    key);
    if (!(entry = npm_entries_add(reading->names, key)))
        return fail(err, STATUS_TOO_LARGE, "", "an audit has at most %d names", NPM_ENTRIES_MAX);
    entry->text = arena_copy_bytes(reading->arena, value.text, value.length);
    return STATUS_OK;
}

enum status npm_post_advisories(struct request *req, struct response *res)
{
    struct npm_entries names;
    struct names_reading reading = {&names, req->arena};
    struct strbuf out;
    char *text;
    size_t length;
    enum status rc;

    npm_entries_init(&names, req->arena);
    strbuf_init(&out, req->arena, 2 * ANSWER_MAX);
    if ((rc = npm_audit_body(req, &text, &length)) ||
        (rc = npm_each_member(text, length, read_name, &reading, &req->error)) ||
        (rc = npm_ask_advisories(req, &names, &out)))
        return rc;
    response_header(req, res, "Cache-Control", "no-store");
    return respond_strbuf(req, res, 200, "application/json", &out);
}
