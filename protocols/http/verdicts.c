#include "protocols/http/verdicts.h"

#include "config/clock.h"
#include "protocols/http/document_cache.h"
#include "protocols/http/gathered_facts.h"
#include "protocols/http/response.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/home_map.h"
#include "storage/catalog/listed.h"
#include "storage/memory/arena.h"
#include "storage/memory/gzip.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_MAX = 256, FIELDS = 8, HISTORY_DAYS = 30 };

#define DAY_US (INT64_C(86400) * 1000000)

struct facts *facts_list_add(struct facts_list *list)
{
    list->list =
        arena_grow(list->arena, list->list, list->count, &list->capacity, sizeof *list->list);
    list->list[list->count] = (struct facts){0};
    return &list->list[list->count++];
}

struct verdict_subject verdict_subject_at(const struct verdict_format *how, const struct home *home,
                                          const char *name)
{
    return (struct verdict_subject){
        .how = how,
        .upstream = home->kind == HOME_UPSTREAM ? home->upstreams : NULL,
        .repository = &home->repository,
        .name = name,
        .name_norm = name,
    };
}

enum status policy_is_set(struct request *req, bool *out, struct error *err)
{
    const struct org_homes *homes;
    enum status rc = home_map_get(req->service->catalog, req->repository->org_id, &homes, err);

    *out = !rc && homes->policy;
    if (!rc)
        org_homes_release(homes);
    return rc;
}

static bool is_about(const struct policy *policy, const struct verdict_subject *subject)
{
    return policy && (subject->upstream ||
                      policy_is_about_local(policy, subject->how->format, subject->name));
}

enum status policy_is_about(struct request *req, const struct verdict_subject *subject, bool *out,
                            struct error *err)
{
    const struct org_homes *homes;
    enum status rc = home_map_get(req->service->catalog, req->repository->org_id, &homes, err);

    *out = !rc && is_about(homes->policy, subject);
    if (!rc)
        org_homes_release(homes);
    return rc;
}

/* Verdicts in the making, of one package. */
struct taking {
    struct gathered_facts gathered;
    const struct org_homes *homes;
    int64_t now_us, changes_us;
    size_t blocked;
    struct strbuf lines;
};

/* A sentence goes into a line of its own. */
static void put_field(struct strbuf *out, const char *text)
{
    for (; text && *text; text++)
        strbuf_char(out, *text == '\t' || *text == '\n' ? ' ' : *text);
    strbuf_char(out, '\t');
}

static void put_rules(struct strbuf *out, const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->standing_count; i++) {
        if (i)
            strbuf_char(out, ' ');
        strbuf_text(out, verdict->findings[i].rule);
    }
}

static void note_hold(struct taking *taking, const struct facts *facts,
                      const struct verdict *verdict, const char *rules)
{
    const struct repository *asking = taking->gathered.req->repository;
    const struct hold hold = {
        .org_id = asking->org_id,
        .repository_id = asking->id,
        .format = facts->format,
        .name_fold = taking->gathered.name_fold,
        .name = taking->gathered.subject->name,
        .version = facts->version,
        .verdict = verdict->action,
        .rules = rules,
        .until_us = verdict->opens_us,
    };

    catalog_note_hold(taking->gathered.req->service->catalog, &hold);
}

static void put_verdict(struct taking *taking, const struct facts *facts,
                        const struct verdict *verdict)
{
    bool is_blocked = !verdict_lets_through(verdict);
    struct strbuf rules, sentence, *out = &taking->lines;

    strbuf_init(&rules, taking->gathered.arena, 64 << 10);
    strbuf_init(&sentence, taking->gathered.arena, SENTENCE_MAX);
    put_rules(&rules, verdict);
    verdict_sentence(verdict, &sentence);
    put_field(out, facts->file);
    put_field(out, facts->version);
    put_field(out, verdict_word(verdict->action));
    put_field(out, is_blocked ? "blocked" : "passes");
    strbuf_format(out, "%" PRId64 "\t", verdict->opens_us);
    put_field(out, rules.length ? rules.data : "");
    put_field(out, sentence.length ? sentence.data : "");
    facts_write(facts, out);
    strbuf_char(out, '\n');
    taking->blocked += is_blocked;
    if (verdict->changes_us < taking->changes_us)
        taking->changes_us = verdict->changes_us;
    if (verdict->action != VERDICT_ALLOW)
        note_hold(taking, facts, verdict, rules.data);
}

/* What a package did long before anybody here asked for it is how it is: without this, one that has
 * run scripts for years would be held from its first version with any on, and clients would take
 * the one before that. The version that began it is held all the same. */
static bool was_there_long(const struct facts *facts, int64_t now_us)
{
    int64_t seen_us = facts->first_seen_us ? facts->first_seen_us : now_us;
    int64_t born_us = facts_born_us(facts);

    return !facts->absent_us && born_us && seen_us - born_us > HISTORY_DAYS * DAY_US;
}

/* In the order in which they were published, for some facts are about what was before. */
static void take_all(struct taking *taking)
{
    struct facts **order = facts_by_birth(&taking->gathered);
    struct facts_history history = {0};
    const struct facts *before = NULL;
    struct arena *scratch = arena_new();

    for (size_t i = 0; i < taking->gathered.facts.count; i++) {
        struct facts *facts = order[i];
        struct verdict verdict;

        arena_reset(scratch);
        facts_compare_history(facts, &history);
        facts_compare_scripts(facts, before);
        verdict_take(taking->homes->policy, taking->gathered.req->repository->name, facts,
                     taking->homes->exceptions, taking->homes->exception_count, taking->now_us,
                     scratch, &verdict);
        put_verdict(taking, facts, &verdict);
        if (verdict.action == VERDICT_ALLOW || was_there_long(facts, taking->now_us))
            before = facts;
        facts_history_add(&history, facts);
    }
    arena_free(scratch);
}

static enum status render(void *context, struct strbuf *out, int64_t *modified_us,
                          struct error *err)
{
    struct taking *taking = context;
    enum status rc;

    (void)modified_us;
    taking->gathered.arena = arena_new();
    taking->gathered.facts.arena = taking->gathered.unlisted.arena = taking->gathered.arena;
    taking->now_us = clock_now_us();
    taking->changes_us = INT64_MAX;
    strbuf_init(&taking->lines, NULL, SIZE_MAX / 2);
    if (!(rc = facts_gather(&taking->gathered, err))) {
        take_all(taking);
        strbuf_format(out, "%" PRId64 "\t%zu\t%zu\n", taking->changes_us,
                      taking->gathered.facts.count, taking->blocked);
        strbuf_bytes(out, taking->lines.data, taking->lines.length);
    }
    strbuf_free(&taking->lines);
    arena_free(taking->gathered.arena);
    return rc;
}

static struct document_key key_of(struct request *req, const struct verdict_subject *subject)
{
    return (struct document_key){
        .repository_id = req->repository->id,
        .kind = subject->how->kind,
        .name = subject->name_norm,
        .generation = catalog_home_generation(req->service->catalog, req->repository->org_id),
    };
}

/* The verdicts as text; NULL, and success, where policy is not about the package. */
static enum status get_text(struct request *req, const struct verdict_subject *subject,
                            const struct read_document *known, const struct document **out,
                            struct error *err)
{
    struct taking taking = {
        .gathered = {.req = req, .subject = subject, .known = known}
    };
    struct document_cache *cache = req->service->documents;
    struct document_key key = key_of(req, subject);
    enum status rc;

    *out = NULL;
    if (!owner_fold_name(subject->how->format, subject->name_norm, req->arena,
                         &taking.gathered.name_fold))
        return fail(err, STATUS_NOT_FOUND, "", "no package has such a name");
    if ((rc = home_map_get(req->service->catalog, req->repository->org_id, &taking.homes, err)))
        return rc;
    if (is_about(taking.homes->policy, subject) &&
        !(rc = document_cache_get(cache, &key, render, &taking, out, err)) &&
        document_has_ended(*out)) {
        document_cache_drop(cache, &key, *out);
        document_release(*out);
        taking.changes_us = 0;
        rc = document_cache_get(cache, &key, render, &taking, out, err);
    }
    if (!rc && taking.changes_us && taking.changes_us != INT64_MAX)
        document_set_end(*out, taking.changes_us);
    org_homes_release(taking.homes);
    return rc;
}

/* The document's text, with an end; the caller frees *heap. */
static enum status plain_text(const struct document *document, const char **text, char **heap,
                              struct error *err)
{
    enum status rc;

    *heap = NULL;
    if ((*text = document->plain))
        return STATUS_OK;
    if (!(*heap = malloc(document->plain_length + 1)))
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    if ((rc = gzip_expand(document->gzip, document->gzip_length, *heap, document->plain_length,
                          err))) {
        free(*heap);
        return rc;
    }
    (*heap)[document->plain_length] = '\0';
    *text = *heap;
    return STATUS_OK;
}

/* Reads a line, in the arena, and goes behind it. */
static struct file_verdict read_line(const char **at, struct arena *arena)
{
    size_t length = strcspn(*at, "\n");
    char *line = arena_copy_bytes(arena, *at, length), *fields[FIELDS], *rest = line;

    for (size_t i = 0; i < FIELDS; i++)
        fields[i] = strsep(&rest, "\t");
    *at += length + ((*at)[length] == '\n');
    return (struct file_verdict){
        .file = fields[0],
        .version = fields[1],
        .action = !strcmp(fields[2], "deny")   ? VERDICT_DENY
                  : !strcmp(fields[2], "hold") ? VERDICT_HOLD
                                               : VERDICT_ALLOW,
        .is_blocked = !strcmp(fields[3], "blocked"),
        .opens_us = strtoll(fields[4], NULL, 10),
        .rules = fields[5],
        .sentence = fields[6],
        .facts = fields[7],
    };
}

static int compare_verdicts(const void *a, const void *b)
{
    const struct file_verdict *const *one = a, *const *other = b;

    return strcmp((*one)->file, (*other)->file);
}

static void read_lines(const char *text, struct arena *arena, struct package_verdicts *out)
{
    size_t count = 0;

    sscanf(text, "%" SCNd64 "\t%zu\t%zu", &out->changes_us, &count, &out->blocked);
    if (out->changes_us == INT64_MAX)
        out->changes_us = 0;
    text += strcspn(text, "\n") + 1;
    out->list = arena_array(arena, count + 1, sizeof *out->list);
    out->by_file = arena_array(arena, count + 1, sizeof *out->by_file);
    for (; out->count < count; out->count++) {
        out->list[out->count] = read_line(&text, arena);
        out->by_file[out->count] = &out->list[out->count];
    }
    qsort(out->by_file, count, sizeof *out->by_file, compare_verdicts);
}

enum status package_verdicts_get(struct request *req, const struct verdict_subject *subject,
                                 const struct read_document *known, struct package_verdicts *out,
                                 struct error *err)
{
    const struct document *document;
    const char *text;
    char *heap;
    enum status rc;

    *out = (struct package_verdicts){0};
    if ((rc = get_text(req, subject, known, &document, err)) || !document)
        return rc;
    if (!(rc = plain_text(document, &text, &heap, err)))
        read_lines(text, req->arena, out);
    free(heap);
    document_release(document);
    return rc;
}

const struct file_verdict *package_verdicts_find(const struct package_verdicts *verdicts,
                                                 const char *file)
{
    struct file_verdict wanted = {.file = file}, *key = &wanted, **found;

    found = bsearch(&key, verdicts->by_file, verdicts->count, sizeof key, compare_verdicts);
    return found ? *found : NULL;
}

enum status verdict_refuse(struct error *err, enum format format, const char *name,
                           const struct file_verdict *verdict)
{
    return fail(err, STATUS_FORBIDDEN, verdict->action == VERDICT_DENY ? "denied" : "held",
                "%.214s@%.100s is %s; ask: packhouse request create %s:%.214s@%.100s", name,
                verdict->version, verdict->sentence, format_name(format), name, verdict->version);
}

/* The one line of this file; false: there is none. */
static bool find_line(const char *text, const char *file, struct arena *arena,
                      struct file_verdict *out)
{
    const char *start = arena_format(arena, "\n%s\t", file), *at = strstr(text, start);

    if (!at)
        return false;
    at++;
    *out = read_line(&at, arena);
    return true;
}

static enum status judge_line(struct request *req, const struct verdict_subject *subject,
                              const struct file_verdict *verdict)
{
    enum format format = subject->how->format;
    struct fetch_count fetch = {
        .org_id = req->repository->org_id,
        .repository_id = req->repository->id,
        .format = format,
        .version = verdict->version,
        .account_id = req->principal->account_id,
        .verdict = verdict->action,
        .is_audited = verdict->action != VERDICT_ALLOW && !verdict->is_blocked,
        .rules = verdict->rules,
        .facts = verdict->facts,
    };

    if (owner_fold_name(format, subject->name_norm, req->arena, &fetch.name_fold))
        catalog_note_fetch(req->service->catalog, &fetch);
    return verdict->is_blocked ? verdict_refuse(&req->error, format, subject->name, verdict)
                               : STATUS_OK;
}

/* What came of one file: nothing was asked for it, there is no such file, or out. */
enum finding_of_file { FILE_NOT_ASKED, FILE_UNKNOWN, FILE_FOUND };

static enum status find_verdict(struct request *req, const struct verdict_subject *subject,
                                const char *file, struct file_verdict *out,
                                enum finding_of_file *found)
{
    const struct document *document;
    const char *text;
    char *heap;
    enum status rc;

    *found = FILE_NOT_ASKED;
    if ((rc = get_text(req, subject, NULL, &document, &req->error)) || !document)
        return rc;
    if (!(rc = plain_text(document, &text, &heap, &req->error)))
        *found = find_line(text, file, req->arena, out) ? FILE_FOUND : FILE_UNKNOWN;
    free(heap);
    document_release(document);
    return rc;
}

/* An upstream's file is there: listed or kept. Verdicts that know nothing of it were taken of an older
 * listing; what nobody has looked at goes to nobody. */
static enum status need_verdict(struct request *req, const struct verdict_subject *subject,
                                const char *file, struct file_verdict *out,
                                enum finding_of_file *found)
{
    enum status rc = find_verdict(req, subject, file, out, found);

    if (rc || *found != FILE_UNKNOWN)
        return rc;
    if (!subject->upstream)
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is no file %.300s", file);
    document_cache_invalidate(req->service->documents, req->repository->id, subject->name_norm);
    if ((rc = find_verdict(req, subject, file, out, found)) || *found != FILE_UNKNOWN)
        return rc;
    return fail(&req->error, STATUS_FORBIDDEN, "held", "%.300s is not looked at yet: ask again", file);
}

enum status verdict_check_file(struct request *req, const struct verdict_subject *subject,
                               const char *file)
{
    struct file_verdict verdict;
    enum finding_of_file found;
    enum status rc = need_verdict(req, subject, file, &verdict, &found);

    return rc || found != FILE_FOUND ? rc : judge_line(req, subject, &verdict);
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

static enum status judge_facts(struct request *req, const struct mirror_wish *wish,
                               const struct facts *facts)
{
    const struct org_homes *homes;
    struct verdict verdict;
    struct strbuf sentence;
    enum status rc;

    if ((rc = home_map_get(req->service->catalog, req->repository->org_id, &homes, &req->error)))
        return rc;
    if (homes->policy) {
        verdict_take(homes->policy, req->repository->name, facts, homes->exceptions,
                     homes->exception_count, clock_now_us(), req->arena, &verdict);
        if (!verdict_lets_through(&verdict)) {
            strbuf_init(&sentence, req->arena, SENTENCE_MAX);
            verdict_sentence(&verdict, &sentence);
            rc = verdict_refuse(&req->error, facts->format, wish->name,
                                &(struct file_verdict){.version = wish->version,
                                                       .action = verdict.action,
                                                       .sentence = sentence.data});
        }
    }
    org_homes_release(homes);
    return rc;
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
    struct file_verdict verdict;
    enum finding_of_file found;
    const char *archive;
    enum status rc;

    if ((rc = find_verdict(req, &subject, wish->file, &verdict, &found)) ||
        found == FILE_NOT_ASKED ||
        (found == FILE_FOUND && (rc = facts_read(verdict.facts, strlen(verdict.facts), req->arena,
                                                 &facts, &req->error))) ||
        (rc = archive_facts(req, wish, guard->file, &archive)) ||
        (archive && (rc = merge_archive(req, &facts, archive))))
        return rc;
    facts_set_all_digests(&facts, mirror_file_digests(guard->file), req->arena);
    return judge_facts(req, wish, &facts);
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
