#include "server/admin/held.h"

#include "server/admin/exchange.h"
#include "storage/catalog/hold.h"
#include "storage/memory/arena.h"

#include <string.h>

enum status admin_policy_org(struct request *req, struct org *org, bool *sees_all)
{
    const char *name = request_param(req, "org");

    if (!access_sees_org(req->principal, name))
        return gate_no_org(req, name);
    *sees_all = access_allows_org(req->principal, name, POLICY_READ) ||
                access_allows_org(req->principal, name, EXCEPTION_APPROVE);
    return admin_org(req, org);
}

bool admin_sees_package(const struct request *req, const char *org, const char *repository,
                        enum format format, const char *name)
{
    struct repository found;
    struct error err;

    if (catalog_find_repository(req->service->catalog, org, repository, req->arena, &found, &err))
        return false;
    return access_allows(req->principal, &found,
                         arena_format(req->arena, "%s:%s", format_name(format), name), REPO_READ);
}

const char *admin_fold(const struct request *req, const struct purl *purl)
{
    char *fold = arena_copy(req->arena, purl->name);

    format_fold(purl->format, fold);
    return fold;
}

enum status admin_package_query(struct request *req, struct purl *out, const char **name_fold)
{
    const char *text = request_query(req, "package");
    enum status rc;

    *out = (struct purl){0};
    *name_fold = NULL;
    if (!text)
        return STATUS_OK;
    if ((rc = purl_parse(text, req->arena, out, &req->error)))
        return admin_about(req, "package", rc);
    *name_fold = admin_fold(req, out);
    return STATUS_OK;
}

enum status admin_find_held(struct request *req, const struct repository *repository,
                            const struct purl *purl, struct wanted_version *out, bool *is_held)
{
    struct catalog *catalog = req->service->catalog;
    struct hold hold;
    enum status rc;

    *out = (struct wanted_version){
        .repository_id = repository->id,
        .format = purl->format,
        .name = purl->name,
        .name_fold = admin_fold(req, purl),
        .version = purl->version,
        .rules = "",
        .grave = "",
        .facts = "",
    };
    if ((rc = catalog_write_holds(catalog, &req->error)))
        return rc;
    rc = catalog_find_hold(catalog, repository, purl->format, out->name_fold, purl->version, req->arena,
                           &hold, &req->error);
    *is_held = !rc;
    if (!rc)
        out->rules = hold.rules;
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* "FILE sha512-…" up to the digest's own letters. */
static size_t kind_length(const char *line)
{
    size_t file = strcspn(line, " \n");

    return file + strcspn(line + file, ":-\n");
}

static bool contradicts(const char *line, const char *others)
{
    size_t kind = kind_length(line), length = strcspn(line, "\n");

    for (const char *at = others; *at; at += strcspn(at, "\n"), at += *at == '\n')
        if (kind_length(at) == kind && !strncmp(at, line, kind) &&
            (strcspn(at, "\n") != length || strncmp(at, line, length) != 0))
            return true;
    return false;
}

enum status admin_same_bytes(struct request *req, const char *one, const char *other, bool *out)
{
    const char *first, *second;
    enum status rc;

    if ((rc = request_bytes(one, req->arena, &first, &req->error)) ||
        (rc = request_bytes(other, req->arena, &second, &req->error)))
        return rc;
    *out = true;
    for (const char *at = first; *at && *out; at += strcspn(at, "\n"), at += *at == '\n')
        *out = !contradicts(at, second);
    return STATUS_OK;
}

void write_package(struct request *req, struct strbuf *out, enum format format, const char *name,
                   const char *version)
{
    write_text(out, "package", arena_format(req->arena, "%s:%s", format_name(format), name));
    write_text(out, "version", version);
}

void write_words(struct request *req, struct strbuf *out, const char *member, const char *words)
{
    char *copy = arena_copy(req->arena, words), *save = NULL;

    write_open(out, member, '[');
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
        write_text(out, NULL, word);
    write_close(out, ']');
}
