/* Who may: actions, roles, grants, and the principal that a token stands for. Access spec B1, B3.
 * Decision: nothing allowed by default; a matching deny wins; else a matching allow; then the token's
 * own restriction. A token never does more than its owner. */
#pragma once
#include "storage/catalog/repository.h"

enum action {
    REPO_READ = 1 << 0,
    REPO_LIST = 1 << 1,
    PKG_PUBLISH = 1 << 2,
    PKG_STAGE = 1 << 3,
    PKG_TAG = 1 << 4,
    PKG_DEPRECATE = 1 << 5,
    PKG_DELETE = 1 << 6,
    REPO_ADMIN = 1 << 7,
    ORG_ADMIN = 1 << 8,
    TOKEN_ADMIN = 1 << 9,
    AUDIT_READ = 1 << 10,
    POLICY_READ = 1 << 11,
    POLICY_WRITE = 1 << 12,
    EXCEPTION_REQUEST = 1 << 13,
    EXCEPTION_APPROVE = 1 << 14,
    ACTIONS_ALL = (1 << 15) - 1,
};

/* The actions of a role: reader, stager, publisher, maintainer, approver, admin, security, org-admin; 0
 * for no such role. */
unsigned role_actions(const char *role);
/* "pkg:publish" and back; 0 and NULL for none. */
unsigned action_from_name(const char *name);
const char *action_name(enum action action);

enum grant_effect { GRANT_ALLOW = 1, GRANT_DENY = 2 };

struct grant {
    int64_t id;
    const char *subject; /* account name; only filled by lists */
    const char *role;    /* NULL where actions were given one by one */
    unsigned actions;
    const char *repository; /* glob over "org/repo"; the org is literal unless the owner granted it */
    const char *package;    /* glob over "format:name" or "name": '*' within a segment, '**' across */
    enum grant_effect effect;
};

struct principal {
    int64_t account_id, token_id; /* 0: anonymous */
    const char *name;             /* of the account; "anonymous" */
    bool is_owner;                /* of the instance: may everything */
    const struct grant *grants;
    size_t grant_count;
    /* The token's own restriction. */
    unsigned actions;              /* mask */
    const char *const *repositories; /* globs, any may match; NULL: all */
    size_t repository_count;
    const char *const *packages; /* globs over "format:name" or "name"; NULL: all */
    size_t package_count;
    int64_t expires_us; /* 0: never */
};

extern const struct principal principal_anonymous;

/* Who is acting, for the audit row. */
struct actor {
    const struct principal *principal;
    const char *peer, *request_id;
};

/* Whether the principal may do this to the package, "format:name" such as "npm:@acme/ui", or to the
 * repository where package is NULL. From memory, no allocation. */
bool access_allows(const struct principal *principal, const struct repository *repository,
                   const char *package, enum action action);
/* Whether he may know that the repository exists: any action, on any package of it. */
bool access_sees(const struct principal *principal, const struct repository *repository);
/* An action on an org as a whole, such as ORG_ADMIN: given by grants on all of its repositories and
 * packages alone, refused by any. */
bool access_allows_org(const struct principal *principal, const char *org, enum action action);
/* What concerns the instance as a whole: its owner, with a token that restricts nothing. */
bool access_allows_instance(const struct principal *principal);
bool access_sees_org(const struct principal *principal, const char *org);

/* Finds the principal of a token as the client sent it. STATUS_UNAUTHENTICATED, in words that tell
 * malformed, unknown, expired and revoked apart only to the log; the result lives in the arena. From
 * memory but for the first time. */
enum status access_authenticate(struct catalog *catalog, const char *token, struct arena *arena,
                                const struct principal **out, struct error *err);

struct access_cache;
struct access_cache *access_cache_new(void);
void access_cache_free(struct access_cache *cache);
/* Called by the writer after each commit that changed accounts, grants, tokens or repositories. */
void access_cache_clear(struct access_cache *cache);
