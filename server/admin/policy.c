/* What may come in, as numbered revisions of one text. Access spec C3. */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "policy/policy.h"
#include "storage/catalog/policy_revision.h"
#include "storage/memory/arena.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_MAX = 1000 };

static void write_revision(struct strbuf *out, const struct policy_revision *revision, bool with_text)
{
    write_open(out, NULL, '{');
    write_int(out, "revision", revision->number);
    if (with_text)
        write_text(out, "text", revision->text);
    write_text(out, "reason", revision->reason);
    write_text(out, "by", revision->by);
    write_time(out, "created_at", revision->created_us);
    write_close(out, '}');
}

/* The answer names the revision in its ETag, so that a change can be made to what was seen. */
static enum status answer(struct request *req, struct response *res, int code,
                          const struct policy_revision *revision)
{
    struct strbuf out;

    write_begin(&out, req);
    write_revision(&out, revision, true);
    response_header_format(req, res, "ETag", "\"%" PRId64 "\"", revision->number);
    return admin_respond(req, res, code, &out);
}

/* A number of digits alone, perhaps in quotes; -1 for anything else. */
static int64_t parse_number(const char *text)
{
    size_t quote = *text == '"', length = strspn(text + quote, "0123456789");

    if (!length || length > 18 || strcmp(text + quote + length, quote ? "\"" : "") != 0)
        return -1;
    return strtoll(text + quote, NULL, 10);
}

enum status admin_get_policy(struct request *req, struct response *res)
{
    const char *wanted = request_query(req, "revision");
    int64_t number = wanted ? parse_number(wanted) : 0;
    struct policy_revision revision = {0};
    struct org org;
    enum status rc;

    if (number < 0 || (wanted && !number))
        return admin_invalid(req, "revision", "is a number from 1 on");
    if ((rc = admin_org(req, &org)))
        return rc;
    rc = catalog_find_policy(req->service->catalog, org.id, number, req->arena, &revision, &req->error);
    if (rc && (rc != STATUS_NOT_FOUND || wanted))
        return rc;
    return answer(req, res, 200, &revision); /* without one it is revision 0 */
}

/* The text as it will be judged: it must be read, and its own cases must pass. */
static enum status check_text(const char *text, struct error *err)
{
    struct policy *policy = NULL;
    enum status rc;

    if (!(rc = policy_read("policy", text, strlen(text), &policy, err)))
        rc = policy_run_cases(policy, "policy", err);
    policy_free(policy);
    return rc;
}

/* The revision that If-Match names; -1 where there is no such header. */
static enum status read_expected(struct request *req, int64_t *out)
{
    const char *text = request_header(req, "If-Match");

    *out = -1;
    if (!text || !strcmp(text, "*"))
        return STATUS_OK;
    if ((*out = parse_number(text)) < 0)
        return fail(&req->error, STATUS_PRECONDITION, "policy-changed",
                    "If-Match is the number of a revision in quotes, not %.80s", text);
    return STATUS_OK;
}

enum status admin_set_policy(struct request *req, struct response *res)
{
    static const char *const members[] = {"text", "reason"};
    struct policy_revision revision = {.reason = ""};
    struct actor actor = admin_actor(req);
    struct json *body;
    int64_t expected;
    struct org org;
    enum status rc;

    if ((rc = admin_body(req, members, 2, &body)) ||
        (rc = admin_need_text(req, body, "text", &revision.text)) ||
        (rc = admin_get_text(req, body, "reason", &revision.reason)))
        goto done;
    if (strlen(revision.reason) > REASON_MAX) {
        rc = admin_invalid(req, "reason", "at most %d bytes", REASON_MAX);
        goto done;
    }
    if ((rc = read_expected(req, &expected)) || (rc = admin_org(req, &org)) ||
        (rc = check_text(revision.text, &req->error)) ||
        (rc = catalog_set_policy(req->service->catalog, &actor, org.id, revision.text, revision.reason,
                                 expected, &revision.number, &req->error)) ||
        (rc = catalog_find_policy(req->service->catalog, org.id, revision.number, req->arena, &revision,
                                  &req->error)))
        goto done;
    rc = answer(req, res, 201, &revision);
done:
    json_free(body);
    return rc;
}

enum status admin_list_policies(struct request *req, struct response *res)
{
    struct policy_revision *revisions;
    struct page page;
    struct strbuf out;
    struct org org;
    size_t count;
    enum status rc;

    if ((rc = admin_page(req, true, &page)) || (rc = admin_org(req, &org)) ||
        (rc = catalog_list_policies(req->service->catalog, org.id, page.id, page.limit + 1, req->arena,
                                    &revisions, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_revision(&out, &revisions[i], false);
    write_next(&out, count > page.limit ? arena_format(req->arena, "%" PRId64, revisions[page.limit - 1].number)
                                        : NULL);
    return admin_respond(req, res, 200, &out);
}
