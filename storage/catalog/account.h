/* Accounts, their grants, and tokens. Access spec B1, B3. */
#pragma once
#include "storage/catalog/access.h"

struct account {
    int64_t id;
    const char *name;
    bool is_owner;
    int64_t created_us;
};

bool account_name_is_valid(const char *name); /* as an org's name, or an e-mail-like word */
enum status catalog_create_account(struct catalog *catalog, const struct actor *actor,
                                   const char *name, int64_t *id, struct error *err);
/* The instance's owner, who may everything; made by init, acting for himself. */
enum status catalog_create_owner(struct catalog *catalog, const char *name, int64_t *id,
                                 struct error *err);
enum status catalog_find_account(struct catalog *catalog, const char *name, struct arena *arena,
                                 struct account *out, struct error *err);
enum status catalog_list_accounts(struct catalog *catalog, const char *after, size_t limit,
                                  struct arena *arena, struct account **out, size_t *count,
                                  struct error *err);

/* grant->subject names the account. The same grant again is STATUS_OK with the id that it has. */
enum status catalog_add_grant(struct catalog *catalog, const struct actor *actor,
                              const struct grant *grant, int64_t *id, struct error *err);
enum status catalog_remove_grant(struct catalog *catalog, const struct actor *actor, int64_t id,
                                 struct error *err);
enum status catalog_find_grant(struct catalog *catalog, int64_t id, struct arena *arena,
                               struct grant *out, struct error *err);
/* Grants whose repository glob is in org, all where org is NULL; in order of id, after this id. */
enum status catalog_list_grants(struct catalog *catalog, const char *org, int64_t after,
                                size_t limit, struct arena *arena, struct grant **out,
                                size_t *count, struct error *err);
