#include "server/admin/admin.h"
#include "server/admin/exchange.h"

#include "storage/catalog/account.h"

static void write_account(struct strbuf *out, const struct account *account)
{
    write_open(out, NULL, '{');
    write_text(out, "name", account->name);
    write_bool(out, "owner", account->is_owner);
    write_time(out, "created_at", account->created_us);
    write_close(out, '}');
}

enum status admin_create_account(struct request *req, struct response *res)
{
    static const char *const members[] = {"name"};
    struct catalog *catalog = req->service->catalog;
    struct actor actor = admin_actor(req);
    struct account account = {0};
    struct strbuf out;
    struct json *body;
    enum status rc;

    if ((rc = admin_body(req, members, 1, &body)))
        goto done;
    if ((rc = admin_need_text(req, body, "name", &account.name)))
        goto done;
    rc = catalog_create_account(catalog, &actor, account.name, &account.id, &req->error);
    if ((rc = admin_about(req, "name", rc)))
        goto done;
    if ((rc = catalog_find_account(catalog, account.name, req->arena, &account, &req->error)))
        goto done;
    write_begin(&out, req);
    write_account(&out, &account);
    rc = admin_respond(req, res, 201, &out);
done:
    json_free(body);
    return rc;
}

enum status admin_list_accounts(struct request *req, struct response *res)
{
    struct account *accounts;
    struct page page;
    struct strbuf out;
    size_t count;
    enum status rc;

    if ((rc = admin_page(req, false, &page)))
        return rc;
    if ((rc = catalog_list_accounts(req->service->catalog, page.after, page.limit + 1, req->arena,
                                    &accounts, &count, &req->error)))
        return rc;
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_open(&out, "items", '[');
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_account(&out, &accounts[i]);
    write_next(&out, count > page.limit ? accounts[page.limit - 1].name : NULL);
    return admin_respond(req, res, 200, &out);
}

enum status admin_whoami(struct request *req, struct response *res)
{
    const struct principal *who = req->principal;
    struct strbuf out;

    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_text(&out, "name", who->name);
    write_bool(&out, "owner", who->is_owner);
    write_int(&out, "token_id", who->token_id);
    write_actions(&out, "actions", who->actions);
    write_texts(&out, "repositories", who->repositories, who->repository_count);
    write_texts(&out, "packages", who->packages, who->package_count);
    write_time(&out, "expires_at", who->expires_us);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}
