/* What people ask to be let through: one request for each version, however many ask for it, and one
 * decision. Nobody approves what he asked for himself. Access spec C4. */
#pragma once
#include "storage/catalog/exception.h"

enum { REQUEST_REASON_MAX = 1000, REQUESTS_MAX = 5000 }; /* the latter: made at once */

enum request_state { REQUEST_OPEN = 1, REQUEST_APPROVED, REQUEST_DENIED };
const char *request_state_name(enum request_state state); /* "open", "approved", "denied" */

/* A version that policy holds back from a repository, with what policy knows of it. */
struct wanted_version {
    int64_t repository_id;
    enum format format;
    const char *name, *name_fold, *version;
    const char *rules; /* the findings that stand, separated by blanks */
    const char *grave; /* those of them that only the role security clears */
    const char *facts; /* a line for each file, as facts_write() has it */

    /* Filled by catalog_create_requests(). */
    int64_t number; /* the org's own count, from 1 on */
    bool is_new;    /* false: it was asked for already, and one more asks now */
};

/* Asks for them all, or joins those who ask already. Who asks twice, with whatever token, asked once;
 * his last reason is kept. */
enum status catalog_create_requests(struct catalog *catalog, const struct actor *actor,
                                    int64_t org_id, struct wanted_version *versions, size_t count,
                                    const char *reason, struct error *err);

struct request_entry {
    int64_t number, repository_id;
    const char *repository;
    enum format format;
    const char *name, *name_fold, *version, *rules, *grave, *facts;
    enum request_state state;
    int64_t requesters, created_us, decided_us;
    const char *first_by, *reason; /* of the one who asked first */
    const char *decided_by, *comment; /* NULL while it is open */
    int64_t exception; /* the number of what came of it; 0: nothing */
};

struct request_filter {
    int64_t org_id;
    enum request_state state; /* 0: every one */
    enum format format;       /* 0: every package */
    const char *name_fold;
};
/* Newest first, before this number (0: from the top). Without facts. */
enum status catalog_list_requests(struct catalog *catalog, const struct request_filter *filter,
                                  int64_t before, size_t limit, struct arena *arena,
                                  struct request_entry **out, size_t *count, struct error *err);
/* STATUS_NOT_FOUND without it. */
enum status catalog_find_request(struct catalog *catalog, int64_t org_id, int64_t number,
                                 struct arena *arena, struct request_entry *out, struct error *err);

/* For operations; id is the row's. */
enum status tx_find_request(struct transaction *tx, int64_t org_id, int64_t number,
                            struct arena *arena, struct request_entry *out, int64_t *id,
                            struct error *err);

struct requester {
    const char *account, *reason;
    int64_t at_us;
};
/* Who asked for it, first one first. */
enum status catalog_list_requesters(struct catalog *catalog, int64_t org_id, int64_t number,
                                    struct arena *arena, struct requester **out, size_t *count,
                                    struct error *err);

/* "FILE DIGEST" lines: a digest each that the facts of a version's files name, as exceptions keep them. */
enum status request_bytes(const char *facts, struct arena *arena, const char **out,
                          struct error *err);

struct decision {
    const struct actor *actor;
    int64_t org_id, number;
    bool approves;
    bool alone;       /* he asked for it himself, and says that nobody else can decide */
    bool is_security; /* may clear what is grave */
    const char *comment;

    /* Of an approval. */
    enum exception_scope scope;
    const char *range;        /* of SCOPE_RANGE */
    const char *rules;        /* NULL: all that the request names */
    int64_t not_after_us;

    /* Filled by an approval. */
    struct exception exception;
    int64_t *covered; /* numbers of other open requests that it decides, in the arena */
    size_t covered_count;
};
/* Decides, and lets through in the same transaction what was approved. STATUS_CONFLICT
 * "request-decided" where somebody was faster; STATUS_FORBIDDEN "own-request", "not-alone" where others
 * could decide, or "needs-security". For STATUS_INVALID see tx_add_exception(). A
 * version is approved with the bytes that the request's facts name. A range or a name decides all open
 * requests of the name whose rules it clears, but for those that the one who approves asked himself. */
enum status catalog_decide_request(struct catalog *catalog, struct decision *decision,
                                   struct arena *arena, struct error *err);
