#include "server/health.h"

#include "protocols/http/document_cache.h"
#include "protocols/http/response.h"
#include "server/front_page.h"
#include "server/metrics.h"
#include "server/upstream_metrics.h"
#include "storage/blobs/blob_store.h"
#include "storage/catalog/access.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/strbuf.h"
#include "version.inc"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { READY_MAX = 4096, METRICS_MAX = 4 << 20 };

/* Only that the process answers: who restarts it on silence must not restart it for a full disk. */
static enum status get_livez(struct request *req, struct response *res)
{
    return respond_text(req, res, 200, "text/plain; charset=utf-8", "alive\n");
}

static enum status get_readyz(struct request *req, struct response *res)
{
    struct error error = {0};
    bool is_ready = !catalog_health(req->service->catalog, &error);
    struct strbuf body;

    strbuf_init(&body, req->arena, READY_MAX);
    if (is_ready) {
        strbuf_text(&body, "{\"status\":\"ready\"}\n");
    } else {
        strbuf_text(&body, "{\"status\":\"not ready\",\"part\":");
        strbuf_json(&body, *error.code ? error.code : status_word(error.status));
        strbuf_text(&body, ",\"reason\":");
        strbuf_json(&body, error.message);
        strbuf_text(&body, "}\n");
    }
    response_header(req, res, "Cache-Control", "no-store");
    return respond_strbuf(req, res, is_ready ? 200 : 503, "application/json", &body);
}

static void write_writer(struct catalog *catalog, struct strbuf *out)
{
    struct writer *writer = catalog_writer(catalog);
    struct writer_stats stats;

    writer_stats(writer, &stats);
    metrics_write_one(out, "packhouse_writer_operations_total", "counter",
                      "Changes that were committed.", (double)stats.operations);
    metrics_write_one(out, "packhouse_writer_groups_total", "counter",
                      "Commits; operations over groups is the size of a group.",
                      (double)stats.groups);
    metrics_write_one(out, "packhouse_writer_failures_total", "counter",
                      "Changes that were refused or failed.", (double)stats.failures);
    metrics_write_one(out, "packhouse_writer_queue", "gauge", "Changes that wait for the writer.",
                      (double)stats.queued);
    metrics_write_one(out, "packhouse_writer_largest_group", "gauge",
                      "The most changes that have shared a commit.", (double)stats.largest_group);
    metrics_write_one(out, "packhouse_writer_read_only", "gauge",
                      "1 after a failed flush of the disk, which ends all writing.",
                      writer_is_read_only(writer));
}

static void write_documents(const struct document_cache *cache, struct strbuf *out)
{
    struct document_cache_stats stats;

    document_cache_stats(cache, &stats);
    metrics_write_one(out, "packhouse_document_cache_hits_total", "counter",
                      "Documents found rendered.", (double)stats.hits);
    metrics_write_one(out, "packhouse_document_cache_misses_total", "counter",
                      "Documents not found rendered.", (double)stats.misses);
    metrics_write_one(out, "packhouse_document_cache_renders_total", "counter",
                      "Documents rendered.", (double)stats.renders);
    metrics_write_one(out, "packhouse_document_cache_evictions_total", "counter",
                      "Documents forgotten for want of room.", (double)stats.evictions);
    metrics_write_one(out, "packhouse_document_cache_bytes", "gauge",
                      "Memory of rendered documents.", (double)stats.bytes);
    metrics_write_one(out, "packhouse_document_cache_documents", "gauge", "Rendered documents.",
                      (double)stats.documents);
}

static void write_storage(struct catalog *catalog, struct strbuf *out)
{
    /* Counting rows would read them all. */
    static const char NEWEST[] = "SELECT max(id) FROM blob";
    struct blob_space space;
    struct reading reading;

    if (!reading_begin(catalog, NEWEST, &reading, NULL) && !db_next_row(reading.query, NULL))
        metrics_write_one(out, "packhouse_blobs_stored_total", "counter",
                          "Contents stored since the data directory was made, each once.",
                          (double)db_int(reading.query, 0));
    reading_end(&reading);
    if (blob_store_space(catalog_blobs(catalog), &space, NULL))
        return;
    metrics_write_one(out, "packhouse_disk_free_bytes", "gauge",
                      "Free space where the data directory is.", (double)space.free_bytes);
    metrics_write_one(out, "packhouse_disk_size_bytes", "gauge",
                      "Size of the file system where the data directory is.",
                      (double)space.total_bytes);
}

static void write_process(struct strbuf *out)
{
    FILE *file = fopen("/proc/self/statm", "re");
    struct rusage usage;
    long pages = 0;

    metrics_write_one(out, "packhouse_up", "gauge", "1: the server answers.", 1);
    strbuf_text(out, "# HELP packhouse_build_info The running program.\n"
                     "# TYPE packhouse_build_info gauge\n"
                     "packhouse_build_info{version=\"" PACKHOUSE_VERSION
                     "\",commit=\"" PACKHOUSE_COMMIT "\"} 1\n");
    getrusage(RUSAGE_SELF, &usage);
    metrics_write_one(out, "process_cpu_seconds_total", "counter", "User and system time spent.",
                      (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    if (file && fscanf(file, "%*d %ld", &pages) == 1)
        metrics_write_one(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                          (double)pages * (double)sysconf(_SC_PAGESIZE));
    if (file)
        fclose(file);
}

/* A scraper on this machine needs no token; from elsewhere it is an account like any other, so that
 * its access can be given, seen and taken away like any other's. */
static bool may_scrape(const struct request *req)
{
    return !strncmp(req->peer, "127.", 4) || req->principal->account_id || req->principal->is_owner;
}

static enum status get_metrics(struct request *req, struct response *res)
{
    struct strbuf body;

    if (!may_scrape(req)) {
        response_header(req, res, "WWW-Authenticate", "Bearer realm=\"packhouse\"");
        return fail(&req->error, STATUS_UNAUTHENTICATED, "",
                    "from another machine, metrics need the token of any account");
    }
    strbuf_init(&body, req->arena, METRICS_MAX);
    write_process(&body);
    metrics_write(req->service->metrics, &body);
    write_writer(req->service->catalog, &body);
    write_documents(req->service->documents, &body);
    write_storage(req->service->catalog, &body);
    upstream_metrics_write(req->service->mirror, &body);
    response_header(req, res, "Cache-Control", "no-store");
    return respond_strbuf(req, res, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static const struct route health_routes[] = {
    {METHOD_GET, "/",         ANYONE, 0, get_front_page, NULL},
    {METHOD_GET, "/-/livez",  ANYONE, 0, get_livez,      NULL},
    {METHOD_GET, "/-/readyz", ANYONE, 0, get_readyz,     NULL},
    {METHOD_GET, "/metrics",  ANYONE, 0, get_metrics,    NULL},
};

const struct mount health_mount = {
    .prefix = "",
    .name = "health",
    .routes = health_routes,
    .count = sizeof health_routes / sizeof *health_routes,
    .challenge = CHALLENGE_BOTH,
};
