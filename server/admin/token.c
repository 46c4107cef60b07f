#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "config/clock.h"
#include "storage/catalog/token.h"
#include "storage/memory/arena.h"
#include "storage/memory/glob.h"

#include <stdio.h>
#include <string.h>

/* Access spec B3: how long a personal token lives. */
enum {
    DAY = 24 * 60 * 60,
    LIFE_DEFAULT = 30 * DAY,
    LIFE_WRITE_MAX = 90 * DAY,
    LIFE_READ_MAX = 365 * DAY
};
enum { READ_ONLY = REPO_READ | REPO_LIST, TOKEN_NAME_MAX = 100 };

static const char *const *split_globs(struct request *req, const char *text, size_t *count)
{
    const char **globs;

    *count = 0;
    if (!text)
        return NULL;
    globs = arena_array(req->arena, strlen(text) / 2 + 1, sizeof *globs);
    for (const char *at = text; *(at += strspn(at, " "));) {
        size_t length = strcspn(at, " ");

        globs[(*count)++] = arena_copy_bytes(req->arena, at, length);
        at += length;
    }
    return globs;
}

static void write_globs(struct request *req, struct strbuf *out, const char *name, const char *text)
{
    size_t count;
    const char *const *globs = split_globs(req, text, &count);

    write_texts(out, name, globs, count);
}

/* secret is NULL but for the one answer that shows it. */
static void write_token(struct request *req, struct strbuf *out, const struct token *token,
                        const char *secret)
{
    write_open(out, NULL, '{');
    write_int(out, "id", token->id);
    if (secret)
        write_text(out, "token", secret);
    write_text(out, "hint", token->hint);
    write_text(out, "account", token->account);
    write_text(out, "name", token->name);
    write_actions(out, "actions", token->actions);
    write_globs(req, out, "repositories", token->repositories);
    write_globs(req, out, "packages", token->packages);
    write_time(out, "created_at", token->created_us);
    write_time(out, "expires_at", token->expires_us);
    write_time(out, "revoked_at", token->revoked_us);
    write_time(out, "used_at", token->used_us);
    write_close(out, '}');
}

/* What is left unsaid is what the caller's own token has. */
static enum status read_restriction(struct request *req, const struct json *body,
                                    struct token *token)
{
    const char *role;
    bool is_readonly = false;
    enum status rc;

    if ((rc = admin_actions(req, body, &role, &token->actions)) ||
        (rc = admin_get_bool(req, body, "readonly", &is_readonly)))
        return rc;
    if (!token->actions)
        token->actions = is_readonly ? READ_ONLY : req->principal->actions;
    if (is_readonly)
        token->actions &= READ_ONLY;
    if (!token->actions)
        return admin_invalid(req, "readonly", "nothing is left that the token could do");
    if (token->actions & ~req->principal->actions)
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "a token cannot make one that may do more than itself");
    return STATUS_OK;
}

/* Whether one of the caller's globs covers this one; a pattern is covered by itself and by "**". */
static bool is_covered(const char *glob, const char *const *globs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(globs[i], glob) || !strcmp(globs[i], "**") ||
            (!strchr(glob, '*') && glob_matches(globs[i], glob)))
            return true;
    return !globs;
}

/* Beyond its own repositories a token sees none. */
static enum status not_covered(struct request *req, const char *member, const char *glob)
{
    if (!strcmp(member, "repositories") && !strchr(glob, '*'))
        return gate_no_repository(req, glob);
    return fail(&req->error, STATUS_FORBIDDEN, "",
                "a token cannot make one for %s, which it is not for itself", glob);
}

/* Reads a list of globs within the caller's own; *out is the form in which tokens keep them. */
static enum status read_globs(struct request *req, const struct json *body, const char *member,
                              const char *const *own, size_t own_count, const char **out)
{
    const char *const *globs;
    struct strbuf text;
    size_t count;
    enum status rc;

    if ((rc = admin_get_texts(req, body, member, &globs, &count)))
        return rc;
    if (globs && !count)
        return admin_invalid(req, member, "an empty list allows nothing");
    strbuf_init(&text, req->arena, 8192);
    for (size_t i = 0; i < (globs ? count : own_count); i++) {
        const char *glob = admin_package_glob(req, globs ? globs[i] : own[i]);

        if (!*glob || strpbrk(glob, " \t\r\n"))
            return admin_invalid(req, member, "a pattern has no blanks and is not empty");
        if (!is_covered(glob, own, own_count))
            return not_covered(req, member, glob);
        if (i)
            strbuf_char(&text, ' ');
        strbuf_text(&text, glob);
    }
    if (strbuf_failed(&text))
        return admin_invalid(req, member, "too long");
    *out = text.length ? text.data : NULL;
    return STATUS_OK;
}

/* A repository that is named must be one that the caller sees, as for grants. */
static enum status check_repositories(struct request *req, const char *text)
{
    struct repository repository;
    size_t count;
    const char *const *globs = split_globs(req, text, &count);

    for (size_t i = 0; i < count; i++) {
        enum status rc;

        if (!strchr(globs[i], '/') && strcmp(globs[i], "**"))
            return admin_invalid(req, "repositories", "ORG/NAME or a pattern, not \"%s\"",
                                 globs[i]);
        if (!strchr(globs[i], '*') &&
            (rc = admin_about(req, "repositories", admin_find_visible(req, globs[i], &repository))))
            return rc;
    }
    return STATUS_OK;
}

static enum status read_life(struct request *req, const struct json *body, struct token *token)
{
    int64_t seconds = LIFE_DEFAULT, most;
    enum status rc;

    most = token->actions & ~(unsigned)READ_ONLY ? LIFE_WRITE_MAX : LIFE_READ_MAX;
    if ((rc = admin_get_int(req, body, "expires_in", &seconds)))
        return rc;
    if (seconds < 1 || seconds > most)
        return admin_invalid(req, "expires_in", "from 1 second to %lld days for %s",
                             (long long)most / DAY,
                             most == LIFE_READ_MAX ? "a token that only reads" : "one that writes");
    token->expires_us = clock_now_us() + seconds * 1000000;
    return STATUS_OK;
}

/* For oneself, or for anybody where the instance is one's own. */
static enum status read_account(struct request *req, const struct json *body, struct token *token)
{
    const char *name = req->principal->name;
    struct account account;
    enum status rc;

    if ((rc = admin_get_text(req, body, "for", &name)))
        return rc;
    token->account_id = req->principal->account_id;
    token->account = arena_copy(req->arena, name);
    if (!strcmp(name, req->principal->name))
        return STATUS_OK;
    if (!access_allows_instance(req->principal))
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "only the owner of the instance may make tokens for others");
    if ((rc = catalog_find_account(req->service->catalog, name, req->arena, &account, &req->error)))
        return rc;
    token->account_id = account.id;
    return STATUS_OK;
}

static enum status read_token(struct request *req, const struct json *body, struct token *token)
{
    const struct principal *who = req->principal;
    const char *name = "";
    enum status rc;

    *token = (struct token){0};
    if ((rc = read_account(req, body, token)) || (rc = admin_get_text(req, body, "name", &name)))
        return rc;
    if (strlen(name) > TOKEN_NAME_MAX)
        return admin_invalid(req, "name", "at most %d bytes", TOKEN_NAME_MAX);
    token->name = arena_copy(req->arena, name);
    if ((rc = read_restriction(req, body, token)) ||
        (rc = read_globs(req, body, "repositories", who->repositories, who->repository_count,
                         &token->repositories)) ||
        (rc = read_globs(req, body, "packages", who->packages, who->package_count,
                         &token->packages)) ||
        (rc = check_repositories(req, token->repositories)))
        return rc;
    return read_life(req, body, token);
}

/* A restricted token that leaks must not leave children behind when it is revoked, so only one that
 * has token:admin makes others. */
static enum status needs_token_admin(struct request *req)
{
    if (req->principal->actions & TOKEN_ADMIN)
        return STATUS_OK;
    return gate_forbidden(req, TOKEN_ADMIN, "this token");
}

enum status admin_create_token(struct request *req, struct response *res)
{
    static const char *const members[] = {"for",      "repositories", "role", "actions",
                                          "packages", "expires_in",   "name", "readonly"};
    struct actor actor = admin_actor(req);
    char secret[TOKEN_SIZE];
    struct token token;
    struct strbuf out;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, sizeof members / sizeof *members, &body)))
        goto done;
    if ((rc = needs_token_admin(req)) || (rc = read_token(req, body, &token)))
        goto done;
    if ((rc = catalog_create_token(req->service->catalog, &actor, &token, req->arena, secret,
                                   &req->error)))
        goto done;
    write_begin(&out, req);
    write_token(req, &out, &token, secret);
    response_header_format(req, res, "Location", "/api/v1/tokens/%lld", (long long)token.id);
    rc = admin_respond(req, res, 201, &out);
done:
    json_free(body);
    return rc;
}

/* Whether the caller rules over the other tokens of his account: one that was made for less does
 * not even see them. */
static bool rules_account(const struct principal *who)
{
    return (who->actions & TOKEN_ADMIN) && !who->repositories && !who->packages;
}

/* Whose tokens a list shows: one's own; the owner of the instance sees all, or ?for= somebody's. */
static enum status list_account(struct request *req, int64_t *account_id)
{
    const char *name = request_query(req, "for");
    struct account account;
    enum status rc;

    *account_id = req->principal->account_id;
    if (!access_allows_instance(req->principal)) {
        if (!name || !strcmp(name, req->principal->name))
            return STATUS_OK;
        return fail(&req->error, STATUS_FORBIDDEN, "",
                    "only the owner of the instance may list others' tokens");
    }
    *account_id = 0;
    if (!name)
        return STATUS_OK;
    if ((rc = catalog_find_account(req->service->catalog, name, req->arena, &account, &req->error)))
        return rc;
    *account_id = account.id;
    return STATUS_OK;
}

static enum status find_tokens(struct request *req, const struct page *page, struct token **tokens,
                               size_t *count)
{
    struct catalog *catalog = req->service->catalog;
    int64_t account_id;
    enum status rc;

    if ((rc = list_account(req, &account_id)))
        return rc;
    if (rules_account(req->principal))
        return catalog_list_tokens(catalog, account_id, page->id, page->limit + 1, req->arena,
                                   tokens, count, &req->error);
    *tokens = arena_alloc(req->arena, sizeof **tokens);
    *count = 1;
    return catalog_find_token(catalog, req->principal->token_id, req->arena, *tokens, &req->error);
}

enum status admin_list_tokens(struct request *req, struct response *res)
{
    struct token *tokens;
    struct page page;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = admin_page(req, true, &page)) || (rc = find_tokens(req, &page, &tokens, &count)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_token(req, &out, &tokens[i], NULL);
    write_next(&out, count > page.limit
                         ? arena_format(req->arena, "%lld", (long long)tokens[page.limit - 1].id)
                         : NULL);
    return admin_respond(req, res, 200, &out);
}

/* Whether the caller sees a token: his own, or with his account's rule its others. */
static bool sees_token(const struct principal *who, const struct token *token)
{
    if (token->id == who->token_id || access_allows_instance(who))
        return true;
    return token->account_id == who->account_id && rules_account(who);
}

enum status admin_revoke_token(struct request *req, struct response *res)
{
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct token token;
    int64_t id;
    enum status rc;

    if ((rc = admin_path_id(req, &id)))
        return rc;
    rc = catalog_find_token(catalog, id, req->arena, &token, &req->error);
    if (rc && rc != STATUS_NOT_FOUND)
        return rc;
    if (rc || !sees_token(req->principal, &token))
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is no token %lld", (long long)id);
    if ((rc = catalog_revoke_token(catalog, &actor, id, &req->error)))
        return rc;
    return respond_empty(req, res, 204);
}

/* Anyone who finds a token may end it (access spec B3). Whether it was alive is not told: RFC 7009
 * 2.2 says the same of tokens that are unknown. */
enum status admin_revoke_this_token(struct request *req, struct response *res)
{
    static const char *const members[] = {"token"};
    const struct principal *who = req->principal;
    const char *text = NULL;
    struct actor actor;
    struct json *body = NULL;
    enum status rc = STATUS_OK;

    if (req->content_length != 0 && ((rc = admin_body(req, members, 1, &body)) ||
                                     (rc = admin_get_text(req, body, "token", &text))))
        goto done;
    if (!text && !who->token_id) {
        rc =
            admin_invalid(req, "token", "the token that is to end goes here or into Authorization");
        goto done;
    }
    if (text)
        rc = access_authenticate(req->service->catalog, text, req->arena, &who, &req->error);
    if (rc && rc != STATUS_UNAUTHENTICATED)
        goto done;
    actor = (struct actor){who, req->peer, req->id};
    if (!rc &&
        (rc = catalog_revoke_token(req->service->catalog, &actor, who->token_id, &req->error)))
        goto done;
    rc = respond_empty(req, res, 204);
done:
    json_free(body);
    return rc;
}
