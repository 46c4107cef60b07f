#include "storage/catalog/blob_row.h"

#include "storage/blobs/stage_file.h"
#include "storage/catalog/writer.h"
#include "storage/metadata/db.h"

static void bind_digest(struct query *query, int index, const struct digests *digests,
                        enum digest_kind kind, const uint8_t *bytes, size_t size)
{
    if (digests->kinds & kind)
        db_bind_bytes(query, index, bytes, size);
}

enum status tx_claim_blob(struct transaction *tx, struct stage *stage, int64_t *blob_id,
                          int64_t *nonce, struct error *err)
{
    static const char CLAIM[] =
        "INSERT INTO blob(sha256, size, state, nonce, touched_us, state_us, sha512, sha1, md5, blake2b)"
        " VALUES(?1, ?2, 0, ?3, ?4, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(sha256) DO UPDATE SET"
        " nonce = CASE WHEN blob.state IN (0, 1) THEN blob.nonce ELSE excluded.nonce END,"
        " touched_us = excluded.touched_us,"
        " state_us = CASE WHEN blob.state = 0 THEN blob.state_us ELSE excluded.state_us END, state = 0,"
        " sha512 = COALESCE(blob.sha512, excluded.sha512), sha1 = COALESCE(blob.sha1, excluded.sha1),"
        " md5 = COALESCE(blob.md5, excluded.md5), blake2b = COALESCE(blob.blake2b, excluded.blake2b)"
        " RETURNING id, nonce";
    const struct digests *digests = stage_digests(stage);
    struct query *query = db_query(tx->db, CLAIM);
    struct blob_name name = stage_name(stage);
    bool is_ours;
    enum status rc;

    db_bind_bytes(query, 1, digests->sha256, SHA256_SIZE);
    db_bind_int(query, 2, stage_size(stage));
    db_bind_int(query, 3, name.nonce);
    db_bind_int(query, 4, tx->now_us);
    bind_digest(query, 5, digests, DIGEST_SHA512, digests->sha512, SHA512_SIZE);
    bind_digest(query, 6, digests, DIGEST_SHA1, digests->sha1, SHA1_SIZE);
    bind_digest(query, 7, digests, DIGEST_MD5, digests->md5, MD5_SIZE);
    bind_digest(query, 8, digests, DIGEST_BLAKE2B, digests->blake2b, BLAKE2B_SIZE);
    if ((rc = db_next_row(query, err)))
        return rc;
    *blob_id = db_int(query, 0);
    is_ours = db_int(query, 1) == name.nonce;
    if (nonce)
        *nonce = db_int(query, 1);
    stage_set_kept(stage, is_ours);
    if ((rc = db_run(query, err)))
        return rc;
    if (is_ours && !stage_is_placed(stage))
        return fail(err, STATUS_BUSY, "try-again", "the stored bytes went away meanwhile; try again");
    return STATUS_OK;
}

enum status tx_add_usage(struct transaction *tx, int64_t org_id, size_t files, int64_t bytes,
                         struct error *err)
{
    static const char ADD[] = "UPDATE org_usage SET bytes = bytes + ?2, files = files + ?3 WHERE org_id = ?1";
    struct query *query = db_query(tx->db, ADD);

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, bytes);
    db_bind_int(query, 3, (int64_t)files);
    return db_run(query, err);
}
