#include "server/admin/reviewed_pair.h"

#include "protocols/http/verdict_explain.h"
#include "server/admin/held.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

/* A file that may be one of the two. */
struct candidate {
    const char *version, *file;
    int64_t exception;
};

struct candidates {
    struct candidate *list;
    size_t count, capacity;
};

struct finding_pair {
    struct request *req;
    const struct purl *purl;
    const struct review_format *format;
    struct candidates ours, earlier;
};

static void add(struct finding_pair *finding, struct candidates *to, const struct facts *facts,
                const struct verdict *verdict)
{
    struct arena *arena = finding->req->arena;
    int64_t exception = 0;

    for (size_t i = 0; i < verdict->finding_count && !exception; i++)
        if (verdict->findings[i].cleared_by)
            exception = verdict->findings[i].cleared_by->id;
    to->list = arena_grow(arena, to->list, to->count, &to->capacity, sizeof *to->list);
    to->list[to->count++] = (struct candidate){arena_copy(arena, facts->version),
                                               arena_copy(arena, facts->file ? facts->file : ""), exception};
}

/* In audit mode more comes in than is allowed: what policy finds fault with was not approved by that. */
static void see_file(void *context, const struct facts *facts, const struct verdict *verdict,
                     int64_t revision)
{
    struct finding_pair *finding = context;

    (void)revision;
    if (admin_is_of_version(finding->purl, facts->version))
        add(finding, &finding->ours, facts, verdict);
    else if (verdict->action == VERDICT_ALLOW &&
             format_compare_versions(facts->format, facts->version, finding->purl->version) < 0)
        add(finding, &finding->earlier, facts, verdict);
}

/* Newest first; what is equal stays in order of its name. */
static int compare_candidates(const void *a, const void *b, void *context)
{
    const struct review_format *format = context;
    const struct candidate *one = a, *other = b;
    int order = format_compare_versions(format->format, other->version, one->version);

    return order ? order : strcmp(one->file, other->file);
}

struct best {
    int likeness, weight;
    const struct candidate *ours, *earlier;
};

static void consider(const struct finding_pair *finding, const struct candidate *ours,
                     const struct candidate *earlier, struct arena *scratch, struct best *best)
{
    const struct review_format *format = finding->format;
    int likeness = earlier ? format->likeness(ours->file, earlier->file, scratch) : 0;
    int weight = format->likeness(ours->file, NULL, scratch);

    if ((earlier && !likeness) ||
        (best->ours && (likeness < best->likeness || (likeness == best->likeness && weight <= best->weight))))
        return;
    *best = (struct best){likeness, weight, ours, earlier};
}

/* The nearest earlier version of which any file compares with one of ours. */
static struct best find_best(const struct finding_pair *finding)
{
    const struct candidates *ours = &finding->ours, *earlier = &finding->earlier;
    struct arena *scratch = arena_new();
    struct best best = {0};

    for (size_t i = 0; i < earlier->count; i++) {
        if (best.ours && format_compare_versions(finding->format->format, best.earlier->version,
                                                 earlier->list[i].version))
            break;
        arena_reset(scratch);
        for (size_t j = 0; j < ours->count; j++)
            consider(finding, &ours->list[j], &earlier->list[i], scratch, &best);
    }
    for (size_t j = 0; j < ours->count && !best.earlier; j++)
        consider(finding, &ours->list[j], NULL, scratch, &best);
    arena_free(scratch);
    return best;
}

static enum status keep_one(struct finding_pair *finding, const char *file, struct reviewed_pair *out)
{
    struct candidates *ours = &finding->ours;

    for (size_t i = 0; i < ours->count; i++)
        if (!strcmp(ours->list[i].file, file)) {
            out->others[i] = out->others[--out->other_count];
            ours->list[0] = ours->list[i];
            ours->count = 1;
            return STATUS_OK;
        }
    return fail(&finding->req->error, STATUS_NOT_FOUND, "no-such-file", "%s %s has no file %.200s",
                finding->purl->name, finding->purl->version, file);
}

enum status reviewed_pair_find(struct request *req, const struct review_format *format,
                               const struct verdict_subject *subject, const struct purl *purl,
                               const char *file, struct reviewed_pair *out)
{
    struct finding_pair finding = {.req = req, .purl = purl, .format = format};
    struct best best;
    enum status rc;

    *out = (struct reviewed_pair){0};
    if ((rc = verdict_explain(req, subject, see_file, &finding, &req->error)))
        return rc;
    if (!finding.ours.count)
        return fail(&req->error, STATUS_NOT_FOUND, "no-such-version", "%s has no %s %s any more",
                    subject->upstream ? subject->upstream->name : subject->repository->name, purl->name,
                    purl->version);
    if (finding.earlier.count)
        qsort_r(finding.earlier.list, finding.earlier.count, sizeof *finding.earlier.list,
                compare_candidates, (void *)format);
    out->others = arena_array(req->arena, finding.ours.count, sizeof *out->others);
    for (size_t i = 0; i < finding.ours.count; i++)
        out->others[out->other_count++] = finding.ours.list[i].file;
    if (!file)
        file = find_best(&finding).ours->file;
    if ((rc = keep_one(&finding, file, out)))
        return rc;
    best = find_best(&finding);
    out->version = best.ours->version;
    out->file = best.ours->file;
    if (best.earlier) {
        out->before_version = best.earlier->version;
        out->before_file = best.earlier->file;
        out->exception = best.earlier->exception;
    }
    return STATUS_OK;
}
