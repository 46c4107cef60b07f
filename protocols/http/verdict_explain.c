#include "protocols/http/verdict_explain.h"

#include "config/clock.h"
#include "storage/catalog/home_map.h"
#include "storage/memory/arena.h"

enum status verdict_explain(struct request *req, const struct verdict_subject *subject,
                            void (*visit)(void *context, const struct facts *facts,
                                          const struct verdict *verdict, int64_t revision),
                            void *context, struct error *err)
{
    const struct org_homes *homes = NULL;
    struct package_verdicts verdicts;
    struct arena *scratch = arena_new();
    int64_t now_us = clock_wall_us();
    enum status rc;

    if ((rc = package_verdicts_get(req, subject, NULL, &verdicts, err)) ||
        (rc = home_map_get(req->service->catalog, req->repository->org_id, &homes, err)))
        goto done;
    for (size_t i = 0; homes->policy && i < verdicts.count; i++) {
        const struct file_verdict *file = &verdicts.list[i];
        const struct facts facts = file_verdict_facts(file);
        struct verdict verdict;

        arena_reset(scratch);
        verdict_take(homes->policy, req->repository->name, &facts, homes->exceptions,
                     homes->exception_count, now_us, scratch, &verdict);
        visit(context, &facts, &verdict, homes->policy_revision);
    }
done:
    org_homes_release(homes);
    arena_free(scratch);
    return rc;
}
