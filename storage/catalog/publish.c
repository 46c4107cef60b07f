#include "storage/catalog/publish.h"

#include "storage/blobs/blob_store.h"
#include "storage/catalog/blob_row.h"
#include "storage/catalog/owner.h"
#include "storage/catalog/quota.h"
#include "storage/catalog/removal.h"
#include "storage/catalog/tag.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/metadata/db.h"

#include <stdio.h>
#include <string.h>

enum { FILES_MAX = 8, FILE_NAME_MAX = 1200 };

enum status catalog_stage(struct catalog *catalog, int64_t size_hint, unsigned digest_kinds,
                          struct stage **out, struct error *err)
{
    const struct catalog_options *options = catalog_options(catalog);
    int64_t declared = size_hint > 0 ? size_hint : 0;
    struct blob_space space;
    enum status rc;

    *out = NULL;
    if (writer_is_read_only(catalog_writer(catalog)))
        return fail(err, STATUS_READ_ONLY, "read-only", "writing has stopped: a flush of the disk failed");
    if ((rc = blob_store_space(catalog_blobs(catalog), &space, err)))
        return rc;
    if (space.free_bytes - declared < options->refuse_bytes ||
        (double)(space.free_bytes - declared) < (double)space.total_bytes * options->refuse_percent / 100)
        return fail(err, STATUS_FULL, "disk-full", "the server's disk is nearly full: nothing was stored");
    return blob_store_stage(catalog_blobs(catalog), size_hint, digest_kinds, out, err);
}

/* Makes the package, or marks it as changed. */
static enum status touch_package(struct transaction *tx, const struct publication *pub,
                                 int64_t *package_id, struct error *err)
{
    static const char TOUCH[] =
        "INSERT INTO package(repository_id, format, name_norm, name, updated_us) VALUES(?1, ?2, ?3, ?4, ?5)"
        " ON CONFLICT(repository_id, format, name_norm) DO UPDATE SET generation = package.generation + 1,"
        " updated_us = excluded.updated_us RETURNING id";
    struct query *query = db_query(tx->db, TOUCH);
    enum status rc;

    db_bind_int(query, 1, pub->repository->id);
    db_bind_int(query, 2, pub->format);
    db_bind_text(query, 3, pub->name_norm);
    db_bind_text(query, 4, pub->name);
    db_bind_int(query, 5, tx->now_us);
    if ((rc = db_next_row(query, err)))
        return rc;
    *package_id = db_int(query, 0);
    return db_run(query, err);
}

/* What is stored under this file name already: STATUS_NOT_FOUND for nothing. same_session tells
 * whether the version came from the publish that runs now again. */
static enum status find_existing(struct transaction *tx, struct publication *pub,
                                 int64_t package_id, const char *file, bool *same_session,
                                 struct error *err)
{
    static const char FIND[] = "SELECT f.pin_sha256, f.created_us, v.session FROM file f"
                               " JOIN version v ON v.id = f.version_id"
                               " WHERE f.package_id = ?1 AND f.name = ?2";
    struct query *query = db_query(tx->db, FIND);
    const char *session;
    size_t length;
    enum status rc;

    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, file);
    if ((rc = db_next_row(query, err)))
        return rc;
    memcpy(pub->existing_sha256, db_bytes(query, 0, &length), SHA256_SIZE);
    pub->existing_us = db_int(query, 1);
    session = db_text(query, 2);
    *same_session = pub->session && session && !strcmp(session, pub->session);
    db_reset(query);
    return STATUS_OK;
}

static enum status conflict(struct publication *pub, const char *code, const char *name,
                            struct error *err)
{
    pub->conflict = true;
    return fail(err, STATUS_CONFLICT, code, "%s is published already, with other bytes", name);
}

/* Finds the version or makes it. */
static enum status reserve_version(struct transaction *tx, const struct publication *pub,
                                   int64_t package_id, int64_t *version_id, bool *is_new,
                                   struct error *err)
{
    static const char FIND[] = "SELECT id FROM version WHERE package_id = ?1 AND version = ?2";
    static const char FIND_EQUAL[] = "SELECT id FROM version WHERE package_id = ?1 AND sort_key = ?2"
                                     " ORDER BY id LIMIT 1";
    static const char INSERT[] = "INSERT INTO version(package_id, version, sort_key, published_us,"
                                 " by_account, session, signed_by, signature)"
                                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    struct query *query = db_query(tx->db, pub->equal_keys_are_one ? FIND_EQUAL : FIND);
    enum status rc;

    db_bind_int(query, 1, package_id);
    if (pub->equal_keys_are_one)
        db_bind_bytes(query, 2, pub->sort_key, pub->sort_key_length);
    else
        db_bind_text(query, 2, pub->version);
    *is_new = (rc = db_next_row(query, err)) == STATUS_NOT_FOUND;
    if (!rc)
        *version_id = db_int(query, 0);
    db_reset(query);
    if (!*is_new)
        return rc;
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, package_id);
    db_bind_text(query, 2, pub->version);
    db_bind_bytes(query, 3, pub->sort_key, pub->sort_key_length);
    db_bind_int(query, 4, tx->now_us);
    db_bind_int(query, 5, pub->actor->principal->account_id);
    db_bind_text(query, 6, pub->session);
    if (pub->signature.length) {
        db_bind_int(query, 7, pub->signature.key_id);
        db_bind_bytes(query, 8, pub->signature.bytes, pub->signature.length);
    } else {
        db_bind_null(query, 7);
        db_bind_null(query, 8);
    }
    if ((rc = db_run(query, err)))
        return rc;
    *version_id = db_last_id(tx->db);
    return pub->signature.length ? tx_note_signed(tx, pub->signature.key_id, tx->now_us, err) : STATUS_OK;
}

static enum status insert_document(struct transaction *tx, const struct publication *pub,
                                   int64_t version_id, struct error *err)
{
    static const char INSERT[] = "INSERT INTO version_document(version_id, body) VALUES(?1, ?2)"
                                 " ON CONFLICT(version_id) DO NOTHING";
    struct query *query = db_query(tx->db, INSERT);

    db_bind_int(query, 1, version_id);
    db_bind_bytes(query, 2, pub->document, pub->document_length);
    return db_run(query, err);
}

/* Two paths of an artifact's version that differ only in case cannot live together: targets run
 * Windows too. Elsewhere a name is its own fold. */
static void fold_name(const struct publication *pub, const char *name, char out[FILE_NAME_MAX])
{
    size_t skip = pub->format == FORMAT_ARTIFACT ? strlen(pub->version) + 1 : FILE_NAME_MAX;

    snprintf(out, FILE_NAME_MAX, "%s", name);
    for (size_t i = skip; i < strlen(out); i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] += 'a' - 'A';
}

static enum status insert_file(struct transaction *tx, struct publication *pub,
                               const struct publication_file *file, int64_t package_id,
                               int64_t version_id, struct error *err)
{
    static const char INSERT[] = "INSERT INTO file(package_id, version_id, name, name_fold, kind, blob_id,"
                                 " size, pin_sha256, meta, created_us)"
                                 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    char fold[FILE_NAME_MAX];
    struct query *query;
    int64_t blob_id;
    enum status rc;

    if ((rc = tx_claim_blob(tx, file->stage, &blob_id, NULL, err)))
        return rc;
    fold_name(pub, file->name, fold);
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, package_id);
    db_bind_int(query, 2, version_id);
    db_bind_text(query, 3, file->name);
    db_bind_text(query, 4, fold);
    db_bind_int(query, 5, file->kind);
    db_bind_int(query, 6, blob_id);
    db_bind_int(query, 7, stage_size(file->stage));
    db_bind_bytes(query, 8, stage_digests(file->stage)->sha256, SHA256_SIZE);
    db_bind_text(query, 9, file->meta);
    db_bind_int(query, 10, tx->now_us);
    rc = db_run(query, err);
    return rc == STATUS_CONFLICT ? fail(err, rc, "path-case-collision",
                                        "%s differs only in case from a path that is there", file->name)
                                 : rc;
}

static enum status record_publish(struct transaction *tx, const struct publication *pub,
                                  struct error *err)
{
    char target[1024], hex[2 * SHA256_SIZE + 1], text[4096];
    struct strbuf detail;
    struct arena *arena = arena_new();
    enum status rc;

    strbuf_init(&detail, arena, sizeof text);
    strbuf_text(&detail, "{\"files\":[");
    for (size_t i = 0; i < pub->file_count; i++) {
        digest_hex(stage_digests(pub->files[i].stage)->sha256, SHA256_SIZE, hex);
        strbuf_format(&detail, "%s{\"name\":", i ? "," : "");
        strbuf_json(&detail, pub->files[i].name);
        strbuf_format(&detail, ",\"sha256\":\"%s\",\"size\":%lld}", hex,
                      (long long)stage_size(pub->files[i].stage));
    }
    strbuf_text(&detail, "]}");
    snprintf(target, sizeof target, "%s/%s %s:%s@%s", pub->repository->org, pub->repository->name,
             format_name(pub->format), pub->name_norm, pub->version);
    rc = tx_record(tx, pub->actor, pub->repository->org_id, "package.published", target, detail.data, err);
    arena_free(arena);
    return rc;
}

/* Sorts files into those that are there with the same bytes, and new ones. */
static enum status compare_files(struct transaction *tx, struct publication *pub,
                                 int64_t package_id, bool is_there[FILES_MAX], size_t *there,
                                 struct error *err)
{
    bool same_session = false;
    enum status rc;

    *there = 0;
    for (size_t i = 0; i < pub->file_count; i++) {
        const struct publication_file *file = &pub->files[i];

        rc = find_existing(tx, pub, package_id, file->name, &same_session, err);
        if (rc && rc != STATUS_NOT_FOUND)
            return rc;
        is_there[i] = !rc;
        if (rc)
            continue;
        if (memcmp(pub->existing_sha256, stage_digests(file->stage)->sha256, SHA256_SIZE) ||
            (pub->version_must_be_new && !same_session))
            return conflict(pub, pub->version_must_be_new ? "version-exists" : "file-exists", file->name, err);
        ++*there;
    }
    return STATUS_OK;
}

/* Artifacts have no names outside, so nobody has to own them. */
static enum status own_name(struct transaction *tx, const struct publication *pub,
                            struct error *err)
{
    struct arena *arena;
    const char *fold;
    enum status rc;

    if (pub->format == FORMAT_ARTIFACT)
        return STATUS_OK;
    arena = arena_new();
    if (owner_fold_name(pub->format, pub->name_norm, arena, &fold))
        rc = tx_own_by_org(tx, pub->repository->org_id, pub->format, pub->name, fold, err);
    else
        rc = fail(err, STATUS_INVALID, "invalid-name", "%.214s has a sign outside ASCII", pub->name);
    arena_free(arena);
    return rc;
}

/* The last word, for others may have published since the body was let in. Not STATUS_FULL, which tells
 * the writer of a full disk. */
static enum status check_quota(struct transaction *tx, struct publication *pub, int64_t bytes,
                               struct error *err)
{
    struct quota quota;
    enum status rc;

    if ((rc = tx_find_quota(tx, pub->repository->org_id, pub->default_quota, &quota, err)))
        return rc;
    quota.used -= bytes;
    pub->over_quota = quota_check(&quota, pub->repository->org, bytes, err) != STATUS_OK;
    return pub->over_quota ? STATUS_FORBIDDEN : STATUS_OK;
}

static enum status publish(struct transaction *tx, void *argument, struct error *err)
{
    struct publication *pub = argument;
    int64_t package_id, version_id, bytes = 0;
    bool is_there[FILES_MAX], is_new;
    size_t there;
    enum status rc;

    pub->unchanged = pub->conflict = pub->over_quota = false;
    if ((rc = tx_check_not_removed(tx, pub->repository->org_id, pub->format, pub->name_norm,
                                   pub->version, pub->equal_keys_are_one ? pub->sort_key : NULL,
                                   pub->sort_key_length, err)))
        return rc;
    if ((rc = tx_find_package(tx, pub->repository, pub->format, pub->name_norm, &package_id, err)) &&
        rc != STATUS_NOT_FOUND)
        return rc;
    if ((rc = compare_files(tx, pub, rc ? 0 : package_id, is_there, &there, err)))
        return rc;
    if (there && there == pub->file_count) {
        pub->unchanged = true;
        return STATUS_OK;
    }
    if ((rc = own_name(tx, pub, err)) || (rc = touch_package(tx, pub, &package_id, err)))
        return rc;
    if ((rc = reserve_version(tx, pub, package_id, &version_id, &is_new, err)))
        return rc;
    if (!is_new && pub->version_must_be_new)
        return conflict(pub, "version-exists", pub->version, err);
    if (pub->document && (rc = insert_document(tx, pub, version_id, err)))
        return rc;
    for (size_t i = 0; i < pub->file_count; i++) {
        if (is_there[i])
            continue;
        if ((rc = insert_file(tx, pub, &pub->files[i], package_id, version_id, err)))
            return rc;
        bytes += stage_size(pub->files[i].stage);
    }
    for (size_t i = 0; i < pub->tag_count; i++)
        if ((rc = tx_set_tag(tx, package_id, pub->tags[i], version_id, false, err)))
            return rc;
    if (pub->first_tag && (rc = tx_set_tag(tx, package_id, pub->first_tag, version_id, true, err)))
        return rc;
    if ((rc = tx_add_usage(tx, pub->repository->org_id, pub->file_count - there, bytes, err)))
        return rc;
    if ((rc = check_quota(tx, pub, bytes, err)))
        return rc;
    tx_package_changed(tx, pub->repository->id, pub->name_norm);
    return record_publish(tx, pub, err);
}

enum status catalog_publish(struct catalog *catalog, struct publication *pub, struct error *err)
{
    struct stage *stages[FILES_MAX];
    enum status rc;

    if (pub->file_count > FILES_MAX)
        return fail(err, STATUS_INVALID, "too-many-files", "a publish brings at most %d files", FILES_MAX);
    for (size_t i = 0; i < pub->file_count; i++) {
        if ((rc = stage_finish(pub->files[i].stage, err)))
            return rc;
        if (strlen(pub->files[i].name) >= FILE_NAME_MAX)
            return fail(err, STATUS_INVALID, "invalid-path", "a file's name is too long");
        stages[i] = pub->files[i].stage;
    }
    pub->signature.length = 0;
    if (pub->signed_words)
        signing_sign(catalog_signing(catalog), pub->signed_words, &pub->signature);
    pub->default_quota = catalog_options(catalog)->org_quota;
    rc = writer_run(catalog_writer(catalog), publish, pub, stages, pub->file_count, err);
    return pub->over_quota ? STATUS_FULL : rc;
}
