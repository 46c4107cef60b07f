#include "server/admin/held.h"

#include "protocols/http/verdict_explain.h"
#include "server/admin/exchange.h"
#include "server/routes.h"
#include "storage/catalog/owner.h"
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

/* What is found of a version, over its files. */
struct gathering {
    struct request *req;
    const struct purl *purl;
    struct wanted_version *out;
    struct strbuf rules, grave, facts;
    bool is_there;
};

static void gather_file(void *context, const struct facts *facts, const struct verdict *verdict,
                        int64_t revision)
{
    struct gathering *gathering = context;

    (void)revision;
    if (!admin_is_of_version(gathering->purl, facts->version))
        return;
    gathering->is_there = true;
    gathering->out->version = arena_copy(gathering->req->arena, facts->version);
    for (size_t i = 0; i < verdict->standing_count; i++) {
        add_word(&gathering->rules, verdict->findings[i].rule);
        if (verdict->findings[i].is_grave)
            add_word(&gathering->grave, verdict->findings[i].rule);
    }
    strbuf_text(&gathering->facts, gathering->facts.length ? "\n" : "");
    facts_write(facts, &gathering->facts);
}

const struct verdict_format *admin_verdict_format(enum format format)
{
    for (size_t i = 0; verdict_formats[i]; i++)
        if (verdict_formats[i]->format == format)
            return verdict_formats[i];
    return NULL;
}

static enum status explain_at(struct gathering *gathering, const struct verdict_format *how,
                              const struct home *home)
{
    const struct verdict_subject subject = verdict_subject_at(how, home, gathering->purl->name);

    return verdict_explain(gathering->req, &subject, gather_file, gathering,
                           &gathering->req->error);
}

/* Where it lives: here, at the upstream that has the name, or at the first that knows it of those that
 * may have it. */
static enum status explain_home(struct gathering *gathering, const struct verdict_format *how,
                                const struct home *home)
{
    struct home one = *home;
    enum status rc = STATUS_NOT_FOUND;

    if (home->kind == HOME_LOCAL)
        return explain_at(gathering, how, home);
    one.kind = HOME_UPSTREAM;
    for (size_t i = 0; how && i < home->upstream_count && rc == STATUS_NOT_FOUND; i++) {
        one.upstreams = &home->upstreams[i];
        rc = explain_at(gathering, how, &one);
    }
    return rc;
}

/* From what the listing says of the version's files. */
static enum status look_at_files(struct request *req, const struct verdict_format *how,
                                 const struct home *home, const struct purl *purl,
                                 struct wanted_version *out)
{
    struct gathering gathering = {.req = req, .purl = purl, .out = out};
    enum status rc;

    strbuf_init(&gathering.rules, req->arena, WORDS_MAX);
    strbuf_init(&gathering.grave, req->arena, WORDS_MAX);
    strbuf_init(&gathering.facts, req->arena, FACTS_MAX);
    if ((rc = explain_home(&gathering, how, home)))
        return rc != STATUS_NOT_FOUND
                   ? rc
                   : fail(&req->error, rc, "no-such-package", "no upstream has %s", purl->name);
    if (!gathering.is_there)
        return fail(&req->error, STATUS_NOT_FOUND, "no-such-version",
                    "there is no version %s of %s here", purl->version, purl->name);
    out->rules = gathering.rules.data;
    out->grave = gathering.grave.data;
    out->facts = gathering.facts.data;
    return STATUS_OK;
}

enum status admin_find_held(struct request *req, const struct repository *repository,
                            const struct purl *purl, struct wanted_version *out, bool *is_held)
{
    const struct verdict_format *how = admin_verdict_format(purl->format);
    struct repository asking = *repository;
    struct verdict_subject subject;
    struct home home;
    bool is_asked;
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
    if ((rc = policy_is_set(req, &is_asked, &req->error)) || !is_asked ||
        (rc = catalog_find_home(req->service->catalog, &asking, purl->format, purl->name,
                                req->arena, &home, &req->error)))
        goto done;
    subject = verdict_subject_at(how, &home, purl->name);
    if (home.kind == HOME_LOCAL &&
        (!how || (rc = policy_is_about(req, &subject, &is_asked, &req->error)) || !is_asked))
        goto done;
    rc = look_at_files(req, how, &home, purl, out);
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
