#include "storage/catalog/token.h"

#include "config/clock.h"
#include "config/log.h"
#include "storage/catalog/access_cache.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/secret.h"

#include <stdio.h>
#include <string.h>

enum { PREFIX = 5, RANDOM = 30, CHECKSUM = 6, GLOBS_MAX = 64, GRANTS_MAX = 1024 };

/* CRC-32 of IEEE 802.3, as scanners for secrets compute it. */
static uint32_t crc32_of(const char *text, size_t length)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void write_checksum(char *text)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t crc = crc32_of(text, PREFIX + RANDOM);

    for (int i = CHECKSUM - 1; i >= 0; i--, crc /= 62)
        text[PREFIX + RANDOM + i] = digits[crc % 62];
    text[PREFIX + RANDOM + CHECKSUM] = '\0';
}

bool token_is_well_formed(const char *text)
{
    char copy[TOKEN_SIZE];

    if (strlen(text) != TOKEN_SIZE - 1 || strncmp(text, "pkh", 3) || text[PREFIX - 1] != '_')
        return false;
    memcpy(copy, text, sizeof copy);
    write_checksum(copy);
    return !strcmp(copy, text);
}

struct new_token {
    const struct actor *actor;
    struct token *token;
    uint8_t key_hash[SHA256_SIZE];
};

static enum status insert_token(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO token(key_hash, account_id, name, hint, actions, repositories, packages, created_us,"
        " expires_us) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    struct new_token *new = argument;
    struct token *token = new->token;
    struct query *query = db_query(tx->db, INSERT);
    char target[32];
    enum status rc;

    token->created_us = tx->now_us;
    db_bind_bytes(query, 1, new->key_hash, SHA256_SIZE);
    db_bind_int(query, 2, token->account_id);
    db_bind_text(query, 3, token->name ? token->name : "");
    db_bind_text(query, 4, token->hint);
    db_bind_int(query, 5, token->actions);
    db_bind_text(query, 6, token->repositories);
    db_bind_text(query, 7, token->packages);
    db_bind_int(query, 8, token->created_us);
    db_bind_int(query, 9, token->expires_us);
    if ((rc = db_run(query, err)))
        return rc;
    token->id = db_last_id(tx->db);
    snprintf(target, sizeof target, "token:%lld", (long long)token->id);
    return tx_record(tx, new->actor, 0, "token.created", target, "{}", err);
}

enum status catalog_create_token(struct catalog *catalog, const struct actor *actor,
                                 struct token *token, struct arena *arena, char text[TOKEN_SIZE],
                                 struct error *err)
{
    struct new_token new = {.actor = actor, .token = token};

    memcpy(text, "pkhp_", PREFIX);
    secret_base62(text + PREFIX, RANDOM);
    write_checksum(text);
    digest_sha256(text, strlen(text), new.key_hash);
    token->hint = arena_format(arena, "%.8s…%s", text, text + TOKEN_SIZE - 5);
    return writer_run(catalog_writer(catalog), insert_token, &new, NULL, 0, err);
}

struct revocation {
    const struct actor *actor;
    int64_t id;
};

static enum status update_revoked(struct transaction *tx, void *argument, struct error *err)
{
    static const char FIND[] = "SELECT revoked_us FROM token WHERE id = ?1";
    static const char REVOKE[] = "UPDATE token SET revoked_us = ?2 WHERE id = ?1";
    struct revocation *revocation = argument;
    struct query *query = db_query(tx->db, FIND);
    bool is_revoked;
    char target[32];
    enum status rc;

    snprintf(target, sizeof target, "token:%lld", (long long)revocation->id);
    db_bind_int(query, 1, revocation->id);
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? fail(err, rc, "", "there is no %s", target) : rc;
    is_revoked = db_int(query, 0);
    db_reset(query);
    if (is_revoked)
        return STATUS_OK;
    query = db_query(tx->db, REVOKE);
    db_bind_int(query, 1, revocation->id);
    db_bind_int(query, 2, tx->now_us);
    if ((rc = db_run(query, err)))
        return rc;
    tx_access_changed(tx);
    return tx_record(tx, revocation->actor, 0, "token.revoked", target, "{}", err);
}

enum status catalog_revoke_token(struct catalog *catalog, const struct actor *actor, int64_t id,
                                 struct error *err)
{
    struct revocation revocation = {actor, id};

    return writer_run(catalog_writer(catalog), update_revoked, &revocation, NULL, 0, err);
}

#define TOKEN_COLUMNS                                                                              \
    "t.id, t.account_id, a.name, t.name, t.hint, t.actions, t.repositories, t.packages,"           \
    " t.created_us, t.expires_us, t.revoked_us, t.used_us"

static void take_token(struct query *query, struct arena *arena, struct token *out)
{
    *out = (struct token){
        .id = db_int(query, 0),
        .account_id = db_int(query, 1),
        .account = arena_copy(arena, db_text(query, 2)),
        .name = arena_copy(arena, db_text(query, 3)),
        .hint = arena_copy(arena, db_text(query, 4)),
        .actions = (unsigned)db_int(query, 5),
        .repositories = arena_copy(arena, db_text(query, 6)),
        .packages = arena_copy(arena, db_text(query, 7)),
        .created_us = db_int(query, 8),
        .expires_us = db_int(query, 9),
        .revoked_us = db_int(query, 10),
        .used_us = db_int(query, 11),
    };
}

enum status catalog_find_token(struct catalog *catalog, int64_t id, struct arena *arena,
                               struct token *out, struct error *err)
{
    static const char FIND[] = "SELECT " TOKEN_COLUMNS
                               " FROM token t JOIN account a ON a.id = t.account_id WHERE t.id = ?1";
    struct reading reading;
    char name[24];
    enum status rc;

    snprintf(name, sizeof name, "%lld", (long long)id);
    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, id);
    if (!(rc = reading_one(&reading, "the token", name, err)))
        take_token(reading.query, arena, out);
    reading_end(&reading);
    return rc;
}

enum status catalog_list_tokens(struct catalog *catalog, int64_t account_id, int64_t before,
                                size_t limit, struct arena *arena, struct token **out,
                                size_t *count, struct error *err)
{
    static const char OF_ONE[] = "SELECT " TOKEN_COLUMNS
                                 " FROM token t JOIN account a ON a.id = t.account_id"
                                 " WHERE t.account_id = ?3 AND t.id < ?1 ORDER BY t.id DESC LIMIT ?2";
    static const char OF_ALL[] = "SELECT " TOKEN_COLUMNS
                                 " FROM token t JOIN account a ON a.id = t.account_id"
                                 " WHERE t.id < ?1 ORDER BY t.id DESC LIMIT ?2";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, account_id ? OF_ONE : OF_ALL, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, before ? before : INT64_MAX);
    db_bind_int(reading.query, 2, (int64_t)limit);
    if (account_id)
        db_bind_int(reading.query, 3, account_id);
    while (!(rc = db_next_row(reading.query, err)))
        take_token(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

/* Splits globs at blanks; NULL stays NULL, which restricts nothing. */
static const char *const *split_globs(const char *text, struct arena *arena, size_t *count)
{
    const char **globs;
    char *copy = arena_copy(arena, text), *save = NULL;

    *count = 0;
    if (!text)
        return NULL;
    globs = arena_array(arena, GLOBS_MAX, sizeof *globs);
    for (char *glob = strtok_r(copy, " ", &save); glob && *count < GLOBS_MAX;
         glob = strtok_r(NULL, " ", &save))
        globs[(*count)++] = glob;
    return globs;
}

static enum status load_grants(struct db *db, struct arena *arena, struct principal *principal,
                               struct error *err)
{
    static const char LIST[] = "SELECT id, role, actions, repository_glob, package_glob, effect"
                               " FROM access_grant WHERE account_id = ?1 LIMIT ?2";
    struct query *query = db_query(db, LIST);
    struct grant *grants = arena_array(arena, GRANTS_MAX, sizeof *grants);
    enum status rc;

    db_bind_int(query, 1, principal->account_id);
    db_bind_int(query, 2, GRANTS_MAX);
    while (!(rc = db_next_row(query, err)))
        grants[principal->grant_count++] = (struct grant){
            .id = db_int(query, 0),
            .role = arena_copy(arena, db_text(query, 1)),
            .actions = (unsigned)db_int(query, 2),
            .repository = arena_copy(arena, db_text(query, 3)),
            .package = arena_copy(arena, db_text(query, 4)),
            .effect = (enum grant_effect)db_int(query, 5),
        };
    principal->grants = grants;
    return reading_list_end(rc);
}

static enum status load_principal(struct catalog *catalog, const uint8_t key_hash[SHA256_SIZE],
                                  struct arena *arena, struct principal *out, struct error *err)
{
    static const char FIND[] = "SELECT t.id, t.actions, t.repositories, t.packages, t.expires_us,"
                               " t.revoked_us, a.id, a.name, a.is_owner FROM token t"
                               " JOIN account a ON a.id = t.account_id WHERE t.key_hash = ?1";
    struct reading reading;
    bool is_revoked;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_bytes(reading.query, 1, key_hash, SHA256_SIZE);
    if ((rc = db_next_row(reading.query, err)))
        goto done;
    *out = (struct principal){
        .token_id = db_int(reading.query, 0),
        .actions = (unsigned)db_int(reading.query, 1),
        .expires_us = db_int(reading.query, 4),
        .account_id = db_int(reading.query, 6),
        .name = arena_copy(arena, db_text(reading.query, 7)),
        .is_owner = db_int(reading.query, 8),
    };
    out->repositories = split_globs(db_text(reading.query, 2), arena, &out->repository_count);
    out->packages = split_globs(db_text(reading.query, 3), arena, &out->package_count);
    is_revoked = db_int(reading.query, 5);
    db_reset(reading.query);
    if (is_revoked) {
        log_event(LOG_DEBUG, "token.refused", "why=revoked token=%lld", (long long)out->token_id);
        rc = STATUS_NOT_FOUND;
        goto done;
    }
    rc = load_grants(reading.db, arena, out, err);
done:
    reading_end(&reading);
    return rc;
}

enum status access_authenticate(struct catalog *catalog, const char *token, struct arena *arena,
                                const struct principal **out, struct error *err)
{
    static const char refusal[] = "this token is not valid, or no longer";
    uint8_t key_hash[SHA256_SIZE];
    struct principal *loaded;
    uint64_t generation;
    enum status rc;

    if (!token_is_well_formed(token)) {
        log_event(LOG_DEBUG, "token.refused", "why=malformed");
        return fail(err, STATUS_UNAUTHENTICATED, "invalid-token", refusal);
    }
    digest_sha256(token, strlen(token), key_hash);
    if (!access_cache_get_principal(catalog_access(catalog), key_hash, arena, out, &generation)) {
        loaded = arena_alloc(arena, sizeof *loaded);
        if ((rc = load_principal(catalog, key_hash, arena, loaded, err)))
            return rc == STATUS_NOT_FOUND ? fail(err, STATUS_UNAUTHENTICATED, "invalid-token", refusal) : rc;
        access_cache_put_principal(catalog_access(catalog), key_hash, loaded, generation);
        *out = loaded;
    }
    if ((*out)->expires_us && (*out)->expires_us <= clock_now_us()) {
        log_event(LOG_DEBUG, "token.refused", "why=expired token=%lld", (long long)(*out)->token_id);
        return fail(err, STATUS_UNAUTHENTICATED, "invalid-token", refusal);
    }
    return STATUS_OK;
}

struct uses {
    struct token_use items[256];
    size_t count;
};

static enum status update_uses(struct transaction *tx, void *argument, struct error *err)
{
    static const char UPDATE[] = "UPDATE token SET used_us = ?2 WHERE id = ?1";
    struct uses *uses = argument;
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < uses->count && !rc; i++) {
        struct query *query = db_query(tx->db, UPDATE);

        db_bind_int(query, 1, uses->items[i].token_id);
        db_bind_int(query, 2, uses->items[i].used_us);
        rc = db_run(query, err);
    }
    return rc;
}

enum status catalog_note_token_uses(struct catalog *catalog, struct error *err)
{
    struct uses uses;
    enum status rc = STATUS_OK;

    do {
        uses.count = access_cache_take_uses(catalog_access(catalog), uses.items,
                                            sizeof uses.items / sizeof *uses.items);
        if (uses.count)
            rc = writer_run(catalog_writer(catalog), update_uses, &uses, NULL, 0, err);
    } while (!rc && uses.count == sizeof uses.items / sizeof *uses.items);
    return rc;
}
