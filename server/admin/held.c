#include "server/admin/held.h"

#include "config/clock.h"
#include "protocols/http/verdicts.h"
#include "server/admin/exchange.h"
#include "server/routes.h"
#include "storage/catalog/home_map.h"
#include "storage/memory/arena.h"
#include "storage/memory/pypi_version.h"

#include <string.h>

enum { WORDS_MAX = 64 << 10, FACTS_MAX = 4 << 20 };

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

bool admin_is_of_version(const struct purl *purl, const char *version)
{
    struct pypi_version one, other;

    if (purl->format != FORMAT_PYPI)
        return !strcmp(purl->version, version);
    return pypi_version_parse(purl->version, &one) && pypi_version_parse(version, &other) &&
           !pypi_version_compare(&one, &other);
}

static void add_word(struct strbuf *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = words->data; (at = strstr(at, word)); at++)
        if ((at == words->data || at[-1] == ' ') && strchr(" ", at[length]))
            return;
    strbuf_format(words, "%s%s", words->length ? " " : "", word);
}

struct finding_words {
    struct strbuf rules, grave, facts;
};

/* Takes the verdict of one file again, for the file's line does not say which findings are grave.
 */
static enum status add_file(struct request *req, const struct org_homes *homes,
                            const char *repository, const char *text, struct finding_words *out)
{
    struct verdict verdict;
    struct facts facts;
    enum status rc;

    if ((rc = facts_read(text, strlen(text), req->arena, &facts, &req->error)))
        return rc;
    verdict_take(homes->policy, repository, &facts, homes->exceptions, homes->exception_count,
                 clock_now_us(), req->arena, &verdict);
    for (size_t i = 0; i < verdict.standing_count; i++) {
        add_word(&out->rules, verdict.findings[i].rule);
        if (verdict.findings[i].is_grave)
            add_word(&out->grave, verdict.findings[i].rule);
    }
    strbuf_format(&out->facts, "%s%s", out->facts.length ? "\n" : "", text);
    return STATUS_OK;
}

/* From what the listing says of the version's files. STATUS_NOT_FOUND where it has none. */
static enum status look_at_files(struct request *req, const struct repository *repository,
                                 const struct purl *purl, const struct package_verdicts *verdicts,
                                 struct wanted_version *out)
{
    const struct org_homes *homes;
    struct finding_words words;
    bool is_there = false;
    enum status rc;

    strbuf_init(&words.rules, req->arena, WORDS_MAX);
    strbuf_init(&words.grave, req->arena, WORDS_MAX);
    strbuf_init(&words.facts, req->arena, FACTS_MAX);
    if ((rc = home_map_get(req->service->catalog, repository->org_id, &homes, &req->error)))
        return rc;
    for (size_t i = 0; i < verdicts->count && !rc && homes->policy; i++) {
        if (!admin_is_of_version(purl, verdicts->list[i].version))
            continue;
        is_there = true;
        out->version = verdicts->list[i].version;
        rc = add_file(req, homes, repository->name, verdicts->list[i].facts, &words);
    }
    org_homes_release(homes);
    out->rules = words.rules.data;
    out->grave = words.grave.data;
    out->facts = words.facts.data;
    return rc || is_there ? rc
                          : fail(&req->error, STATUS_NOT_FOUND, "no-such-version",
                                 "there is no version %s of %s here", purl->version, purl->name);
}

const struct verdict_format *admin_verdict_format(enum format format)
{
    for (size_t i = 0; verdict_formats[i]; i++)
        if (verdict_formats[i]->format == format)
            return verdict_formats[i];
    return NULL;
}

/* The verdicts of the upstream that has the name; of those that may, the first that knows it. */
static enum status get_verdicts(struct request *req, const struct home *home,
                                const struct purl *purl, struct package_verdicts *out)
{
    const struct verdict_format *how = admin_verdict_format(purl->format);
    enum status rc = STATUS_NOT_FOUND;

    for (size_t i = 0; how && i < home->upstream_count && rc == STATUS_NOT_FOUND; i++)
        rc = package_verdicts_get(req, how, &home->upstreams[i], purl->name, purl->name, NULL, out,
                                  &req->error);
    return rc != STATUS_NOT_FOUND
               ? rc
               : fail(&req->error, rc, "no-such-package", "no upstream has %s", purl->name);
}

enum status admin_find_held(struct request *req, const struct repository *repository,
                            const struct purl *purl, struct wanted_version *out, bool *is_held)
{
    struct package_verdicts verdicts = {0};
    struct repository asking = *repository;
    bool has_policy;
    struct home home;
    enum status rc;

    *is_held = false;
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
    req->repository = &asking; /* the one for which verdicts are taken */
    if ((rc = policy_is_set(req, &has_policy, &req->error)) || !has_policy ||
        (rc = catalog_find_home(req->service->catalog, &asking, purl->format, purl->name,
                                req->arena, &home, &req->error)) ||
        home.kind == HOME_LOCAL)
        goto done;
    if (!(rc = get_verdicts(req, &home, purl, &verdicts)))
        rc = look_at_files(req, &asking, purl, &verdicts, out);
    *is_held = !rc && *out->rules;
done:
    req->repository = NULL;
    return rc;
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
