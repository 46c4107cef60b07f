#include "storage/catalog/account.h"

#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"

#include <ctype.h>
#include <string.h>

enum { ACCOUNT_NAME_MAX = 64 };

bool account_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    if (!length || length > ACCOUNT_NAME_MAX || !isalnum((unsigned char)name[0]))
        return false;
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("._@+-", *name))
            return false;
    return true;
}

struct new_account {
    const struct actor *actor;
    const char *name;
    bool is_owner;
    int64_t id;
};

static enum status insert_account(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] = "INSERT INTO account(name, is_owner, created_us) VALUES(?1, ?2, ?3)";
    struct new_account *account = argument;
    struct query *query = db_query(tx->db, INSERT);
    enum status rc;

    db_bind_text(query, 1, account->name);
    db_bind_int(query, 2, account->is_owner);
    db_bind_int(query, 3, tx->now_us);
    if ((rc = name_taken(db_run(query, err), "the account", account->name, err)))
        return rc;
    account->id = db_last_id(tx->db);
    tx_access_changed(tx);
    return tx_record(tx, account->actor, 0, "account.created", account->name, "{}", err);
}

static enum status create_account(struct catalog *catalog, const struct actor *actor,
                                  const char *name, bool is_owner, int64_t *id, struct error *err)
{
    struct new_account account = {actor, name, is_owner, 0};
    enum status rc;

    if (!account_name_is_valid(name))
        return fail(err, STATUS_INVALID, "invalid-name",
                    "an account's name has 1 to 64 letters, digits and '.', '_', '@', '+', '-', and "
                    "begins with a letter or digit");
    if (!strcmp(name, principal_anonymous.name))
        return fail(err, STATUS_INVALID, "invalid-name", "nobody can be called %s", name);
    rc = writer_run(catalog_writer(catalog), insert_account, &account, NULL, 0, err);
    *id = account.id;
    return rc;
}

enum status catalog_create_account(struct catalog *catalog, const struct actor *actor,
                                   const char *name, int64_t *id, struct error *err)
{
    return create_account(catalog, actor, name, false, id, err);
}

enum status catalog_create_owner(struct catalog *catalog, const char *name, int64_t *id,
                                 struct error *err)
{
    const struct principal itself = {.name = name};
    const struct actor actor = {.principal = &itself, .peer = "local"};

    return create_account(catalog, &actor, name, true, id, err);
}

static void take_account(struct query *query, struct arena *arena, struct account *out)
{
    *out = (struct account){
        .id = db_int(query, 0),
        .name = arena_copy(arena, db_text(query, 1)),
        .is_owner = db_int(query, 2),
        .created_us = db_int(query, 3),
    };
}

enum status catalog_find_account(struct catalog *catalog, const char *name, struct arena *arena,
                                 struct account *out, struct error *err)
{
    static const char FIND[] = "SELECT id, name, is_owner, created_us FROM account WHERE name = ?1";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_text(reading.query, 1, name);
    if (!(rc = reading_one(&reading, "the account", name, err)))
        take_account(reading.query, arena, out);
    reading_end(&reading);
    return rc;
}

enum status catalog_list_accounts(struct catalog *catalog, const char *after, size_t limit,
                                  struct arena *arena, struct account **out, size_t *count,
                                  struct error *err)
{
    static const char LIST[] = "SELECT id, name, is_owner, created_us FROM account WHERE name > ?1"
                               " ORDER BY name LIMIT ?2";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_text(reading.query, 1, after ? after : "");
    db_bind_int(reading.query, 2, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        take_account(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}
