/* What people ask to be let through, and what is decided. Access spec C4. */
#include "server/admin/admin.h"
#include "server/admin/exception.h"
#include "server/admin/held.h"

#include "config/clock.h"
#include "storage/memory/arena.h"

#include <inttypes.h>
#include <string.h>

static void write_requested(struct request *req, struct strbuf *out, const struct request_entry *entry)
{
    write_int(out, "id", entry->number);
    write_package(req, out, entry->format, entry->name, entry->version);
    write_text(out, "repository", entry->repository);
    write_text(out, "state", request_state_name(entry->state));
    write_words(req, out, "rules", entry->rules);
    write_words(req, out, "grave", entry->grave);
    write_text(out, "by", entry->first_by);
    write_text(out, "reason", entry->reason);
    write_int(out, "requesters", entry->requesters);
    write_time(out, "created_at", entry->created_us);
    write_time(out, "decided_at", entry->decided_us);
    write_text(out, "decided_by", entry->decided_by);
    write_text(out, "comment", entry->comment);
    if (entry->exception)
        write_int(out, "exception", entry->exception);
}

/* One version that a text of the body names, as the caller may ask for it. */
static enum status read_purl(struct request *req, const struct repository *repository,
                             const char *member, const char *text, struct purl *out)
{
    const char *subject;
    enum status rc;

    if ((rc = purl_parse(text, req->arena, out, &req->error)))
        return admin_about(req, member, rc);
    if (!out->version)
        return admin_about(req, member,
                           fail(&req->error, STATUS_INVALID, "invalid-value",
                                "which version of %.200s? Write %.200s@VERSION", text, text));
    subject = arena_format(req->arena, "%s:%s", format_name(out->format), out->name);
    if (!access_allows(req->principal, repository, subject, EXCEPTION_REQUEST))
        return gate_forbidden(req, EXCEPTION_REQUEST, subject);
    return STATUS_OK;
}

struct wishes {
    struct repository repository;
    struct wanted_version *versions; /* those that are held */
    size_t count, not_held;
    const char *reason;
};

static enum status add_wish(struct request *req, const char *member, const char *text,
                            struct wishes *wishes)
{
    bool is_held, is_alone = !strcmp(member, "purl");
    struct purl purl;
    enum status rc;

    if (!text)
        return admin_invalid(req, member, "holds something that is no text");
    if ((rc = read_purl(req, &wishes->repository, member, text, &purl)))
        return rc;
    rc = admin_find_held(req, &wishes->repository, &purl, &wishes->versions[wishes->count], &is_held);
    if (rc && (rc != STATUS_NOT_FOUND || is_alone))
        return rc; /* of a lockfile, some may be gone */
    if (is_held)
        wishes->count++;
    else
        wishes->not_held++;
    return STATUS_OK;
}

static enum status read_wishes(struct request *req, const struct json *body, const struct org *org,
                               struct wishes *out)
{
    const char *purl = NULL, *repository;
    const struct json *purls = NULL;
    enum status rc;

    if ((rc = admin_need_text(req, body, "repository", &repository)) ||
        (rc = admin_need_text(req, body, "reason", &out->reason)) ||
        (rc = admin_get_text(req, body, "purl", &purl)) ||
        (rc = admin_about(req, "purls", json_get_array(body, "purls", &purls, &req->error))) ||
        (rc = admin_find_visible(req, arena_format(req->arena, "%s/%s", org->name, repository),
                                 &out->repository)))
        return rc;
    if (!purl == !purls)
        return admin_invalid(req, "purl", "either one purl, or a list of purls");
    if (json_count(purls) > REQUESTS_MAX)
        return admin_invalid(req, "purls", "at most %d at once", REQUESTS_MAX);
    out->versions = arena_array(req->arena, json_count(purls) + 1, sizeof *out->versions);
    if (purl)
        return add_wish(req, "purl", purl, out);
    for (size_t i = 0; i < json_count(purls); i++)
        if ((rc = add_wish(req, "purls", json_text(json_at(purls, i)), out)))
            return rc;
    return STATUS_OK;
}

static enum status answer_created(struct request *req, struct response *res, const struct wishes *wishes)
{
    bool has_new = false;
    struct strbuf out;

    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < wishes->count; i++) {
        const struct wanted_version *version = &wishes->versions[i];

        has_new |= version->is_new;
        write_open(&out, NULL, '{');
        write_int(&out, "id", version->number);
        write_package(req, &out, version->format, version->name, version->version);
        write_words(req, &out, "rules", version->rules);
        write_bool(&out, "is_new", version->is_new);
        write_close(&out, '}');
    }
    write_close(&out, ']');
    write_int(&out, "not_held", (int64_t)wishes->not_held);
    write_close(&out, '}');
    return admin_respond(req, res, has_new ? 201 : 200, &out);
}

enum status admin_create_requests(struct request *req, struct response *res)
{
    static const char *const members[] = {"purl", "purls", "repository", "reason"};
    struct actor actor = admin_actor(req);
    struct wishes wishes = {0};
    struct json *body = NULL;
    struct org org;
    bool sees_all;
    enum status rc;

    if ((rc = admin_policy_org(req, &org, &sees_all)) || (rc = admin_body(req, members, 4, &body)) ||
        (rc = read_wishes(req, body, &org, &wishes)))
        goto done;
    if (!wishes.count && json_get(body, "purl")) {
        rc = fail(&req->error, STATUS_CONFLICT, "not-held", "nothing holds %s back from %s/%s",
                  json_text(json_get(body, "purl")), org.name, wishes.repository.name);
        goto done;
    }
    if ((rc = catalog_create_requests(req->service->catalog, &actor, org.id, wishes.versions, wishes.count,
                                      wishes.reason, &req->error))) {
        admin_about(req, "reason", rc);
        goto done;
    }
    rc = answer_created(req, res, &wishes);
done:
    json_free(body);
    return rc;
}

static enum status read_filter(struct request *req, struct request_filter *out)
{
    const char *state = request_query(req, "state");
    struct purl purl;
    enum status rc;

    if ((rc = admin_package_query(req, &purl, &out->name_fold)))
        return rc;
    out->format = purl.format;
    out->state = REQUEST_OPEN;
    if (!state || !strcmp(state, request_state_name(REQUEST_OPEN)))
        return STATUS_OK;
    for (out->state = REQUEST_APPROVED; out->state <= REQUEST_DENIED; out->state++)
        if (!strcmp(state, request_state_name(out->state)))
            return STATUS_OK;
    out->state = 0;
    return strcmp(state, "all") ? admin_invalid(req, "state", "open, approved, denied or all") : STATUS_OK;
}

enum status admin_list_requests(struct request *req, struct response *res)
{
    struct request_filter filter = {0};
    struct request_entry *entries;
    struct page page;
    struct strbuf out;
    struct org org;
    bool sees_all;
    size_t count;
    enum status rc;

    if ((rc = admin_policy_org(req, &org, &sees_all)) || (rc = admin_page(req, true, &page)) ||
        (rc = read_filter(req, &filter)))
        return rc;
    filter.org_id = org.id;
    if ((rc = catalog_list_requests(req->service->catalog, &filter, page.id, page.limit + 1, req->arena,
                                    &entries, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++) {
        if (!sees_all && !admin_sees_package(req, org.name, entries[i].repository, entries[i].format,
                                             entries[i].name))
            continue;
        write_open(&out, NULL, '{');
        write_requested(req, &out, &entries[i]);
        write_close(&out, '}');
    }
    write_next(&out, count > page.limit
                         ? arena_format(req->arena, "%" PRId64, entries[page.limit - 1].number)
                         : NULL);
    return admin_respond(req, res, 200, &out);
}

/* Files' lines as an array. */
static void write_facts(struct request *req, struct strbuf *out, const char *facts)
{
    char *copy = arena_copy(req->arena, facts), *save = NULL;

    write_open(out, "facts", '[');
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        write_json(out, NULL, line);
    write_close(out, ']');
}

/* Everything of one: with its facts, and all who ask. decision: the one that was just made; NULL: none. */
static enum status answer_request(struct request *req, struct response *res, const struct org *org,
                                  const struct request_entry *entry, const struct decision *decision)
{
    struct requester *requesters;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = catalog_list_requesters(req->service->catalog, org->id, entry->number, req->arena,
                                      &requesters, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_requested(req, &out, entry);
    write_facts(req, &out, entry->facts);
    write_open(&out, "reasons", '[');
    for (size_t i = 0; i < count; i++) {
        write_open(&out, NULL, '{');
        write_text(&out, "by", requesters[i].account);
        write_text(&out, "reason", requesters[i].reason);
        write_time(&out, "at", requesters[i].at_us);
        write_close(&out, '}');
    }
    write_close(&out, ']');
    if (decision && decision->covered_count) {
        write_open(&out, "also", '[');
        for (size_t i = 0; i < decision->covered_count; i++)
            write_int(&out, NULL, decision->covered[i]);
        write_close(&out, ']');
    }
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}

enum status admin_find_request(struct request *req, struct org *org, bool *sees_all,
                               struct request_entry *out)
{
    int64_t id;
    enum status rc;

    if ((rc = admin_policy_org(req, org, sees_all)) || (rc = admin_path_id(req, &id)) ||
        (rc = catalog_find_request(req->service->catalog, org->id, id, req->arena, out, &req->error)))
        return rc;
    if (!*sees_all && !admin_sees_package(req, org->name, out->repository, out->format, out->name))
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is no request %" PRId64 " in this org", id);
    return STATUS_OK;
}

enum status admin_get_request(struct request *req, struct response *res)
{
    struct request_entry entry;
    struct org org;
    bool sees_all;
    enum status rc;

    if ((rc = admin_find_request(req, &org, &sees_all, &entry)))
        return rc;
    return answer_request(req, res, &org, &entry, NULL);
}

/* An end as seconds from now, or as a time. */
static enum status read_end(struct request *req, const struct json *body, int64_t *out)
{
    const char *text = NULL;
    int64_t seconds = 0;
    enum status rc;

    if ((rc = admin_get_int(req, body, "expires_in", &seconds)) ||
        (rc = admin_get_text(req, body, "not_after", &text)))
        return rc;
    if (!seconds == !text)
        return admin_invalid(req, "not_after", "either not_after, a time, or expires_in, in seconds");
    if (text && (*out = clock_parse_iso(text)) < 0)
        return admin_invalid(req, "not_after", "a time such as 2026-12-24T12:00:00Z, not \"%.40s\"", text);
    if (text)
        return STATUS_OK;
    if (seconds < 1 || seconds > EXCEPTION_DAYS_MAX * 86400)
        return admin_invalid(req, "expires_in", "an end from 1 second to %d days away", EXCEPTION_DAYS_MAX);
    *out = clock_now_us() + seconds * 1000000;
    return STATUS_OK;
}

static enum status read_rules(struct request *req, const struct json *body, const char **out)
{
    const char *const *rules;
    struct strbuf words;
    size_t count;
    enum status rc;

    if ((rc = admin_get_texts(req, body, "rules", &rules, &count)) || !rules)
        return rc;
    strbuf_init(&words, req->arena, 64 << 10);
    for (size_t i = 0; i < count; i++)
        strbuf_format(&words, "%s%s", i ? " " : "", rules[i]);
    *out = words.data;
    return STATUS_OK;
}

static enum status read_approval(struct request *req, const struct json *body, struct decision *out)
{
    const char *scope = "version";
    enum status rc;

    if ((rc = admin_need_text(req, body, "comment", &out->comment)) ||
        (rc = admin_get_text(req, body, "scope", &scope)) ||
        (rc = admin_get_text(req, body, "range", &out->range)) ||
        (rc = admin_get_bool(req, body, "alone", &out->alone)) || (rc = read_rules(req, body, &out->rules)) ||
        (rc = read_end(req, body, &out->not_after_us)))
        return rc;
    if (!(out->scope = exception_scope_from_name(scope)))
        return admin_invalid(req, "scope", "version, range or name, not \"%.40s\"", scope);
    if (!out->range != (out->scope != SCOPE_RANGE))
        return admin_invalid(req, "range", "goes with the scope range, and with no other");
    return STATUS_OK;
}

/* The bytes that are approved are those that were looked at: where the listing has others by now, it is
 * asked anew. */
static enum status check_still_so(struct request *req, const struct org *org,
                                  const struct request_entry *entry, const struct decision *decision)
{
    struct purl purl = {entry->format, entry->name, entry->version, NULL};
    struct wanted_version now;
    struct repository repository;
    bool is_held, same = true;
    enum status rc;

    if (!decision->approves || decision->scope != SCOPE_VERSION)
        return STATUS_OK;
    if ((rc = admin_repository(req, entry->repository, &repository)) ||
        (rc = admin_find_held(req, &repository, &purl, &now, &is_held)) ||
        (rc = admin_same_bytes(req, now.facts, entry->facts, &same)))
        return rc;
    if (!same)
        return fail(&req->error, STATUS_CONFLICT, "facts-changed",
                    "%s %s has other bytes by now than when it was asked for: deny this request, and ask "
                    "anew in %s",
                    entry->name, entry->version, org->name);
    return STATUS_OK;
}

static enum status decide(struct request *req, struct response *res, struct decision *decision)
{
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct request_entry entry;
    struct org org;
    bool sees_all;
    enum status rc;

    if ((rc = admin_find_request(req, &org, &sees_all, &entry)) || (rc = check_still_so(req, &org, &entry, decision)))
        return rc;
    decision->actor = &actor;
    decision->org_id = org.id;
    decision->number = entry.number;
    decision->is_security = access_allows_org(req->principal, org.name, POLICY_WRITE);
    if ((rc = catalog_decide_request(catalog, decision, req->arena, &req->error)) ||
        (rc = catalog_find_request(catalog, org.id, entry.number, req->arena, &entry, &req->error)))
        return rc;
    return answer_request(req, res, &org, &entry, decision);
}

enum status admin_approve_request(struct request *req, struct response *res)
{
    static const char *const members[] = {"scope", "range",   "not_after", "expires_in",
                                          "rules", "comment", "alone"};
    struct decision decision = {.approves = true};
    struct json *body;
    enum status rc;

    if (!(rc = admin_body(req, members, sizeof members / sizeof *members, &body)) &&
        !(rc = read_approval(req, body, &decision)))
        rc = decide(req, res, &decision);
    json_free(body);
    return rc;
}

enum status admin_deny_request(struct request *req, struct response *res)
{
    static const char *const members[] = {"comment"};
    struct decision decision = {0};
    struct json *body;
    enum status rc;

    if (!(rc = admin_body(req, members, 1, &body)) &&
        !(rc = admin_need_text(req, body, "comment", &decision.comment)))
        rc = decide(req, res, &decision);
    json_free(body);
    return rc;
}
