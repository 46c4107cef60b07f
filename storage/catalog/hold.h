/* Versions that policy held back from somebody: listed, and requestable without being fetched. Noted
 * in memory by whoever takes verdicts, written down by the jobs. Access spec C4. */
#pragma once
#include "policy/verdict.h"
#include "storage/catalog/repository.h"

struct noted;
struct transaction;

struct hold {
    int64_t org_id, repository_id; /* the asking repository */
    enum format format;
    const char *name, *name_fold, *version;
    enum verdict_action verdict; /* HOLD or DENY */
    const char *rules;           /* the findings that stand, separated by blanks */
    int64_t until_us;            /* when it lets go by itself; INT64_MAX: never */

    /* Filled by lists. */
    const char *repository;
    int64_t first_us, last_us; /* last: to the hour */
};

struct noted *hold_notes_new(void);

/* Costs no query; under a flood some are not noted. Names that no package can have are not either. */
void catalog_note_hold(struct catalog *catalog, const struct hold *hold);
/* Writes down what was noted, and drops what is over: its time has come, or nobody has asked for it
 * in a long time. */
enum status catalog_write_holds(struct catalog *catalog, struct error *err);

struct hold_filter {
    int64_t org_id, repository_id; /* repository_id 0: every one */
    enum format format;            /* 0: every package */
    const char *name_fold;
    enum verdict_action verdict; /* ALLOW: both */
};
/* Those that are not over, in order of format, name and version, behind the position of `after`, as
 * hold_position() has it; NULL: from the start. */
enum status catalog_list_holds(struct catalog *catalog, const struct hold_filter *filter,
                               const char *after, size_t limit, struct arena *arena,
                               struct hold **out, size_t *count, struct error *err);
const char *hold_position(const struct hold *hold, struct arena *arena);
/* STATUS_NOT_FOUND where the version is not known to be held there. */
enum status catalog_find_hold(struct catalog *catalog, const struct repository *repository,
                              enum format format, const char *name_fold, const char *version,
                              struct arena *arena, struct hold *out, struct error *err);

/* For operations: verdicts are taken anew, so that what is held is not known before somebody asks. */
enum status tx_drop_holds(struct transaction *tx, int64_t org_id, struct error *err);
enum status tx_drop_holds_of_name(struct transaction *tx, int64_t org_id, enum format format,
                                  const char *name_fold, struct error *err);
