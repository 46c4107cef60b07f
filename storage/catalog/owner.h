/* A name has one owner: the org, or one upstream. Who owns a name is read before any look-up, and
 * again in the transaction of every publish and every ingest. DESIGN 1. */
#pragma once
#include "storage/catalog/upstream.h"

struct transaction;

/* What two spellings of one name share: npm's case folded; Python's name normalised already. false:
 * the name is outside ASCII, so that it is 404 and asked nowhere. */
bool owner_fold_name(enum format format, const char *name_norm, struct arena *arena,
                     const char **out);

enum home_kind {
    HOME_ABSENT,   /* nobody has it, and no upstream is to be asked: 404 */
    HOME_CLAIMED,  /* the org's, and not there: npm 404, Python 200 without files */
    HOME_LOCAL,    /* in repository: the asked one, or a local source of it */
    HOME_UPSTREAM, /* upstreams has one: its owner, which alone may be asked */
    HOME_UNOWNED,  /* no row: upstreams are to be asked in order; the first that has it owns it */
};

/* Where a name lives for those who ask this repository. */
struct home {
    enum home_kind kind;
    struct repository repository;
    const struct upstream *upstreams;
    size_t upstream_count;
    uint64_t generation; /* of the org's sources, owners and claims, read before they were looked at */
};
enum status catalog_find_home(struct catalog *catalog, const struct repository *repository,
                              enum format format, const char *name_norm, struct arena *arena,
                              struct home *out, struct error *err);

/* Grows with every change of the org's sources, upstreams, claims, set owners, policy and exceptions;
 * from memory, without a lock. What was rendered under another one is not served. */
uint64_t catalog_home_generation(struct catalog *catalog, int64_t org_id);
/* The same without changes of the policy and its exceptions: under another one a name may live elsewhere. */
uint64_t catalog_place_generation(struct catalog *catalog, int64_t org_id);
/* Moves both on without a change: what was rendered is to be looked at again. */
void catalog_renew_homes(struct catalog *catalog, int64_t org_id);

/* For operations. The owner of the name as it is now: *upstream_id is 0 for the org (also by claim).
 * STATUS_NOT_FOUND, without words, where nobody owns it. */
enum status tx_find_owner(struct transaction *tx, int64_t org_id, enum format format,
                          const char *name_fold, int64_t *upstream_id, struct error *err);
/* A publish: makes the org the owner of an unowned name. STATUS_CONFLICT "name-owned-by-upstream", with
 * the sentence that says how an administrator moves it, where an upstream owns it. */
enum status tx_own_by_org(struct transaction *tx, int64_t org_id, enum format format,
                          const char *name, const char *name_fold, struct error *err);
/* Fails with rc and "name-owned-by-upstream", in the words of every way to publish or change. */
enum status owner_is_upstream(enum status rc, enum format format, const char *name,
                              const char *upstream, struct error *err);
/* An ingest: makes the upstream the owner of an unowned name. STATUS_CONFLICT "owner-changed" where
 * anybody else owns it by now: then nothing of the ingest is kept or served. */
enum status tx_own_by_upstream(struct transaction *tx, const struct upstream *upstream,
                               const char *name_fold, struct error *err);

struct owner {
    enum format format;
    const char *name_fold;
    const char *upstream; /* NULL: the org */
    const char *claim;    /* the pattern that makes it the org's; NULL: a row does */
    int64_t since_us;
};
/* STATUS_NOT_FOUND where nobody owns it. */
enum status catalog_find_owner(struct catalog *catalog, int64_t org_id, enum format format,
                               const char *name_norm, struct arena *arena, struct owner *out,
                               struct error *err);
/* Versions of the name that are stored, in their order: by an upstream of this name; NULL: by the org's own
 * repositories. */
enum status catalog_list_stored_versions(struct catalog *catalog, int64_t org_id, enum format format,
                                         const char *name_norm, const char *upstream,
                                         struct arena *arena, const char ***versions, size_t *count,
                                         struct error *err);
enum status catalog_set_owner(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                              enum format format, const char *name_norm,
                              const struct upstream *upstream, const char *reason,
                              struct error *err);

struct claim {
    enum format format; /* 0: every format */
    const char *pattern;
    int64_t created_us;
};
/* A pattern as names are folded: npm's case, PEP 503's signs; '*' stays. */
const char *claim_fold(enum format format, const char *pattern, struct arena *arena);
/* Whether the claim makes the name the org's: '*' stands for all but a slash. */
bool claim_covers(const struct claim *claim, enum format format, const char *name_fold);
/* '*' alone, and patterns without a literal beginning, are refused. Where upstreams own names that the
 * pattern matches: STATUS_CONFLICT "owned-by-upstreams" unless take; *owned lists them in any case. */
enum status catalog_add_claim(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                              enum format format, const char *pattern, bool take,
                              struct arena *arena, struct owner **owned, size_t *owned_count,
                              struct error *err);
enum status catalog_remove_claim(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                                 enum format format, const char *pattern, struct error *err);
enum status catalog_list_claims(struct catalog *catalog, int64_t org_id, struct arena *arena,
                                struct claim **out, size_t *count, struct error *err);
