/* Every refusal must be explainable: which grant, or which missing one, decides (access spec B1).
 */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/account.h"
#include "storage/memory/arena.h"

#include <stdio.h>
#include <string.h>

struct question {
    struct repository repository;
    const char *path;    /* of the repository */
    const char *package; /* NULL: the repository as a whole */
    enum action action;
    struct principal who;
};

/* All grants of an account, as a principal without a token has them. */
static enum status read_grants(struct request *req, struct principal *who)
{
    struct grant *page, *grants = NULL;
    size_t count, capacity = 0;
    int64_t after = 0;
    enum status rc;

    do {
        if ((rc = catalog_list_grants(req->service->catalog, NULL, after, PAGE_MAX, req->arena,
                                      &page, &count, &req->error)))
            return rc;
        for (size_t i = 0; i < count; i++) {
            after = page[i].id;
            if (strcmp(page[i].subject, who->name))
                continue;
            if (who->grant_count == capacity) {
                struct grant *larger = arena_array(req->arena, 2 * capacity + 8, sizeof *larger);

                if (capacity)
                    memcpy(larger, grants, capacity * sizeof *larger);
                grants = larger;
                capacity = 2 * capacity + 8;
            }
            grants[who->grant_count++] = page[i];
        }
    } while (count == PAGE_MAX);
    who->grants = grants;
    return STATUS_OK;
}

/* Oneself, with one's token; or anybody, for whoever administers the repository's org. */
static enum status read_principal(struct request *req, struct question *question)
{
    const char *name = request_query(req, "principal");
    struct account account;
    enum status rc;

    question->who = *req->principal;
    if (!name || !strcmp(name, req->principal->name))
        return STATUS_OK;
    if ((rc = gate_check_org(req, question->repository.org, ORG_ADMIN)))
        return rc;
    question->who = principal_anonymous;
    if (!strcmp(name, principal_anonymous.name))
        return STATUS_OK;
    if ((rc = catalog_find_account(req->service->catalog, name, req->arena, &account, &req->error)))
        return rc;
    question->who = (struct principal){.account_id = account.id,
                                       .name = account.name,
                                       .is_owner = account.is_owner,
                                       .actions = ACTIONS_ALL};
    return read_grants(req, &question->who);
}

static enum status read_question(struct request *req, struct question *out)
{
    const char *action = request_query(req, "action"), *path = request_query(req, "repo");
    enum status rc;

    *out = (struct question){.path = path, .package = request_query(req, "package")};
    if (!action || !(out->action = (enum action)action_from_name(action)))
        return admin_invalid(req, "action", "one such as repo:read or pkg:publish");
    if (!path)
        return admin_invalid(req, "repo", "the repository, as ORG/NAME");
    if ((rc = admin_about(req, "repo", admin_find_visible(req, path, &out->repository))))
        return rc;
    return read_principal(req, out);
}

/* Whether this grant alone speaks to the question: as an allow it would be enough. */
static bool speaks(const struct question *question, const struct grant *grant)
{
    struct grant alone = *grant;
    const struct principal who = {
        .name = "", .actions = ACTIONS_ALL, .grants = &alone, .grant_count = 1};
    struct repository closed = question->repository;

    closed.anonymous_read = false;
    alone.effect = GRANT_ALLOW;
    return access_allows(&who, &closed, question->package, question->action);
}

static const struct grant *find_speaking(const struct question *question, enum grant_effect effect)
{
    for (size_t i = 0; i < question->who.grant_count; i++)
        if (question->who.grants[i].effect == effect && speaks(question, &question->who.grants[i]))
            return &question->who.grants[i];
    return NULL;
}

/* The reason in the order in which access_allows() decides. */
static const char *reason_of(const struct question *question, bool is_allowed,
                             const struct grant **grant)
{
    struct principal unrestricted = question->who;

    unrestricted.actions = ACTIONS_ALL;
    unrestricted.repositories = NULL;
    unrestricted.packages = NULL;
    *grant = NULL;
    if (!is_allowed &&
        access_allows(&unrestricted, &question->repository, question->package, question->action))
        return "the token is restricted and leaves this out";
    if (!is_allowed && (*grant = find_speaking(question, GRANT_DENY)))
        return "a grant denies it";
    if (!is_allowed)
        return "no grant allows it";
    if (question->who.is_owner)
        return "the owner of the instance may do everything";
    if ((*grant = find_speaking(question, GRANT_ALLOW)))
        return "a grant allows it";
    return "the repository is open to anonymous reading";
}

enum status admin_explain_access(struct request *req, struct response *res)
{
    struct question question;
    const struct grant *grant;
    const char *reason;
    struct strbuf out;
    bool is_allowed;
    enum status rc;

    if ((rc = read_question(req, &question)))
        return rc;
    is_allowed =
        access_allows(&question.who, &question.repository, question.package, question.action);
    reason = reason_of(&question, is_allowed, &grant);
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_bool(&out, "allowed", is_allowed);
    write_text(&out, "reason", reason);
    write_text(&out, "principal", question.who.name);
    write_text(&out, "action", action_name(question.action));
    write_text(&out, "repository", question.path);
    write_text(&out, "package", question.package);
    if (grant) {
        write_open(&out, "grant", '{');
        write_int(&out, "id", grant->id);
        write_text(&out, "role", grant->role);
        write_text(&out, "repository", grant->repository);
        write_text(&out, "package", grant->package);
        write_close(&out, '}');
    } else {
        write_text(&out, "grant", NULL);
    }
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}
