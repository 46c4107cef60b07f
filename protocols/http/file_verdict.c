#include "protocols/http/file_verdict.h"

#include "config/clock.h"
#include "protocols/http/document_cache.h"
#include "protocols/http/gathered_facts.h"
#include "protocols/http/response.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/home_map.h"
#include "storage/catalog/listed.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <string.h>

static enum status judge_file(struct request *req, const struct verdict_subject *subject,
                              const struct file_verdict *verdict)
{
    const struct facts facts = file_verdict_facts(verdict);
    enum format format = subject->how->format;
    struct strbuf stored;
    struct fetch_count fetch = {
        .org_id = req->repository->org_id,
        .repository_id = req->repository->id,
        .format = format,
        .version = verdict->version,
        .account_id = req->principal->account_id,
        .verdict = verdict->action,
        .is_audited = verdict->action != VERDICT_ALLOW && !verdict->is_blocked,
        .rules = verdict->rules,
    };

    strbuf_init(&stored, req->arena, FACTS_JSON_MAX);
    facts_write(&facts, &stored);
    fetch.facts = stored.data;
    if (owner_fold_name(format, subject->name_norm, req->arena, &fetch.name_fold))
        catalog_note_fetch(req->service->catalog, &fetch);
    return verdict->is_blocked ? verdict_refuse(&req->error, format, subject->name, verdict)
                               : STATUS_OK;
}

/* What came of one file: *out is NULL where nothing was asked for it, or where there is no such file. */
enum finding_of_file { FILE_NOT_ASKED, FILE_UNKNOWN, FILE_FOUND };

static enum status find_verdict(struct request *req, const struct verdict_subject *subject,
                                const char *file, const struct file_verdict **out,
                                enum finding_of_file *found)
{
    struct package_verdicts verdicts;
    enum status rc = package_verdicts_get(req, subject, NULL, &verdicts, &req->error);

    *out = rc || !verdicts.list ? NULL : package_verdicts_find(&verdicts, file);
    *found = *out ? FILE_FOUND : !rc && verdicts.list ? FILE_UNKNOWN : FILE_NOT_ASKED;
    return rc;
}

/* An upstream's file is there: listed or kept. Verdicts that know nothing of it were taken of an older
 * listing; what nobody has looked at goes to nobody. */
static enum status need_verdict(struct request *req, const struct verdict_subject *subject,
                                const char *file, const struct file_verdict **out,
                                enum finding_of_file *found)
{
    struct document_cache *cache = req->service->documents;
    enum status rc = find_verdict(req, subject, file, out, found);

    if (rc || *found != FILE_UNKNOWN)
        return rc;
    if (!subject->upstream)
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is no file %.300s", file);
    document_cache_invalidate(cache, subject->upstream->id, subject->name_norm);
    document_cache_invalidate(cache, req->repository->id, subject->name_norm);
    if ((rc = find_verdict(req, subject, file, out, found)) || *found != FILE_UNKNOWN)
        return rc;
    return fail(&req->error, STATUS_FORBIDDEN, "held", "%.300s is not looked at yet: ask again", file);
}

/* The verdict again, by facts that came a moment ago, which live as long as the request. */
static enum status judge_again(struct request *req, const struct facts *facts,
                               struct file_verdict *out)
{
    const struct org_homes *homes;
    struct verdict verdict;
    enum status rc;

    if ((rc = home_map_get(req->service->catalog, req->repository->org_id, &homes, &req->error)))
        return rc;
    verdict = (struct verdict){.action = VERDICT_ALLOW};
    if (homes->policy)
        verdict_take(homes->policy, req->repository->name, facts, homes->exceptions,
                     homes->exception_count, clock_wall_us(), req->arena, &verdict);
    *out = file_verdict_of(facts, facts->new_install_scripts, &verdict, req->arena);
    org_homes_release(homes);
    return STATUS_OK;
}

static enum status add_beside(struct request *req, const char *beside,
                              const struct file_verdict **verdict)
{
    struct file_verdict *again = arena_alloc(req->arena, sizeof *again);
    struct facts *facts = arena_alloc(req->arena, sizeof *facts);
    enum status rc;

    *facts = file_verdict_facts(*verdict);
    if ((rc = facts_merge_sidecar(facts, beside, req->arena, &req->error)))
        return rc;
    *verdict = again;
    return judge_again(req, facts, again);
}

enum status verdict_check_file(struct request *req, const struct verdict_subject *subject,
                               const char *file, const char *beside)
{
    const struct file_verdict *verdict;
    enum finding_of_file found;
    enum status rc = need_verdict(req, subject, file, &verdict, &found);

    req->is_judged = found != FILE_NOT_ASKED;
    if (rc || found != FILE_FOUND || (beside && (rc = add_beside(req, beside, &verdict))))
        return rc;
    return judge_file(req, subject, verdict);
}

struct wanted_facts {
    const char *file, *facts;
    struct arena *arena;
};

static enum status look_for_facts(void *context, const char *file, const char *facts,
                                  struct error *err)
{
    struct wanted_facts *wanted = context;

    (void)err;
    if (!strcmp(file, wanted->file))
        wanted->facts = arena_copy(wanted->arena, facts);
    return STATUS_OK;
}

/* What the archive of a file that has come says. One that somebody else has fetched meanwhile may be
 * kept already. */
static enum status archive_facts(struct request *req, const struct mirror_wish *wish,
                                 struct mirror_file *file, const char **out)
{
    struct wanted_facts wanted = {.file = wish->file, .arena = req->arena};
    const char *name_fold;
    enum status rc;

    if ((*out = mirror_file_archive_facts(file)))
        return STATUS_OK;
    if (!owner_fold_name(wish->upstream->format, wish->name_norm, req->arena, &name_fold))
        return fail(&req->error, STATUS_NOT_FOUND, "", "no package has such a name");
    rc = catalog_walk_archive_facts(req->service->catalog, wish->upstream->org_id,
                                    wish->upstream->format, name_fold, look_for_facts, &wanted,
                                    &req->error);
    *out = wanted.facts;
    return rc;
}

/* Scripts that only the archive has are new, whatever the version before had: nobody was told. */
static enum status merge_archive(struct request *req, struct facts *facts, const char *archive)
{
    bool had_scripts = facts->install_scripts == FACT_YES;
    enum status rc;

    if ((rc = facts_merge_archive(facts, archive, req->arena, &req->error)))
        return rc;
    if (facts->install_scripts == FACT_YES && !had_scripts)
        facts->new_install_scripts = FACT_YES;
    return STATUS_OK;
}

static enum status judge_facts(struct request *req, const struct facts *facts)
{
    struct file_verdict verdict;
    enum status rc = judge_again(req, facts, &verdict);

    return rc || !verdict.is_blocked
               ? rc
               : verdict_refuse(&req->error, facts->format, facts->name, &verdict);
}

/* What is looked at again when the last byte is about to leave. */
struct guard {
    struct request *req;
    const struct verdict_format *how;
    const struct mirror_wish *wish;
    struct mirror_file *file;
};

/* The bytes that came, and not those that a listing spoke of, are what an approval has to be for. Of what
 * has left its listing meanwhile nothing else is known. */
static enum status judge_arrived(struct guard *guard)
{
    const struct mirror_wish *wish = guard->wish;
    struct request *req = guard->req;
    const struct verdict_subject subject = {.how = guard->how,
                                            .upstream = wish->upstream,
                                            .name = wish->name,
                                            .name_norm = wish->name_norm};
    struct facts facts = {.format = guard->how->format,
                          .name = wish->name,
                          .version = wish->version,
                          .file = wish->file,
                          .upstream = wish->upstream->name};
    const struct file_verdict *verdict;
    enum finding_of_file found;
    const char *archive;
    enum status rc;

    if ((rc = find_verdict(req, &subject, wish->file, &verdict, &found)) ||
        found == FILE_NOT_ASKED || (rc = archive_facts(req, wish, guard->file, &archive)))
        return rc;
    if (found == FILE_FOUND)
        facts = file_verdict_facts(verdict);
    if (archive && (rc = merge_archive(req, &facts, archive)))
        return rc;
    facts_set_all_digests(&facts, mirror_file_digests(guard->file), req->arena);
    return judge_facts(req, &facts);
}

static bool may_end(void *context)
{
    return !judge_arrived(context);
}

enum status verdict_guard_arriving(struct request *req, struct response *res,
                                   const struct verdict_format *how, const struct mirror_wish *wish,
                                   struct mirror_file *file)
{
    struct guard *guard = arena_alloc(req->arena, sizeof *guard);
    struct mirror_wish *kept = arena_alloc(req->arena, sizeof *kept);

    *kept = *wish; /* its texts are the request's */
    *guard = (struct guard){req, how, kept, file};
    if (mirror_file_is_whole(file))
        return judge_arrived(guard);
    res->may_end = may_end;
    res->may_end_context = guard;
    return STATUS_OK;
}
