#include "storage/catalog/signing_key.h"

#include "config/log.h"
#include "storage/blobs/digest.h"
#include "storage/catalog/key_file.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYID_MAX = 64 };

struct signing {
    struct catalog *catalog;
    pthread_mutex_t rotating; /* one at a time: the file and the row go together */
    pthread_rwlock_t lock;    /* of what follows */
    struct secret_pair *pair;
    int64_t key_id;
};

/* A key on its way to become the current one. */
struct taking {
    uint8_t public_key[SECRET_PUBLIC_SIZE];
    char keyid[KEYID_MAX];
    const struct actor *actor;
    bool is_new, is_asked; /* made just now; by somebody who wants another one */
    int64_t key_id;
    const char *because;
    char before[KEYID_MAX]; /* whom it follows; "": nobody */
};

static void describe(const struct secret_pair *pair, struct taking *out)
{
    uint8_t sha256[SHA256_SIZE];
    struct strbuf text;

    secret_pair_public(pair, out->public_key);
    digest_sha256(out->public_key, sizeof out->public_key, sha256);
    strbuf_init(&text, NULL, KEYID_MAX);
    strbuf_text(&text, "SHA256:");
    strbuf_base64(&text, sha256, sizeof sha256);
    snprintf(out->keyid, sizeof out->keyid, "%s", text.data);
    strbuf_free(&text);
}

/* Signatures are dated by the millisecond, and one that was made in the last counts too. */
static int64_t end_after(int64_t time_us)
{
    return (time_us / 1000 + 1) * 1000;
}

static enum status retire(struct transaction *tx, struct taking *taking, struct error *err)
{
    static const char CURRENT[] = "SELECT id, keyid, signed_us FROM npm_key WHERE retired_us = 0";
    static const char RETIRE[] = "UPDATE npm_key SET retired_us = ?2 WHERE id = ?1";
    struct query *query = db_query(tx->db, CURRENT);
    int64_t id, signed_us;
    enum status rc;

    *taking->before = '\0';
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    id = db_int(query, 0);
    snprintf(taking->before, sizeof taking->before, "%s", db_text(query, 1));
    signed_us = db_int(query, 2);
    db_reset(query);
    query = db_query(tx->db, RETIRE);
    db_bind_int(query, 1, id);
    db_bind_int(query, 2, end_after(signed_us > tx->now_us ? signed_us : tx->now_us));
    return db_run(query, err);
}

static const char *reason_of(const struct taking *taking)
{
    if (!*taking->before)
        return "first";
    return taking->is_asked ? "rotated" : taking->is_new ? "lost" : "replaced";
}

static enum status insert(struct transaction *tx, struct taking *taking, struct error *err)
{
    static const char INSERT[] =
        "INSERT INTO npm_key(keyid, public_key, created_us, because) VALUES(?1, ?2, ?3, ?4)";
    char detail[256];
    struct query *query = db_query(tx->db, INSERT);
    enum status rc;

    taking->because = reason_of(taking);
    db_bind_text(query, 1, taking->keyid);
    db_bind_bytes(query, 2, taking->public_key, sizeof taking->public_key);
    db_bind_int(query, 3, tx->now_us);
    db_bind_text(query, 4, taking->because);
    if ((rc = db_run(query, err)))
        return rc;
    taking->key_id = db_last_id(tx->db);
    snprintf(detail, sizeof detail, "{\"because\":\"%s\",\"retired\":%s%s%s}", taking->because,
             *taking->before ? "\"" : "", *taking->before ? taking->before : "null", *taking->before ? "\"" : "");
    return tx_record(tx, taking->actor, 0, "signing-key.made", taking->keyid, detail, err);
}

/* Makes the key the current one, which it may be already. */
static enum status take(struct transaction *tx, void *argument, struct error *err)
{
    static const char FIND[] = "SELECT id, retired_us FROM npm_key WHERE keyid = ?1";
    struct taking *taking = argument;
    struct query *query = db_query(tx->db, FIND);
    bool is_retired;
    enum status rc;

    db_bind_text(query, 1, taking->keyid);
    if ((rc = db_next_row(query, err)) == STATUS_NOT_FOUND)
        return (rc = retire(tx, taking, err)) ? rc : insert(tx, taking, err);
    if (rc)
        return rc;
    taking->key_id = db_int(query, 0);
    is_retired = db_int(query, 1) != 0;
    db_reset(query);
    return is_retired ? fail(err, STATUS_INTERNAL, "signing-key",
                             KEY_FILE " in the data directory holds the key %s, which was retired: put back the "
                             "current one's file, or move this one away, and a new key is made", taking->keyid)
                      : STATUS_OK;
}

static void tell(const struct taking *taking)
{
    if (!taking->because || !strcmp(taking->because, "first"))
        return; /* nothing that anybody must know */
    if (!strcmp(taking->because, "lost"))
        log_event(LOG_WARN, "signing-key.lost",
                  "lost=%s key=%s what-now=\"" KEY_FILE " was gone, so a new key signs; what the lost one signed "
                  "stays valid\"", taking->before, taking->keyid);
    else
        log_event(LOG_INFO, "signing-key.made", "key=%s because=%s retired=%s", taking->keyid, taking->because,
                  *taking->before ? taking->before : "none");
}

/* So that a start writes nothing where nothing is new. */
static bool find_current(struct catalog *catalog, struct taking *taking)
{
    static const char FIND[] = "SELECT id FROM npm_key WHERE keyid = ?1 AND retired_us = 0";
    struct reading reading;
    bool is_current = false;

    if (reading_begin(catalog, FIND, &reading, NULL))
        return false;
    db_bind_text(reading.query, 1, taking->keyid);
    if (!db_next_row(reading.query, NULL)) {
        taking->key_id = db_int(reading.query, 0);
        is_current = true;
    }
    reading_end(&reading);
    return is_current;
}

/* The file comes first, then its row: a crash between the two leaves a file whose key is taken at the next
 * start. */
enum status signing_open(struct catalog *catalog, struct signing **out, struct error *err)
{
    static const struct principal server = {.name = "server"};
    const struct actor actor = {.principal = &server};
    const char *data = catalog_options(catalog)->data;
    struct taking taking = {.actor = &actor};
    struct signing *signing = calloc(1, sizeof *signing);
    enum status rc;

    *out = NULL;
    if (!signing)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    signing->catalog = catalog;
    pthread_mutex_init(&signing->rotating, NULL);
    pthread_rwlock_init(&signing->lock, NULL);
    if ((rc = key_file_read(data, &signing->pair, err)) == STATUS_NOT_FOUND) {
        taking.is_new = true;
        signing->pair = secret_pair_new();
        rc = key_file_write(data, signing->pair, err);
    }
    if (rc)
        goto done;
    describe(signing->pair, &taking);
    if (!find_current(catalog, &taking) &&
        (rc = writer_run(catalog_writer(catalog), take, &taking, NULL, 0, err)))
        goto done;
    tell(&taking);
    signing->key_id = taking.key_id;
    *out = signing;
    signing = NULL;
done:
    signing_close(signing);
    return rc;
}

void signing_close(struct signing *signing)
{
    if (!signing)
        return;
    secret_pair_free(signing->pair);
    pthread_rwlock_destroy(&signing->lock);
    pthread_mutex_destroy(&signing->rotating);
    free(signing);
}

void signing_sign(struct signing *signing, const char *words, struct made_signature *out)
{
    pthread_rwlock_rdlock(&signing->lock);
    out->key_id = signing->key_id;
    out->length = secret_pair_sign(signing->pair, words, strlen(words), out->bytes);
    pthread_rwlock_unlock(&signing->lock);
}

/* The key may have been retired since it signed. */
enum status tx_note_signed(struct transaction *tx, int64_t key_id, int64_t published_us,
                           struct error *err)
{
    static const char NOTE[] = "UPDATE npm_key SET signed_us = ?2, retired_us = CASE WHEN retired_us = 0 OR"
                               " retired_us > ?2 THEN retired_us ELSE ?3 END WHERE id = ?1 AND signed_us < ?2";
    struct query *query = db_query(tx->db, NOTE);

    db_bind_int(query, 1, key_id);
    db_bind_int(query, 2, published_us);
    db_bind_int(query, 3, end_after(published_us));
    return db_run(query, err);
}

enum status catalog_list_signing_keys(struct catalog *catalog, struct arena *arena,
                                      struct signing_key **out, size_t *count, struct error *err)
{
    static const char LIST[] = "SELECT keyid, public_key, created_us, retired_us, because FROM npm_key"
                               " WHERE id > 0 ORDER BY id DESC";
    struct reading reading;
    size_t capacity = 0;
    enum status rc;

    *out = NULL;
    *count = 0;
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    while (!(rc = db_next_row(reading.query, err))) {
        struct query *query = reading.query;
        struct signing_key *key;
        size_t length;
        const void *public_key = db_bytes(query, 1, &length);

        *out = arena_grow(arena, *out, *count, &capacity, sizeof **out);
        key = &(*out)[(*count)++];
        *key = (struct signing_key){.keyid = arena_copy(arena, db_text(query, 0)),
                                    .created_us = db_int(query, 2),
                                    .retired_us = db_int(query, 3),
                                    .because = arena_copy(arena, db_text(query, 4))};
        memcpy(key->public_key, public_key, length < SECRET_PUBLIC_SIZE ? length : SECRET_PUBLIC_SIZE);
    }
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status catalog_rotate_signing_key(struct catalog *catalog, const struct actor *actor,
                                       struct error *err)
{
    struct signing *signing = catalog_signing(catalog);
    const char *data = catalog_options(catalog)->data;
    struct secret_pair *pair = secret_pair_new(), *before;
    struct taking taking = {.actor = actor, .is_new = true, .is_asked = true};
    enum status rc;

    describe(pair, &taking);
    pthread_mutex_lock(&signing->rotating);
    before = signing->pair; /* only a rotation changes it */
    if ((rc = key_file_write(data, pair, err)))
        goto done;
    if ((rc = writer_run(catalog_writer(catalog), take, &taking, NULL, 0, err))) {
        if (key_file_write(data, before, NULL)) /* the row says what signs, and the next start takes the file's */
            log_event(LOG_WARN, "signing-key.file", "what-now=\"the next start rotates to %s\"", taking.keyid);
        goto done;
    }
    pthread_rwlock_wrlock(&signing->lock);
    signing->pair = pair;
    signing->key_id = taking.key_id;
    pthread_rwlock_unlock(&signing->lock);
    pair = before;
    tell(&taking);
done:
    pthread_mutex_unlock(&signing->rotating);
    secret_pair_free(pair);
    return rc;
}
