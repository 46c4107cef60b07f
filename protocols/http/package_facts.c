#include "protocols/http/package_facts.h"

#include "protocols/http/document_cache.h"
#include "protocols/http/gathered_facts.h"
#include "storage/memory/arena.h"
#include "storage/memory/packing.h"
#include "storage/mirror/mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 3 }; /* others may be gathering from the document before */

/* One walk over all facts: the first counts, the second fills. */
struct keeping {
    struct packing texts;
    const char **scripts; /* where the next list of them goes; NULL: they are only counted */
    size_t script_count;
    const struct facts *before; /* as it was gathered */
    struct facts before_kept;
};

static bool has_same_scripts(const struct facts *facts, const struct facts *before)
{
    if (!before || !before->scripts || facts->script_count != before->script_count)
        return false;
    for (size_t i = 0; i < facts->script_count; i++)
        if (strcmp(facts->scripts[i], before->scripts[i]) != 0)
            return false;
    return true;
}

static const char *const *keep_scripts(struct keeping *keeping, const struct facts *facts)
{
    const char **list = keeping->scripts;

    if (!facts->scripts)
        return NULL;
    if (has_same_scripts(facts, keeping->before))
        return keeping->before_kept.scripts;
    keeping->script_count += facts->script_count + 1; /* an empty list is one, too */
    for (size_t i = 0; i < facts->script_count; i++) {
        const char *text = pack_text(&keeping->texts, facts->scripts[i], NULL, NULL);

        if (list)
            list[i] = text;
    }
    if (!list)
        return facts->scripts;
    keeping->scripts += facts->script_count + 1;
    return list;
}

static struct facts keep_one(struct keeping *keeping, const struct facts *facts)
{
    static const struct facts none = {0};
    const struct facts *before = keeping->before ? keeping->before : &none;
    const struct facts *kept_before = &keeping->before_kept;
    struct packing *texts = &keeping->texts;
    struct facts kept = *facts;

    kept.name = pack_text(texts, facts->name, before->name, kept_before->name);
    kept.version = pack_text(texts, facts->version, before->version, kept_before->version);
    kept.file = pack_text(texts, facts->file, NULL, NULL);
    kept.upstream = pack_text(texts, facts->upstream, before->upstream, kept_before->upstream);
    kept.license = pack_text(texts, facts->license, before->license, kept_before->license);
    kept.publisher = pack_text(texts, facts->publisher, before->publisher, kept_before->publisher);
    for (size_t i = 0; i < FACTS_DIGESTS_MAX; i++)
        kept.digests[i] = pack_text(texts, facts->digests[i], NULL, NULL);
    kept.scripts = keep_scripts(keeping, facts);
    keeping->before = facts;
    keeping->before_kept = kept;
    return kept;
}

static struct package_facts *make_block(const struct keeping *counted, size_t count,
                                        struct keeping *out)
{
    size_t lists = sizeof(struct package_facts) + count * sizeof(struct facts);
    size_t texts = lists + counted->script_count * sizeof(const char *);
    size_t size = texts + counted->texts.size;
    char *block = calloc(1, size);

    if (!block) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    *out = (struct keeping){.texts = {.at = block + texts}, .scripts = (const char **)(block + lists)};
    *(struct package_facts *)block = (struct package_facts){
        .list = (struct facts *)(block + sizeof(struct package_facts)),
        .count = count,
        .size = size,
    };
    return (struct package_facts *)block;
}

/* Each in the light of those that were published before it. */
static void compare_all(struct facts **order, size_t count)
{
    struct facts_history history = {0};

    for (size_t i = 0; i < count; i++) {
        facts_compare_history(order[i], &history);
        facts_history_add(&history, order[i]);
    }
}

static struct package_facts *keep_all(const struct gathered_facts *gathered)
{
    struct facts **order = facts_by_birth(gathered), *list;
    size_t count = gathered->facts.count;
    struct keeping counting = {0}, filling;
    struct package_facts *kept;

    compare_all(order, count);
    for (size_t i = 0; i < count; i++)
        keep_one(&counting, order[i]);
    kept = make_block(&counting, count, &filling);
    list = (struct facts *)(kept + 1);
    for (size_t i = 0; i < count; i++)
        list[i] = keep_one(&filling, order[i]);
    return kept;
}

struct gathering {
    struct gathered_facts facts;
    const struct mirror_document *document; /* NULL: it is published here */
    bool is_made;                           /* by this thread */
};

static void free_facts(const void *facts)
{
    free((void *)(uintptr_t)facts);
}

static enum status gather(void *context, struct document_value *out, struct error *err)
{
    struct gathering *gathering = context;
    struct gathered_facts *gathered = &gathering->facts;
    struct package_facts *kept;
    enum status rc;

    gathering->is_made = true;
    gathered->arena = gathered->facts.arena = gathered->unlisted.arena = arena_new();
    if (!(rc = facts_gather(gathered, gathering->document, err))) {
        kept = keep_all(gathered);
        if (gathering->document) {
            kept->upstream_us = gathered->subject->upstream->created_us;
            kept->generation = gathering->document->generation;
        }
        kept->is_provisional = !gathering->document || gathered->facts.is_provisional;
        *out = (struct document_value){kept, kept->size, free_facts};
    }
    arena_free(gathered->arena);
    return rc;
}

static bool is_current(const struct gathering *gathering, const struct package_facts *facts)
{
    if (gathering->is_made)
        return true;
    return !facts->is_provisional && gathering->document &&
           facts->generation == gathering->document->generation &&
           facts->upstream_us == gathering->facts.subject->upstream->created_us;
}

static enum status get(const struct gathered_facts *facts, const struct mirror_document *newest,
                       const struct document **out, struct error *err)
{
    const struct verdict_subject *subject = facts->subject;
    struct document_cache *cache = facts->req->service->documents;
    /* Every repository that has this one as a source has them in common. */
    const struct document_key key = {
        .repository_id = subject->upstream ? subject->upstream->id : subject->repository->id,
        .kind = subject->how->facts_kind,
        .name = subject->name_norm};
    enum status rc = STATUS_OK;

    for (int tries = 0; tries < TRIES; tries++) {
        struct gathering gathering = {.facts = *facts, .document = newest};

        if ((rc = document_cache_get_value(cache, &key, gather, &gathering, out, err)) ||
            is_current(&gathering, (*out)->value) || tries == TRIES - 1)
            break;
        document_cache_drop(cache, &key, *out);
        document_release(*out);
    }
    return rc;
}

enum status package_facts_get(struct request *req, const struct verdict_subject *subject,
                              const char *name_fold, const struct read_document *known,
                              const struct document **out, struct error *err)
{
    const struct gathered_facts facts = {
        .req = req, .subject = subject, .name_fold = name_fold, .known = known};
    const struct mirror_document *document;
    enum status rc;

    if (!subject->upstream)
        return get(&facts, NULL, out, err);
    if ((rc = mirror_get_document(req->service->mirror, subject->upstream, subject->name,
                                  subject->name_norm, &document, err)))
        return rc;
    rc = get(&facts, document, out, err);
    mirror_release_document(document);
    return rc;
}
