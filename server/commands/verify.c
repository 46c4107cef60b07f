/* `packhouse verify`: every row and byte accounted for. */
#include "server/commands/nouns.h"
#include "storage/catalog/verify.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <unistd.h>

enum { VERIFY_CLEAN = 0, VERIFY_FINDINGS = 1, VERIFY_BLIND = 2, REPORT_MAX = 4 << 20, LISTED = 1000 };

static void show_progress(int64_t done, int64_t total)
{
    fprintf(stderr, "\rverifying %lld of %lld blobs", (long long)done, (long long)total);
}

static void print_json(struct arena *arena, const struct verify_report *report)
{
    struct strbuf out;

    strbuf_init(&out, arena, REPORT_MAX);
    strbuf_format(&out,
                  "{\"clean\":%s,\"files\":%lld,\"versions\":%lld,\"blobs\":%lld,\"bytes\":%lld,"
                  "\"orphans\":%lld,\"orphan_bytes\":%lld,\"finding_count\":%lld,\"findings\":[",
                  report->finding_count ? "false" : "true", (long long)report->files,
                  (long long)report->versions, (long long)report->blobs, (long long)report->bytes,
                  (long long)report->orphans, (long long)report->orphan_bytes,
                  (long long)report->finding_count);
    for (int64_t i = 0; i < report->finding_count && i < LISTED; i++) {
        strbuf_text(&out, i ? "," : "");
        strbuf_json(&out, report->findings[i]);
    }
    strbuf_text(&out, "]}");
    puts(out.data);
}

static void print_text(const struct verify_report *report)
{
    for (int64_t i = 0; i < report->finding_count && i < LISTED; i++)
        printf("%s\n", report->findings[i]);
    if (report->finding_count > LISTED)
        printf("… and %lld more\n", (long long)report->finding_count - LISTED);
    if (report->orphans)
        printf("%lld orphans (%lld bytes): stored, but named by nothing; a crash may leave them, and "
               "they hurt nobody\n", (long long)report->orphans, (long long)report->orphan_bytes);
    printf("%lld files of %lld versions in %lld blobs, %lld bytes: %s\n", (long long)report->files,
           (long long)report->versions, (long long)report->blobs, (long long)report->bytes,
           report->finding_count ? "NOT clean" : "clean");
}

static int verify(struct command_call *call)
{
    bool full = command_option(call, "full"), shows = !call->json && isatty(STDERR_FILENO);
    struct verify_report report;
    struct error err;
    enum status rc;

    rc = catalog_verify(call->settings->data, full, call->arena, &report,
                        shows ? show_progress : NULL, &err);
    if (shows)
        fputs("\r\033[K", stderr);
    if (rc) {
        command_fail(call, &err);
        return VERIFY_BLIND;
    }
    if (call->json)
        print_json(call->arena, &report);
    else
        print_text(&report);
    return report.finding_count ? VERIFY_FINDINGS : VERIFY_CLEAN;
}

static const struct command_option verify_options[] = {
    {"full", NULL, "also reads every byte and compares it with its digest"},
    {0},
};

const struct command verify_commands[] = {
    {"verify", NULL, NULL, "Accounts for every row and byte of a data directory",
     "Reads only, so a server may be using the directory. Exit code 0: clean (orphans are listed,\n"
     "and clean); 1: findings; 2: could not look.", verify_options, SETTING_SERVER, verify},
    {0},
};
