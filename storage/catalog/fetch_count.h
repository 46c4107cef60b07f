/* Who fetched what under which verdict: counted for each (version, repository, account, day, verdict)
 * in memory, written down by the jobs in batches. What was counted in the last minute before a crash is
 * lost. Issue: the fetch log that replay and audit read. */
#pragma once
#include "policy/verdict.h"
#include "storage/catalog/repository.h"

struct noted;

struct fetch_count {
    int64_t org_id, repository_id; /* the asking repository */
    enum format format;
    const char *name_fold, *version;
    int64_t account_id; /* 0: anonymous */
    enum verdict_action verdict;
    bool is_audited;   /* the verdict was only recorded, and the bytes went out all the same */
    const char *rules; /* the findings that stand, separated by blanks; "" for ALLOW */
    const char *facts; /* stored form, as facts_write() has it; NULL: not known */

    /* Filled by lists. */
    const char *repository, *account;
    int64_t facts_id; /* equal where the facts are */
    int64_t day;      /* since 1970 */
    int64_t fetches, last_us;
};

struct noted *fetch_counts_new(void);

/* A file of the version was asked for, and got this verdict. Costs no query; under a flood of versions
 * some are not counted. */
void catalog_note_fetch(struct catalog *catalog, const struct fetch_count *fetch);
/* Writes down what was counted. */
enum status catalog_write_fetches(struct catalog *catalog, struct error *err);
/* Forgets what is older than that many days. */
enum status catalog_forget_fetches(struct catalog *catalog, int64_t days, struct error *err);

/* One package's, newest day first; version NULL: of every version. At most limit. */
enum status catalog_list_fetches(struct catalog *catalog, int64_t org_id, enum format format,
                                 const char *name_fold, const char *version, size_t limit,
                                 struct arena *arena, struct fetch_count **out, size_t *count,
                                 struct error *err);
/* All of the org's from that day on, in order of day. What a visitor gets lives only during the call;
 * its failure ends the walk. */
enum status catalog_walk_fetches(struct catalog *catalog, int64_t org_id, int64_t since_day,
                                 enum status (*visit)(void *context, const struct fetch_count *fetch,
                                                      struct error *err),
                                 void *context, struct error *err);
