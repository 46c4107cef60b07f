/* `packhouse warm`: what lockfiles name is asked for before anybody needs it. */
#include "config/clock.h"
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/progress.h"
#include "server/commands/warm_package.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOBS_DEFAULT = 8, JOBS_MAX = 64, DOCUMENT_MAX = 256 << 20, LOOK_MS = 100, NAMED_MAX = 3 };

/* Several threads take one package after another. */
struct warm_run {
    struct warm_server server;
    struct warm_list list;
    atomic_size_t next, versions_done, ended;
    pthread_mutex_t lock;
    struct error ended_by; /* under the lock: what would meet every package */
};

static void end_by(struct warm_run *run, const struct error *err)
{
    pthread_mutex_lock(&run->lock);
    if (!run->server.is_stopping)
        run->ended_by = *err;
    run->server.is_stopping = true;
    pthread_mutex_unlock(&run->lock);
}

static void *work(void *context)
{
    struct warm_run *run = context;
    struct warm_asker *asker = warm_asker_new(&run->server);
    struct error err = {0};
    size_t i;

    if (!asker) {
        fail(&err, STATUS_INTERNAL, "", "out of memory");
        end_by(run, &err);
    }
    while (asker && !run->server.is_stopping && (i = run->next++) < run->list.count) {
        if (warm_package(asker, &run->list.packages[i], &err))
            end_by(run, &err);
        else
            run->versions_done += run->list.packages[i].count;
    }
    warm_asker_free(asker);
    run->ended++;
    return NULL;
}

/* The progress until all threads have ended, or a signal came, which is returned. */
static int watch(struct warm_run *run, const struct command_call *call, size_t threads,
                 const sigset_t *signals)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    struct progress progress;
    int signal = 0;

    progress_begin(&progress, call->json ? NULL : stderr, "warmed", "packages",
                   run->list.version_count);
    while (run->ended < threads) {
        progress_show(&progress, run->versions_done, run->server.bytes);
        if ((signal = sigtimedwait(signals, NULL, &pause)) > 0)
            break;
        signal = 0;
    }
    if (!signal && !run->server.is_stopping)
        progress_show(&progress, run->versions_done, run->server.bytes);
    progress_end(&progress);
    return signal;
}

/* What is under way at the server goes on without us, so nothing has to be waited for. */
static void stop_at_once(const struct warm_run *run, int signal)
{
    fprintf(stderr, "packhouse: stopped after %zu of %zu packages; the same command goes on\n",
            (size_t)run->versions_done, run->list.version_count);
    fflush(stderr);
    _exit(128 + signal);
}

/* 0 where something was asked for and all threads have ended. */
static enum status run_threads(struct warm_run *run, const struct command_call *call, size_t jobs,
                               struct error *err)
{
    pthread_t threads[JOBS_MAX];
    sigset_t signals, before;
    size_t count = 0;
    int signal;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, &before);
    while (count < jobs && count < run->list.count &&
           !pthread_create(&threads[count], NULL, work, run))
        count++;
    if (!count && run->list.count)
        return fail(err, STATUS_INTERNAL, "", "no thread can be started");
    if ((signal = watch(run, call, count, &signals)))
        stop_at_once(run, signal);
    while (count)
        pthread_join(threads[--count], NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (run->server.is_stopping) {
        *err = run->ended_by;
        return err->status;
    }
    return STATUS_OK;
}

static const char *format_name(const struct warm_package *package)
{
    return package->format == LOCKFILE_OF_NPM ? "npm" : "pypi";
}

/* Lines on standard error, or members of the document. */
static size_t tell_failures(const struct warm_run *run, struct strbuf *json)
{
    size_t count = 0;

    for (size_t i = 0; i < run->list.count; i++)
        for (size_t j = 0; j < run->list.packages[i].count; j++) {
            const struct warm_package *package = &run->list.packages[i];
            const struct warm_version *version = &package->versions[j];

            if (!version->failure)
                continue;
            if (json) {
                strbuf_text(json, count ? ",{" : "{");
                output_member(json, "package",
                              arena_format(run->list.arena, "%s:%s@%s", format_name(package),
                                           package->name, version->version));
                output_member(json, "reason", version->failure->message);
                strbuf_char(json, '}');
            } else {
                fprintf(stderr, "packhouse: %s:%s@%s: %s\n", format_name(package), package->name,
                        version->version, version->failure->message);
            }
            count++;
        }
    return count;
}

static int compare_skipped(const void *left, const void *right)
{
    const struct warm_skipped *a = left, *b = right;
    int order = strcmp(a->why, b->why);

    if (!order)
        order = strcmp(a->path, b->path);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

/* One line a reason, with the first few: a project may have hundreds of folders of its own. */
static void tell_skipped(struct warm_list *list)
{
    const struct warm_skipped *rows = list->skipped;
    size_t end;

    if (list->skipped_count)
        qsort(list->skipped, list->skipped_count, sizeof *rows, compare_skipped);
    for (size_t i = 0; i < list->skipped_count; i = end) {
        for (end = i; end < list->skipped_count && !strcmp(rows[end].why, rows[i].why); end++)
            if (end - i < NAMED_MAX)
                fprintf(stderr, "%s%s:%zu%s%s", end == i ? "left out: " : ", ", rows[end].path,
                        rows[end].line, rows[end].name ? " " : "",
                        rows[end].name ? rows[end].name : "");
        if (end - i > NAMED_MAX)
            fprintf(stderr, " and %zu more", end - i - NAMED_MAX);
        fprintf(stderr, ": %s\n", rows[i].why);
    }
}

static void write_skipped(const struct warm_list *list, struct strbuf *out)
{
    for (size_t i = 0; i < list->skipped_count; i++) {
        strbuf_text(out, i ? ",{" : "{");
        output_member(out, "file", list->skipped[i].path);
        strbuf_format(out, ",\"line\":%zu", list->skipped[i].line);
        output_member(out, "name", list->skipped[i].name);
        output_member(out, "reason", list->skipped[i].why);
        strbuf_char(out, '}');
    }
}

/* The whole outcome as one document. */
static enum status write_document(struct warm_run *run, size_t *failed, struct error *err)
{
    struct strbuf out, failures;
    enum status rc = STATUS_OK;

    strbuf_init(&out, NULL, DOCUMENT_MAX);
    strbuf_init(&failures, NULL, DOCUMENT_MAX);
    *failed = tell_failures(run, &failures);
    strbuf_format(&out, "{\"packages\":%zu,\"warmed\":%zu,\"bytes\":%lld,\"failed\":[",
                  run->list.version_count, run->list.version_count - *failed,
                  (long long)run->server.bytes);
    strbuf_bytes(&out, failures.data, failures.length);
    strbuf_text(&out, "],\"left_out\":[");
    write_skipped(&run->list, &out);
    strbuf_text(&out, "]}");
    if (strbuf_failed(&out) || strbuf_failed(&failures))
        rc = fail(err, STATUS_TOO_LARGE, "", "the outcome is too large for one document");
    else
        puts(out.data);
    strbuf_free(&out);
    strbuf_free(&failures);
    return rc;
}

static enum status report(struct warm_run *run, const struct command_call *call, size_t *failed,
                          struct error *err)
{
    char size[PROGRESS_SIZE_TEXT];

    if (call->json)
        return write_document(run, failed, err);
    tell_skipped(&run->list);
    *failed = tell_failures(run, NULL);
    progress_size(run->server.bytes, size);
    if (!run->list.version_count)
        puts("nothing to warm: no package of a registry is named");
    else
        printf("warmed %zu of %zu packages, %s\n", run->list.version_count - *failed,
               run->list.version_count, size);
    return STATUS_OK;
}

static enum status take_jobs(const struct command_call *call, size_t *jobs, struct error *err)
{
    const char *text = command_option(call, "jobs");
    char *end;
    long number;

    *jobs = JOBS_DEFAULT;
    if (!text)
        return STATUS_OK;
    number = strtol(text, &end, 10);
    if (end == text || *end || number < 1 || number > JOBS_MAX)
        return fail(err, STATUS_INVALID, "", "--jobs: '%.40s' is no number from 1 to %d", text,
                    JOBS_MAX);
    *jobs = (size_t)number;
    return STATUS_OK;
}

static int warm(struct command_call *call)
{
    struct warm_run run = {
        .server = {.url = call->settings->url, .token = call->settings->token}
    };
    size_t jobs, failed = 0;
    struct error err = {0};
    int code = EXIT_USAGE;
    enum status rc;

    warm_list_init(&run.list, call->arena);
    pthread_mutex_init(&run.lock, NULL);
    if (take_jobs(call, &jobs, &err) ||
        client_repository(call, &run.server.org, &run.server.repo, &err)) {
        command_usage(call, "%s", err.message);
        goto done;
    }
    for (size_t i = 0; i < call->argument_count; i++)
        if (warm_list_add(&run.list, call->arguments[i], &err)) {
            fprintf(stderr, "packhouse: %s\n", err.message);
            goto done;
        }
    warm_list_finish(&run.list);
    if (!(rc = run_threads(&run, call, jobs, &err)))
        rc = report(&run, call, &failed, &err);
    code = rc ? command_fail(call, &err) : failed ? EXIT_REFUSED : EXIT_DONE;
done:
    warm_list_clear(&run.list);
    pthread_mutex_destroy(&run.lock);
    return code;
}

static const struct command_option warm_options[] = {
    {"jobs",                                                "N", "so many packages at once; 8 by default, at most 64"},
    {0},
};

const struct command warm_commands[] = {
    {"warm",     NULL, "FILE...", "Asks for all that lockfiles name, so that it is here",
     "Reads package-lock.json, npm-shrinkwrap.json, pnpm-lock.yaml, yarn.lock, bun.lock,\n"
     "requirements.txt, uv.lock, poetry.lock, pdm.lock and pylock.toml, and asks the server for "
     "each\n"
     "package that they name, by name and version. The URLs in a lockfile are never asked. What "
     "failed\n"
     "is listed at the end, with the server's reason; then the exit code is 1.", warm_options, SETTING_CLIENT, warm},
    {0},
};
