/* What policy says of a package, and why: facts, findings, exceptions, and when that changes. */
#include "server/admin/admin.h"
#include "server/admin/exchange.h"
#include "server/admin/held.h"

#include "protocols/http/package_document.h"
#include "protocols/http/verdict_explain.h"
#include "storage/memory/arena.h"
#include "storage/mirror/mirror.h"

#include <inttypes.h>
#include <string.h>

enum { SENTENCE_MAX = 256 };

struct asking {
    struct request *req; /* as if the package were asked for: of the asked repository */
    const struct org *org;
    struct purl purl;
    const char *package; /* "npm:left-pad" */
    struct home home;
    int64_t revision;
    size_t count;
    struct strbuf items;
};

static void write_finding(struct strbuf *out, const struct finding *finding)
{
    write_open(out, NULL, '{');
    write_text(out, "rule", finding->rule);
    write_text(out, "action", verdict_word(finding->action));
    write_text(out, "says", finding->say);
    write_time(out, "until", finding->until_us == INT64_MAX ? 0 : finding->until_us);
    write_bool(out, "is_grave", finding->is_grave);
    if (finding->cleared_by) {
        write_int(out, "exception", finding->cleared_by->id);
        write_time(out, "exception_until", finding->cleared_by->until_us);
    }
    write_close(out, '}');
}

static void write_explained(void *context, const struct facts *facts, const struct verdict *verdict,
                            int64_t revision)
{
    struct asking *asking = context;
    struct strbuf sentence, stored, *out = &asking->items;

    asking->revision = revision;
    if (asking->purl.version && !admin_is_of_version(&asking->purl, facts->version))
        return;
    strbuf_init(&sentence, NULL, SENTENCE_MAX);
    strbuf_init(&stored, NULL, FACTS_JSON_MAX);
    verdict_sentence(verdict, &sentence);
    facts_write(facts, &stored);
    write_open(out, NULL, '{');
    write_text(out, "version", facts->version);
    write_text(out, "file", facts->file);
    write_text(out, "verdict", verdict_word(verdict->action));
    write_text(out, "mode", verdict->mode == POLICY_AUDIT ? "audit" : "enforce");
    write_text(out, "says", sentence.length ? sentence.data : "allowed");
    write_time(out, "counts_from", facts_born_us(facts));
    write_time(out, "changes_at", verdict->changes_us == INT64_MAX ? 0 : verdict->changes_us);
    write_time(out, "opens_at", verdict->opens_us == INT64_MAX ? 0 : verdict->opens_us);
    write_open(out, "findings", '[');
    for (size_t i = 0; i < verdict->finding_count; i++)
        write_finding(out, &verdict->findings[i]);
    write_close(out, ']');
    if (asking->purl.version) /* of every version it would be megabytes */
        write_json(out, "facts", stored.data);
    write_close(out, '}');
    asking->count++;
    strbuf_free(&sentence);
    strbuf_free(&stored);
}

static enum status read_asking(struct request *req, const struct org *org, bool sees_all,
                               struct repository *repository, struct asking *out)
{
    const char *text = request_query(req, "purl"), *name = request_query(req, "repository");
    enum status rc;

    if (!text)
        return admin_invalid(req, "purl", "which one? npm:NAME, or npm:NAME@VERSION");
    if (!name)
        return admin_invalid(req, "repository", "for whom? The name of a repository of %s", org->name);
    if ((rc = purl_parse(text, req->arena, &out->purl, &req->error)))
        return admin_about(req, "purl", rc);
    if ((rc = admin_find_visible(req, arena_format(req->arena, "%s/%s", org->name, name), repository)))
        return rc;
    out->org = org;
    out->package = arena_format(req->arena, "%s:%s", format_name(out->purl.format), out->purl.name);
    if (!sees_all && !access_allows(req->principal, repository, out->package, REPO_READ))
        return fail(&req->error, STATUS_NOT_FOUND, "", "%s/%s has no package %.200s", org->name, name,
                    out->package);
    return STATUS_OK;
}

static enum status absent(struct asking *asking)
{
    struct request *req = asking->req;

    if (asking->home.kind == HOME_CLAIMED)
        return fail(&req->error, STATUS_NOT_FOUND, "",
                    "%.200s is a name that %s claims for itself, and nothing is published under it",
                    asking->package, asking->org->name);
    return fail(&req->error, STATUS_NOT_FOUND, "",
                "nothing is known of %.200s: neither %s/%s nor an upstream of it has a package of that name. Is "
                "the name right?",
                asking->package, asking->org->name, req->repository->name);
}

/* Where policy is not about it: why not. */
static const char *says_nothing(const struct asking *asking)
{
    struct arena *arena = asking->req->arena;

    if (asking->home.kind == HOME_LOCAL)
        return arena_format(arena, "%s is published here, in %s/%s: policy holds nothing of it back",
                            asking->package, asking->org->name, asking->home.repository.name);
    return arena_format(arena,
                        "%s has no policy, so everything comes in. To begin: packhouse policy set --org "
                        "%s careful",
                        asking->org->name, asking->org->name);
}

/* *says: the answer in one sentence, where there is more to say than the items do. */
static enum status explain(struct asking *asking, const char **says)
{
    struct request *req = asking->req;
    const struct purl *purl = &asking->purl;
    const struct verdict_format *how = admin_verdict_format(purl->format);
    const struct mirror_document *document = NULL;
    struct verdict_subject subject;
    bool is_about;
    enum status rc;

    if (!how) {
        *says = "Build artifacts come from nobody else, so policy is not about them";
        return STATUS_OK;
    }
    if ((rc = package_document_home(req, purl->format, purl->name, purl->name, &asking->home, &document)))
        return rc == STATUS_NOT_FOUND ? absent(asking) : rc;
    if (document)
        mirror_release_document(document);
    subject = verdict_subject_at(how, &asking->home, purl->name);
    if ((rc = policy_is_about(req, &subject, &is_about, &req->error)))
        return rc;
    if (!is_about) {
        *says = says_nothing(asking);
        return STATUS_OK;
    }
    if ((rc = verdict_explain(req, &subject, write_explained, asking, &req->error)) || asking->count)
        return rc;
    if (!subject.upstream)
        return fail(&req->error, STATUS_NOT_FOUND, "", "%s/%s has no version %.100s of %.200s", asking->org->name,
                    asking->home.repository.name, purl->version ? purl->version : "", asking->package);
    return fail(&req->error, STATUS_NOT_FOUND, "", "the upstream %s has no version %.100s of %.200s",
                subject.upstream->name, purl->version ? purl->version : "", asking->package);
}

enum status admin_explain_policy(struct request *req, struct response *res)
{
    struct request asker = *req;
    struct asking asking = {.req = &asker};
    struct repository repository;
    const char *says = NULL;
    struct strbuf out;
    struct org org;
    bool sees_all;
    enum status rc;

    if ((rc = admin_policy_org(req, &org, &sees_all)) ||
        (rc = read_asking(req, &org, sees_all, &repository, &asking)))
        return rc;
    asker.repository = &repository;
    write_begin(&asking.items, req);
    write_open(&asking.items, NULL, '[');
    rc = explain(&asking, &says);
    req->error = asker.error;
    if (rc)
        return rc;
    write_close(&asking.items, ']');
    write_begin(&out, req);
    write_open(&out, NULL, '{');
    write_text(&out, "package", asking.package);
    write_text(&out, "version", asking.purl.version);
    write_text(&out, "repository", repository.name);
    write_text(&out, "upstream", asking.home.kind == HOME_UPSTREAM ? asking.home.upstreams[0].name : NULL);
    write_int(&out, "revision", asking.revision);
    write_text(&out, "says", says);
    write_json(&out, "items", asking.items.data);
    write_close(&out, '}');
    return admin_respond(req, res, 200, &out);
}
