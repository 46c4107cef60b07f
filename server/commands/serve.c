/* `packhouse serve`: puts the house together, opens the door, and takes it down in order. */
#include "config/log.h"
#include "protocols/http/document_cache.h"
#include "server/access_log.h"
#include "server/commands/data.h"
#include "server/commands/nouns.h"
#include "server/dispatch.h"
#include "server/jobs/jobs.h"
#include "server/listener.h"
#include "server/metrics.h"
#include "server/routes.h"
#include "storage/catalog/writer.h"
#include "storage/memory/secret.h"
#include "storage/mirror/mirror.h"
#include "storage/remote/fetcher.h"
#include "version.inc"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LARGE_MEMORY = 256 * 1024 };

struct house {
    const struct settings *settings;
    struct catalog *catalog;
    struct document_cache *documents;
    struct metrics *metrics;
    struct access_log *access_log;
    struct dispatcher *dispatcher;
    struct listener *listener;
    struct jobs *jobs;
    struct mirror *mirror;
    char pseudonym[32];
    struct service service;
};

/* Each connection and each open file is a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit))
        log_event(LOG_WARN, "server.descriptors", "limit=%llu errno=%d",
                  (unsigned long long)limit.rlim_max, errno);
}

/* Blocked in every thread, so that only wait_for_end() sees them. */
/* Documents of some hundred KiB come and go on many threads. By itself glibc soon takes them from the heaps
 * of the threads, which keep what was freed: half of the memory after an install was nobody's. */
static void give_back_large_memory(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, LARGE_MEMORY);
#endif
}

static sigset_t block_signals(void)
{
    sigset_t awaited;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &awaited, NULL);
    signal(SIGPIPE, SIG_IGN);
    return awaited;
}

static void answer(void *context, struct request *req, struct response *res)
{
    dispatch(context, req, res);
}

static void forget_documents(void *context, int64_t repository_id, const char *name)
{
    document_cache_invalidate(context, repository_id, name);
}

static enum status open_storage(struct house *house, struct error *err)
{
    struct catalog_options options = data_catalog_options(house->settings);
    struct writer_hooks hooks = {.package_changed = forget_documents};
    enum status rc;

    if ((rc = catalog_open(&options, &house->catalog, err)))
        return rc;
    house->documents = document_cache_new((size_t)house->settings->document_cache_size);
    hooks.context = house->documents;
    writer_add_hooks(catalog_writer(house->catalog), &hooks);
    return STATUS_OK;
}

/* Who meets this name in the Via of an answer or of a request asks itself. */
static void make_pseudonym(struct house *house)
{
    snprintf(house->pseudonym, sizeof house->pseudonym, "packhouse-%016llx",
             (unsigned long long)secret_random_u64());
}

static enum status open_mirror(struct house *house, struct error *err)
{
    const struct settings *settings = house->settings;
    const struct fetcher_options fetching = {
        .allow_addresses = settings->upstream_allow_addresses,
        .user_agent = "packhouse/" PACKHOUSE_VERSION,
        .via = house->pseudonym,
        .ca_file = settings->upstream_ca_file,
        .connections_per_host = (int)settings->upstream_connections,
        .connect_timeout_ms = settings->upstream_connect_timeout_ms,
        .first_byte_timeout_ms = settings->upstream_first_byte_timeout_ms,
        .stall_timeout_ms = settings->upstream_stall_timeout_ms,
        .retries = (int)settings->upstream_retries,
    };
    struct mirror_options options = {
        .catalog = house->catalog,
        .formats = mirror_formats,
        .fresh_us = settings->upstream_fresh_ms * 1000,
        .stale_us = settings->upstream_stale_ms * 1000,
        .stale_if_error_us = settings->upstream_stale_if_error_ms * 1000,
        .document_max = settings->upstream_document_max,
        .document_ratio_max = settings->upstream_document_ratio_max,
        .verify_first_max = settings->upstream_verify_first_max,
        .file_max = settings->upstream_file_max,
        .refuse_bytes = settings->upstream_refuse_bytes,
        .refuse_percent = (int)settings->upstream_refuse_percent,
    };
    enum status rc;

    make_pseudonym(house);
    if ((rc = fetcher_start(&fetching, &options.fetcher, err)))
        return rc;
    return mirror_start(&options, &house->mirror, err);
}

static enum status open_door(struct house *house, struct error *err)
{
    const struct settings *settings = house->settings;
    struct listener_options options = {
        .address = settings->listen,
        .workers = (size_t)settings->workers,
        .head_max = settings->request_head_max,
        .head_timeout_ms = settings->request_head_timeout_ms,
        .keep_alive_timeout_ms = settings->keep_alive_timeout_ms,
        .send_timeout_ms = settings->send_timeout_ms,
    };
    enum status rc;

    if ((rc = access_log_open(settings->access_log, &house->access_log, err)))
        return rc;
    house->metrics = metrics_new(mounts, mount_count);
    house->service = (struct service){.catalog = house->catalog,
                                      .documents = house->documents,
                                      .mirror = house->mirror,
                                      .pseudonym = house->pseudonym,
                                      .settings = settings,
                                      .metrics = house->metrics};
    if ((rc = dispatcher_new(&house->service, mounts, mount_count, &house->dispatcher, err)))
        return rc;
    options.exchange = (struct exchange_options){.service = &house->service,
                                                 .metrics = house->metrics,
                                                 .access_log = house->access_log,
                                                 .body_timeout_ms = settings->body_timeout_ms,
                                                 .answer = answer,
                                                 .context = house->dispatcher};
    if ((rc = listener_start(&options, &house->listener, err)))
        return rc;
    house->service.public_url =
        *settings->public_url ? settings->public_url : listener_url(house->listener);
    return STATUS_OK;
}

/* By rename: whoever waits for the file never sees half of it. */
static enum status write_ready_file(const struct house *house, struct error *err)
{
    const char *path = house->settings->ready_file;
    char partial[4096 + 8];
    FILE *file;

    if (!*path)
        return STATUS_OK;
    if ((size_t)snprintf(partial, sizeof partial, "%s.part", path) >= sizeof partial)
        return fail(err, STATUS_INVALID, "", "the ready file's path is too long");
    if (!(file = fopen(partial, "we")))
        return fail_errno(err, "could not write the ready file %s", partial);
    fprintf(file, "{\"url\":\"%s\",\"pid\":%ld}\n", listener_url(house->listener), (long)getpid());
    if (fclose(file) || rename(partial, path))
        return fail_errno(err, "could not write the ready file %s", path);
    return STATUS_OK;
}

/* Until a signal asks for the end, or the disk forbids going on. */
static int wait_for_end(struct house *house, const sigset_t *awaited)
{
    for (;;) {
        int signal_number = sigtimedwait(awaited, NULL, &(struct timespec){.tv_sec = 1});

        if (signal_number == SIGHUP)
            access_log_reopen(house->access_log);
        else if (signal_number > 0)
            break;
        if (writer_is_read_only(catalog_writer(house->catalog)) && !house->settings->stay_readonly)
            return EXIT_READ_ONLY;
    }
    return EXIT_DONE;
}

/* From here on the signals do what they do by default: a second one ends the program at once. A
 * shell's background jobs begin with SIGINT ignored, so the default is asked for. */
static void let_signals_kill(void)
{
    sigset_t fatal;

    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sigemptyset(&fatal);
    sigaddset(&fatal, SIGTERM);
    sigaddset(&fatal, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &fatal, NULL);
}

static void close_house(struct house *house)
{
    listener_stop(house->listener, house->settings->shutdown_grace_ms);
    jobs_stop(house->jobs);
    mirror_stop(house->mirror);
    catalog_close(house->catalog);
    dispatcher_free(house->dispatcher);
    document_cache_free(house->documents);
    access_log_close(house->access_log);
    metrics_free(house->metrics);
}

/* A misspelt one would be ignored silently. Its value may be secret. */
static void warn_of_unknown_variables(void)
{
    const char *variable;
    size_t at = 0;

    while ((variable = settings_unknown_variable((const char *const *)environ, &at)))
        log_event(LOG_WARN, "settings.unknown-variable", "name=%.*s", (int)strcspn(variable, "="),
                  variable);
}

static int serve(struct command_call *call)
{
    const struct jobs_options watched = {
        .warn_bytes = call->settings->disk_warn_bytes,
        .warn_percent = (int)call->settings->disk_warn_percent,
        .grace_us = call->settings->sweep_grace_hours * 3600 * 1000000,
        .upstream_cache_max = call->settings->upstream_cache_max,
        .fetch_days = call->settings->fetch_log_days,
        .words = words_to_sign,
        .trash_us = call->settings->trash_days * 86400 * 1000000,
    };
    struct house house = {.settings = call->settings};
    sigset_t awaited = block_signals();
    int code = EXIT_DONE;
    struct error err;
    enum status rc;

    log_set_level((enum log_level)call->settings->log_level);
    warn_of_unknown_variables();
    give_back_large_memory();
    raise_descriptor_limit();
    if ((rc = open_storage(&house, &err)))
        goto done;
    if ((rc = open_mirror(&house, &err)))
        goto done;
    if ((rc = open_door(&house, &err)))
        goto done;
    if ((rc = jobs_start(house.catalog, &watched, &house.jobs, &err)))
        goto done;
    listener_serve(house.listener);
    if ((rc = write_ready_file(&house, &err)))
        goto done;
    log_event(LOG_INFO, "server.ready", "url=%s pid=%ld data=%s workers=%lld",
              listener_url(house.listener), (long)getpid(), call->settings->data,
              (long long)call->settings->workers);
    code = wait_for_end(&house, &awaited);
    let_signals_kill();
    log_event(LOG_INFO, "server.stopping", "in_flight=%lld",
              (long long)metrics_requests_in_flight(house.metrics));
done:
    close_house(&house);
    if (rc)
        return command_fail(call, &err);
    log_event(code ? LOG_ERROR : LOG_INFO, "server.stopped", "code=%d", code);
    return code;
}

const struct command serve_commands[] = {
    {"serve", NULL, NULL, "Serves a data directory",
     "SIGTERM and Ctrl-C let running requests finish; a second one ends at once. SIGHUP opens the\n"
     "access log anew. Exit code 70: writing has stopped, for a flush of the disk failed.", NULL, SETTING_SERVER, serve},
    {0  },
};
