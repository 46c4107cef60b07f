#include "server/metrics.h"

#include "protocols/http/route.h"
#include "storage/memory/strbuf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { CODE_MIN = 100, CODE_MAX = 599, CODES = CODE_MAX - CODE_MIN + 1, BUCKETS = 14 };

static const int64_t bucket_us[BUCKETS] = {
    100,   250,    500,    1000,    2500,    5000,     10000,
    25000, 100000, 250000, 1000000, 2500000, 10000000, 60000000,
};

/* One for each mount, and the first for requests without. */
struct mount_metrics {
    const struct mount *mount;
    _Atomic uint64_t requests[METHOD_COUNT + 1][CODES];
    _Atomic uint64_t buckets[BUCKETS + 1]; /* each its own; summed up when told */
    _Atomic uint64_t took_us, received, sent;
};

struct metrics {
    _Atomic int64_t in_flight, connections;
    _Atomic uint64_t accepted;
    size_t count;
    struct mount_metrics mounts[METRICS_MOUNTS_MAX + 1];
};

static const char *const methods[METHOD_COUNT + 1] = {
    [METHOD_GET] = "GET",     [METHOD_HEAD] = "HEAD",   [METHOD_PUT] = "PUT",
    [METHOD_POST] = "POST",   [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_COUNT] = "other",
};

struct metrics *metrics_new(const struct mount *const *mounts, size_t count)
{
    struct metrics *metrics = calloc(1, sizeof *metrics);

    if (!metrics || count > METRICS_MOUNTS_MAX) {
        fputs("packhouse: no room for metrics\n", stderr);
        abort();
    }
    metrics->count = count + 1;
    for (size_t i = 0; i < count; i++)
        metrics->mounts[i + 1].mount = mounts[i];
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

static void add(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

static uint64_t count_of(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_request(struct metrics *metrics, const struct metrics_sample *sample)
{
    struct mount_metrics *own = &metrics->mounts[0];
    int code = sample->code < CODE_MIN || sample->code > CODE_MAX ? CODE_MAX : sample->code;
    size_t bucket = 0;

    for (size_t i = 1; sample->mount && i < metrics->count; i++)
        if (metrics->mounts[i].mount == sample->mount)
            own = &metrics->mounts[i];
    while (bucket < BUCKETS && sample->took_us > bucket_us[bucket])
        bucket++;
    add(&own->requests[sample->method][code - CODE_MIN], 1);
    add(&own->buckets[bucket], 1);
    add(&own->took_us, (uint64_t)sample->took_us);
    add(&own->received, (uint64_t)sample->received_bytes);
    add(&own->sent, (uint64_t)sample->sent_bytes);
}

void metrics_request_begins(struct metrics *metrics)
{
    atomic_fetch_add(&metrics->in_flight, 1);
}

void metrics_request_ends(struct metrics *metrics)
{
    atomic_fetch_sub(&metrics->in_flight, 1);
}

void metrics_connection_opens(struct metrics *metrics)
{
    atomic_fetch_add_explicit(&metrics->connections, 1, memory_order_relaxed);
    add(&metrics->accepted, 1);
}

void metrics_connection_closes(struct metrics *metrics)
{
    atomic_fetch_sub_explicit(&metrics->connections, 1, memory_order_relaxed);
}

int64_t metrics_requests_in_flight(const struct metrics *metrics)
{
    return atomic_load(&metrics->in_flight);
}

static void write_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
    strbuf_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_write_one(struct strbuf *out, const char *name, const char *type, const char *help,
                       double value)
{
    write_head(out, name, type, help);
    strbuf_format(out, "%s %.17g\n", name, value);
}

static const char *name_of(const struct mount_metrics *own)
{
    return own->mount ? own->mount->name : "none";
}

static void write_requests(const struct metrics *metrics, struct strbuf *out)
{
    write_head(out, "packhouse_http_requests_total", "counter", "Requests answered.");
    for (size_t i = 0; i < metrics->count; i++)
        for (int method = 0; method <= METHOD_COUNT; method++)
            for (int code = 0; code < CODES; code++) {
                uint64_t count = count_of(&metrics->mounts[i].requests[method][code]);

                if (count)
                    strbuf_format(out,
                                  "packhouse_http_requests_total{mount=\"%s\",method=\"%s\","
                                  "code=\"%d\"} %llu\n",
                                  name_of(&metrics->mounts[i]), methods[method], code + CODE_MIN,
                                  (unsigned long long)count);
            }
}

static void write_durations(const struct mount_metrics *own, struct strbuf *out)
{
    static const char name[] = "packhouse_http_request_duration_seconds";
    uint64_t below = 0;

    for (int i = 0; i < BUCKETS; i++) {
        below += count_of(&own->buckets[i]);
        strbuf_format(out, "%s_bucket{mount=\"%s\",le=\"%g\"} %llu\n", name, name_of(own),
                      (double)bucket_us[i] / 1e6, (unsigned long long)below);
    }
    below += count_of(&own->buckets[BUCKETS]);
    strbuf_format(out, "%s_bucket{mount=\"%s\",le=\"+Inf\"} %llu\n", name, name_of(own),
                  (unsigned long long)below);
    strbuf_format(out, "%s_sum{mount=\"%s\"} %.6f\n", name, name_of(own),
                  (double)count_of(&own->took_us) / 1e6);
    strbuf_format(out, "%s_count{mount=\"%s\"} %llu\n", name, name_of(own),
                  (unsigned long long)below);
}

static void write_bytes(const struct metrics *metrics, struct strbuf *out, const char *name,
                        const char *help, bool is_sent)
{
    write_head(out, name, "counter", help);
    for (size_t i = 0; i < metrics->count; i++) {
        const struct mount_metrics *own = &metrics->mounts[i];

        strbuf_format(out, "%s{mount=\"%s\"} %llu\n", name, name_of(own),
                      (unsigned long long)count_of(is_sent ? &own->sent : &own->received));
    }
}

void metrics_write(const struct metrics *metrics, struct strbuf *out)
{
    write_requests(metrics, out);
    write_head(out, "packhouse_http_request_duration_seconds", "histogram",
               "From the end of the request's head to the end of the answer.");
    for (size_t i = 0; i < metrics->count; i++)
        write_durations(&metrics->mounts[i], out);
    write_bytes(metrics, out, "packhouse_http_received_bytes_total", "Bytes of request bodies.",
                false);
    write_bytes(metrics, out, "packhouse_http_sent_bytes_total",
                "Bytes of answers, with their heads.", true);
    metrics_write_one(out, "packhouse_http_requests_in_flight", "gauge",
                      "Requests that are being answered now.",
                      (double)atomic_load(&metrics->in_flight));
    metrics_write_one(out, "packhouse_http_connections", "gauge",
                      "Connections that a worker serves now, idle ones too.",
                      (double)atomic_load(&metrics->connections));
    metrics_write_one(out, "packhouse_http_connections_accepted_total", "counter",
                      "Connections taken since the start.", (double)count_of(&metrics->accepted));
}
