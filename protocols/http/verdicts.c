#include "protocols/http/verdicts.h"

#include "config/clock.h"
#include "protocols/http/document_cache.h"
#include "protocols/http/gathered_facts.h"
#include "protocols/http/package_facts.h"
#include "protocols/http/response.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/home_map.h"
#include "storage/catalog/listed.h"
#include "storage/memory/arena.h"
#include "storage/memory/packing.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_MAX = 256, RULES_MAX = 64 << 10, HISTORY_DAYS = 30 };

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

enum status policy_asks_archives(struct request *req, bool *out, struct error *err)
{
    const struct org_homes *homes;
    enum status rc = home_map_get(req->service->catalog, req->repository->org_id, &homes, err);

    *out = !rc && homes->policy && policy_looks_into_archives(homes->policy);
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
    struct request *req;
    const struct verdict_subject *subject;
    const char *name_fold;
    const struct read_document *known; /* NULL: nothing is read yet */
    const struct org_homes *homes;
    int64_t now_us, changes_us;
    size_t blocked;
    struct arena *arena; /* until they are kept */
    struct file_verdict *list;
};

/* As they are kept: in one block, with the facts that they are about. */
struct kept_verdicts {
    struct package_verdicts shown;
    const struct document *facts;
};

static void note_hold(struct taking *taking, const struct file_verdict *verdict)
{
    const struct repository *asking = taking->req->repository;
    const struct hold hold = {
        .org_id = asking->org_id,
        .repository_id = asking->id,
        .format = taking->subject->how->format,
        .name_fold = taking->name_fold,
        .name = taking->subject->name,
        .version = verdict->version,
        .verdict = verdict->action,
        .rules = verdict->rules,
        .until_us = verdict->opens_us,
    };

    catalog_note_hold(taking->req->service->catalog, &hold);
}

struct file_verdict file_verdict_of(const struct facts *facts, enum fact has_new_scripts,
                                    const struct verdict *verdict, struct arena *arena)
{
    struct file_verdict out = {
        .file = facts->file,
        .version = facts->version,
        .action = verdict->action,
        .is_blocked = !verdict_lets_through(verdict),
        .opens_us = verdict->opens_us,
        .rules = "",
        .sentence = "",
        .facts = facts,
        .new_install_scripts = has_new_scripts,
    };
    struct strbuf rules, sentence;

    if (verdict->action == VERDICT_ALLOW)
        return out;
    strbuf_init(&rules, arena, RULES_MAX);
    strbuf_init(&sentence, arena, SENTENCE_MAX);
    verdict_rules(verdict, &rules);
    verdict_sentence(verdict, &sentence);
    out.rules = rules.data;
    out.sentence = sentence.data;
    return out;
}

static void put_verdict(struct taking *taking, const struct facts *facts, enum fact has_new_scripts,
                        const struct verdict *verdict, struct file_verdict *out)
{
    *out = file_verdict_of(facts, has_new_scripts, verdict, taking->arena);
    taking->blocked += out->is_blocked;
    if (verdict->changes_us < taking->changes_us)
        taking->changes_us = verdict->changes_us;
    if (verdict->action != VERDICT_ALLOW)
        note_hold(taking, out);
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
static void take_all(struct taking *taking, const struct package_facts *all)
{
    const struct facts *before = NULL;
    struct arena *scratch = arena_new();

    taking->list = arena_array(taking->arena, all->count + 1, sizeof *taking->list);
    for (size_t i = 0; i < all->count; i++) {
        struct facts facts = all->list[i];
        struct verdict verdict;

        arena_reset(scratch);
        facts_compare_scripts(&facts, before);
        verdict_take(taking->homes->policy, taking->req->repository->name, &facts,
                     taking->homes->exceptions, taking->homes->exception_count, taking->now_us,
                     scratch, &verdict);
        put_verdict(taking, &all->list[i], facts.new_install_scripts, &verdict, &taking->list[i]);
        if (verdict.action == VERDICT_ALLOW || was_there_long(&facts, taking->now_us))
            before = &all->list[i];
    }
    arena_free(scratch);
}

/* FNV-1a, with the one thing about the block that nobody outside knows. */
static size_t first_slot(const struct package_verdicts *verdicts, const char *file)
{
    uint32_t hash = 2166136261u ^ (uint32_t)((uintptr_t)verdicts->slots >> 4);

    for (; *file; file++)
        hash = (hash ^ (unsigned char)*file) * 16777619u;
    return (hash ^ hash >> 15) & (verdicts->slot_count - 1);
}

static void fill_slots(const struct package_verdicts *verdicts, uint32_t *slots)
{
    for (size_t i = 0; i < verdicts->count; i++) {
        size_t at = first_slot(verdicts, verdicts->list[i].file);

        while (slots[at])
            at = (at + 1) & (verdicts->slot_count - 1);
        slots[at] = (uint32_t)i + 1;
    }
}

/* The texts of one verdict, which is often that of the one before. */
static void pack_verdict(struct packing *texts, const struct file_verdict *from, size_t i,
                         const struct file_verdict *packed, struct file_verdict *out)
{
    static const struct file_verdict none = {.rules = "", .sentence = ""};
    const struct file_verdict *before = i ? &from[i - 1] : &none;
    const struct file_verdict *before_packed = i && packed ? &packed[i - 1] : before;

    *out = from[i];
    out->rules = pack_text(texts, out->rules, before->rules, before_packed->rules);
    out->sentence = pack_text(texts, out->sentence, before->sentence, before_packed->sentence);
}

static size_t slots_for(size_t count)
{
    size_t slots = 4;

    while (slots < 2 * count)
        slots *= 2;
    return slots;
}

static void mix(uint64_t *hash, const char *text)
{
    do
        *hash = (*hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++);
}

static uint64_t outcome_of(const struct file_verdict *list, size_t count)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < count; i++) {
        if (!list[i].is_blocked)
            continue;
        hash = hash ? hash : UINT64_C(0xcbf29ce484222325);
        mix(&hash, list[i].file);
        mix(&hash, verdict_word(list[i].action));
        mix(&hash, list[i].sentence);
    }
    return hash;
}

static size_t keep_all(const struct taking *taking, const struct document *facts_document,
                       struct kept_verdicts **out)
{
    const struct package_facts *facts = facts_document->value;
    size_t slot_count = slots_for(facts->count);
    size_t slots_at = sizeof(struct kept_verdicts) + facts->count * sizeof(struct file_verdict);
    size_t texts_at = slots_at + slot_count * sizeof(uint32_t);
    struct packing counting = {0}, filling = {0};
    struct file_verdict one, *list;
    char *block;

    for (size_t i = 0; i < facts->count; i++)
        pack_verdict(&counting, taking->list, i, NULL, &one);
    if (!(block = calloc(1, texts_at + counting.size))) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    list = (struct file_verdict *)(block + sizeof(struct kept_verdicts));
    filling.at = block + texts_at;
    for (size_t i = 0; i < facts->count; i++)
        pack_verdict(&filling, taking->list, i, list, &list[i]);
    *out = (struct kept_verdicts *)block;
    **out = (struct kept_verdicts){
        .facts = facts_document,
        .shown = {.list = list,
                  .count = facts->count,
                  .blocked = taking->blocked,
                  .effect = {.ends_us = taking->changes_us == INT64_MAX ? 0 : taking->changes_us,
                             .outcome = outcome_of(taking->list, facts->count)},
                  .slots = (uint32_t *)(block + slots_at),
                  .slot_count = slot_count},
    };
    fill_slots(&(*out)->shown, (uint32_t *)(block + slots_at));
    return texts_at + counting.size;
}

static void free_verdicts(const void *value)
{
    const struct kept_verdicts *kept = value;

    document_release(kept->facts);
    free((void *)(uintptr_t)kept);
}

static enum status take(void *context, struct document_value *out, struct error *err)
{
    struct taking *taking = context;
    const struct document *facts;
    struct kept_verdicts *kept;
    enum status rc;

    if ((rc = package_facts_get(taking->req, taking->subject, taking->name_fold, taking->known,
                                &facts, err)))
        return rc;
    taking->now_us = clock_wall_us();
    taking->changes_us = INT64_MAX;
    taking->blocked = 0;
    taking->arena = arena_new();
    take_all(taking, facts->value);
    out->size = keep_all(taking, facts, &kept);
    out->value = kept;
    out->free = free_verdicts;
    arena_free(taking->arena);
    return STATUS_OK;
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

static int64_t end_of(const struct document *document)
{
    return ((const struct kept_verdicts *)document->value)->shown.effect.ends_us;
}

/* NULL, and success, where policy is not about the package. */
static enum status get_kept(struct request *req, const struct verdict_subject *subject,
                            const struct read_document *known, const struct document **out,
                            struct error *err)
{
    struct taking taking = {.req = req, .subject = subject, .known = known};
    struct document_cache *cache = req->service->documents;
    struct document_key key = key_of(req, subject);
    enum status rc;

    *out = NULL;
    if (!owner_fold_name(subject->how->format, subject->name_norm, req->arena, &taking.name_fold))
        return fail(err, STATUS_NOT_FOUND, "", "no package has such a name");
    if ((rc = home_map_get(req->service->catalog, req->repository->org_id, &taking.homes, err)))
        return rc;
    if (is_about(taking.homes->policy, subject) &&
        !(rc = document_cache_get_value(cache, &key, take, &taking, out, err)) &&
        document_has_ended(*out)) {
        document_cache_drop(cache, &key, *out);
        document_release(*out);
        rc = document_cache_get_value(cache, &key, take, &taking, out, err);
    }
    if (!rc && *out)
        document_set_end(*out, end_of(*out));
    org_homes_release(taking.homes);
    return rc;
}

static void release(void *document)
{
    document_release(document);
}

enum status package_verdicts_get(struct request *req, const struct verdict_subject *subject,
                                 const struct read_document *known, struct package_verdicts *out,
                                 struct error *err)
{
    const struct document *document;
    enum status rc;

    *out = (struct package_verdicts){0};
    if ((rc = get_kept(req, subject, known, &document, err)) || !document)
        return rc;
    *out = ((const struct kept_verdicts *)document->value)->shown;
    arena_at_end(req->arena, release, (void *)(uintptr_t)document);
    return STATUS_OK;
}

struct facts file_verdict_facts(const struct file_verdict *verdict)
{
    struct facts facts = *verdict->facts;

    facts.new_install_scripts = verdict->new_install_scripts;
    return facts;
}

const struct file_verdict *package_verdicts_find(const struct package_verdicts *verdicts,
                                                 const char *file)
{
    size_t at = verdicts->count ? first_slot(verdicts, file) : 0;

    for (; verdicts->count && verdicts->slots[at]; at = (at + 1) & (verdicts->slot_count - 1))
        if (!strcmp(verdicts->list[verdicts->slots[at] - 1].file, file))
            return &verdicts->list[verdicts->slots[at] - 1];
    return NULL;
}

enum status verdict_refuse(struct error *err, enum format format, const char *name,
                           const struct file_verdict *verdict)
{
    return fail(err, STATUS_FORBIDDEN, verdict->action == VERDICT_DENY ? "denied" : "held",
                "%.214s@%.100s is %s; ask: packhouse request create %s:%.214s@%.100s", name,
                verdict->version, verdict->sentence, format_name(format), name, verdict->version);
}
