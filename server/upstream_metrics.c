#include "server/upstream_metrics.h"

#include "storage/catalog/catalog.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <stdlib.h>

enum { UPSTREAMS_MAX = 1000 }; /* told of; more would be too many series */

struct collection {
    struct mirror_stats *stats;
    size_t count;
};

static void collect(void *context, const struct mirror_stats *stats)
{
    struct collection *all = context;

    if (all->count < UPSTREAMS_MAX)
        all->stats[all->count++] = *stats;
}

static uint64_t state_of(const struct mirror_stats *stats)
{
    return stats->breaker.state == BREAKER_CLOSED ? 0 : 1;
}

static uint64_t last_success(const struct mirror_stats *stats)
{
    return (uint64_t)stats->last_success_us / 1000000;
}

#define COUNTER_OF(field)                                                                          \
    static uint64_t count_##field(const struct mirror_stats *stats)                                \
    {                                                                                              \
        return stats->field;                                                                       \
    }
COUNTER_OF(requests)
COUNTER_OF(errors)
COUNTER_OF(document_hits)
COUNTER_OF(document_misses)
COUNTER_OF(file_hits)
COUNTER_OF(file_misses)
COUNTER_OF(bytes_fetched)
COUNTER_OF(bytes_saved)

static const struct {
    const char *name, *type, *help;
    uint64_t (*value)(const struct mirror_stats *stats);
} series[] = {
    {"packhouse_upstream_requests_total", "counter", "Requests sent to the upstream.", count_requests},
    {"packhouse_upstream_errors_total", "counter", "Requests that brought nothing of use; absent is an answer.",
     count_errors},
    {"packhouse_upstream_document_hits_total", "counter", "Documents served without fetching them.",
     count_document_hits},
    {"packhouse_upstream_document_misses_total", "counter", "Documents that were fetched first.",
     count_document_misses},
    {"packhouse_upstream_file_hits_total", "counter", "Files served without fetching them.", count_file_hits},
    {"packhouse_upstream_file_misses_total", "counter", "Files that were fetched first.", count_file_misses},
    {"packhouse_upstream_fetched_bytes_total", "counter", "Bytes that came from the upstream.", count_bytes_fetched},
    {"packhouse_upstream_saved_bytes_total", "counter", "Bytes that did not have to come again.", count_bytes_saved},
    {"packhouse_upstream_breaker_open", "gauge", "1: the upstream failed in a row, and is left alone for a while.",
     state_of},
    {"packhouse_upstream_last_success_seconds", "gauge", "When the upstream last answered, as Unix time; 0: never.",
     last_success},
};

void upstream_metrics_write(struct mirror *mirror, struct strbuf *out)
{
    struct collection all = {0};

    if (!mirror || !(all.stats = malloc(UPSTREAMS_MAX * sizeof *all.stats)))
        return;
    mirror_visit_stats(mirror, 0, collect, &all);
    for (size_t i = 0; i < sizeof series / sizeof *series && all.count; i++) {
        strbuf_format(out, "# HELP %s %s\n# TYPE %s %s\n", series[i].name, series[i].help, series[i].name,
                      series[i].type);
        for (size_t one = 0; one < all.count; one++) /* names are of letters that need no escape */
            strbuf_format(out, "%s{org=\"%s\",upstream=\"%s\",format=\"%s\"} %llu\n", series[i].name,
                          all.stats[one].org, all.stats[one].upstream, format_name(all.stats[one].format),
                          (unsigned long long)series[i].value(&all.stats[one]));
    }
    free(all.stats);
}
