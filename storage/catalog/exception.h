/* What people let through in spite of policy: with a scope, an end and a comment, always. At its end
 * nothing but time is needed. Access spec C4. */
#pragma once
#include "policy/verdict.h"
#include "storage/catalog/access.h"

struct arena;
struct db;
struct transaction;

enum { EXCEPTION_DAYS_MAX = 180, EXCEPTION_COMMENT_MAX = 1000, EXCEPTION_WANTED_MAX = 200 };

enum exception_scope { SCOPE_VERSION = 1, SCOPE_RANGE, SCOPE_NAME };
const char *exception_scope_name(enum exception_scope scope); /* "version", "range", "name" */
enum exception_scope exception_scope_from_name(const char *word); /* 0: none */

struct exception {
    int64_t id, number; /* number: the org's own count, from 1 on */
    enum format format;
    const char *name, *name_fold;
    enum exception_scope scope;
    const char *wanted; /* the version or the range; "" for a name */
    const char *rules;  /* the findings that it clears, separated by blanks */
    const char *bytes;  /* for a version: a line "FILE DIGEST" for each that was approved; else "" */
    const char *comment;
    bool is_alone; /* by the one who had asked for it, for there was nobody else */
    int64_t not_after_us;

    /* Filled by lists. */
    const char *by, *ended_by; /* ended_by NULL: it was not */
    const char *ended_reason;
    int64_t created_us, ended_us;
    int64_t request; /* the number of the request that it answers, the first of many; 0: none */
    const char *grave; /* which rules were grave then: of those that it decided besides, none were; NULL: none */
};

/* What it covers, as policies name packages: "npm:left-pad@^1.3". */
const char *exception_pattern(const struct exception *exception, struct arena *arena);

/* For operations: makes it, and says so in its number and id. STATUS_INVALID "invalid-value" where it
 * is none that may be: no comment, no end or one too far, a range that is none, a version without
 * bytes. */
enum status tx_add_exception(struct transaction *tx, const struct actor *actor, int64_t org_id,
                             struct exception *exception, struct error *err);
/* Ends it before its time. STATUS_CONFLICT "exception-over" where it has ended. */
enum status catalog_end_exception(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                                  int64_t number, const char *reason, struct error *err);
/* Announces those that end within seven days, or that have half their time behind them where they are
 * shorter than a fortnight: an event "exception.ending", once for each. */
enum status catalog_announce_endings(struct catalog *catalog, int64_t *count, struct error *err);

struct exception_filter {
    int64_t org_id;
    bool with_ended;
    enum format format; /* 0: every package */
    const char *name_fold;
};
/* Newest first, before this number (0: from the top). */
enum status catalog_list_exceptions(struct catalog *catalog, const struct exception_filter *filter,
                                    int64_t before, size_t limit, struct arena *arena,
                                    struct exception **out, size_t *count, struct error *err);
/* STATUS_NOT_FOUND without it. */
enum status catalog_find_exception(struct catalog *catalog, int64_t org_id, int64_t number,
                                   struct arena *arena, struct exception *out, struct error *err);
bool exception_is_live(const struct exception *exception, int64_t now_us);

/* The org's live ones as verdict_take() wants them. */
enum status catalog_load_exceptions(struct db *db, int64_t org_id, struct arena *arena,
                                    struct policy_exception **out, size_t *count, struct error *err);
