#include "storage/catalog/verify.h"

#include "storage/blobs/blob_store.h"
#include "storage/catalog/data_directory.h"
#include "storage/memory/arena.h"
#include "storage/metadata/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FINDINGS_LISTED = 1000, READ_SIZE = 256 * 1024, PROGRESS_STEP = 256 };

struct verification {
    struct db *db;
    struct blob_store *blobs;
    struct arena *arena;
    struct verify_report *report;
    void (*progress)(int64_t done, int64_t total);
    bool full;
    unsigned char *buffer;
};

static void finding(struct verification *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void finding(struct verification *v, const char *format, ...)
{
    char text[512];
    va_list args;

    if (v->report->finding_count++ >= FINDINGS_LISTED)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    v->report->findings[v->report->finding_count - 1] = arena_copy(v->arena, text);
}

static enum status count_rows(struct verification *v, const char *sql, int64_t *out,
                              struct error *err)
{
    struct query *query = db_query(v->db, sql);
    enum status rc;

    if (!(rc = db_next_row(query, err)))
        *out = db_int(query, 0);
    db_reset(query);
    return rc;
}

/* V1: the engine finds its own file whole. */
static enum status check_engine(struct verification *v, struct error *err)
{
    enum status rc = db_integrity(v->db, v->full, err);

    if (rc != STATUS_INVALID)
        return rc;
    finding(v, "%s", err->message);
    return STATUS_OK;
}

static void check_bytes(struct verification *v, int fd, const struct blob_name *name,
                        const char *hex)
{
    struct digester *digester = digester_new(DIGEST_SHA256);
    struct digests found;
    ssize_t count;

    while ((count = read(fd, v->buffer, READ_SIZE)) > 0)
        digester_update(digester, v->buffer, (size_t)count);
    digester_finish(digester, &found);
    digester_free(digester);
    if (count < 0 || memcmp(found.sha256, name->sha256, SHA256_SIZE))
        finding(v, "blob %s: other bytes are stored under its name", hex);
}

/* V2: every live file has a live blob, whose object is there with its size, and in full its bytes. */
static enum status check_blobs(struct verification *v, struct error *err)
{
    static const char LIST[] = "SELECT b.sha256, b.nonce, b.size, b.state,"
                               " EXISTS(SELECT 1 FROM file f WHERE f.blob_id = b.id AND f.state = 0)"
                               " OR EXISTS(SELECT 1 FROM upstream_document u WHERE u.body_blob = b.id)"
                               " OR EXISTS(SELECT 1 FROM upstream_document u WHERE u.body_blob = b.id)"
                               " FROM blob b";
    static const char COUNT[] = "SELECT count(*) FROM blob";
    char hex[2 * SHA256_SIZE + 1];
    struct query *query;
    int64_t total, done = 0;
    size_t length;
    enum status rc;

    if ((rc = count_rows(v, COUNT, &total, err)))
        return rc;
    query = db_query(v->db, LIST);
    while (!(rc = db_next_row(query, err))) {
        struct blob_name name = {.nonce = db_int(query, 1)};
        int64_t size = db_int(query, 2), state = db_int(query, 3);
        bool is_needed = db_int(query, 4);
        struct error why;
        int fd;

        memcpy(name.sha256, db_bytes(query, 0, &length), SHA256_SIZE);
        digest_hex(name.sha256, SHA256_SIZE, hex);
        if (v->progress && ++done % PROGRESS_STEP == 0)
            v->progress(done, total);
        if (state == 4 || (!is_needed && state))
            continue;
        v->report->blobs++;
        v->report->bytes += size;
        if (state && is_needed)
            finding(v, "blob %s: it is needed, and it is not live (state %d)", hex, (int)state);
        if (blob_store_read(v->blobs, &name, size, &fd, &why)) {
            finding(v, "blob %s: %s", hex, why.message);
            continue;
        }
        if (v->full)
            check_bytes(v, fd, &name, hex);
        close(fd);
    }
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* V2, the rows' side: a live file without a blob, or of another size than its blob. */
static enum status check_files(struct verification *v, struct error *err)
{
    static const char LIST[] = "SELECT f.id, f.name, f.pin_sha256 IS NOT b.sha256, f.size <> b.size"
                               " FROM file f LEFT JOIN blob b ON b.id = f.blob_id WHERE f.state = 0"
                               " AND (b.id IS NULL OR f.size <> b.size OR f.pin_sha256 IS NOT b.sha256)";
    static const char EMPTY[] =
        "SELECT v.id, v.version FROM version v WHERE v.state = 0"
        " AND NOT EXISTS(SELECT 1 FROM file f WHERE f.version_id = v.id)";
    struct query *query = db_query(v->db, LIST);
    enum status rc;

    while (!(rc = db_next_row(query, err)))
        finding(v, "file %lld (%s): its blob is missing or differs", (long long)db_int(query, 0),
                db_text(query, 1));
    if (rc != STATUS_NOT_FOUND)
        return rc;
    query = db_query(v->db, EMPTY);
    while (!(rc = db_next_row(query, err)))
        finding(v, "version %lld (%s): it has no file: half a publish", (long long)db_int(query, 0),
                db_text(query, 1));
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

static enum status find_each(struct verification *v, const char *sql, const char *sentence,
                             struct error *err)
{
    struct query *query = db_query(v->db, sql);
    enum status rc;

    while (!(rc = db_next_row(query, err)))
        finding(v, "%s %s: %s", db_text(query, 0), db_text(query, 1), sentence);
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* V4: what was removed is gone whole, and stays so; no tag names it. */
static enum status check_removals(struct verification *v, struct error *err)
{
    static const char UNBURIED[] =
        "SELECT p.name, v.version FROM version v JOIN package p ON p.id = v.package_id WHERE v.state = 3"
        " AND NOT EXISTS(SELECT 1 FROM tombstone t WHERE t.repository_id = p.repository_id"
        " AND t.format = p.format AND t.version = v.version AND t.file = '')";
    static const char LIVE_FILES[] =
        "SELECT v.version, f.name FROM version v JOIN file f ON f.version_id = v.id"
        " WHERE v.state = 3 AND f.state <> 3";
    static const char DANGLING[] = "SELECT p.name, t.tag FROM tag t JOIN version v ON v.id = t.version_id"
                                   " JOIN package p ON p.id = t.package_id WHERE v.state = 3";
    static const char NO_LATEST[] =
        "SELECT p.name, 'latest' FROM package p WHERE p.format = 1"
        " AND EXISTS(SELECT 1 FROM repository r WHERE r.id = p.repository_id AND r.kind = 1)"
        " AND EXISTS(SELECT 1 FROM version v WHERE v.package_id = p.id AND v.state = 0)"
        " AND NOT EXISTS(SELECT 1 FROM tag t WHERE t.package_id = p.id AND t.tag = 'latest')";
    enum status rc;

    if ((rc = find_each(v, UNBURIED, "it is removed without a tombstone", err)) ||
        (rc = find_each(v, LIVE_FILES, "the file of a removed version is not removed", err)) ||
        (rc = find_each(v, DANGLING, "the tag names a removed version", err)))
        return rc;
    return find_each(v, NO_LATEST, "the package has versions, and no such tag", err);
}

/* V6: what orgs are said to use is what they use. */
static enum status check_usage(struct verification *v, struct error *err)
{
    static const char LIST[] =
        "SELECT o.name, u.bytes, u.files,"
        " (SELECT COALESCE(sum(f.size), 0) FROM repository r JOIN package p ON p.repository_id = r.id"
        "  JOIN file f ON f.package_id = p.id WHERE r.org_id = o.id AND f.state = 0),"
        " (SELECT count(*) FROM repository r JOIN package p ON p.repository_id = r.id"
        "  JOIN file f ON f.package_id = p.id WHERE r.org_id = o.id AND f.state = 0)"
        " FROM org o LEFT JOIN org_usage u ON u.org_id = o.id";
    struct query *query = db_query(v->db, LIST);
    enum status rc;

    while (!(rc = db_next_row(query, err)))
        if (db_int(query, 1) != db_int(query, 3) || db_int(query, 2) != db_int(query, 4))
            finding(v, "org %s: %lld bytes in %lld files are counted, %lld in %lld are there",
                    db_text(query, 0), (long long)db_int(query, 1), (long long)db_int(query, 2),
                    (long long)db_int(query, 3), (long long)db_int(query, 4));
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

/* V9: bytes that no row names. A crash may leave them, and they hurt nobody: listed, never fatal. */
static enum status visit_blob_file(void *context, const struct blob_name *name, int64_t size,
                                   const char *path, struct error *err)
{
    static const char FIND[] = "SELECT 1 FROM blob WHERE sha256 = ?1 AND nonce = ?2";
    struct verification *v = context;
    struct query *query;
    enum status rc;

    (void)path;
    if (name) {
        query = db_query(v->db, FIND);
        db_bind_bytes(query, 1, name->sha256, SHA256_SIZE);
        db_bind_int(query, 2, name->nonce);
        rc = db_next_row(query, err);
        db_reset(query);
        if (rc != STATUS_NOT_FOUND)
            return rc;
    }
    v->report->orphans++;
    v->report->orphan_bytes += size;
    return STATUS_OK;
}

static enum status check_all(struct verification *v, struct error *err)
{
    static const char FILES[] = "SELECT count(*) FROM file WHERE state = 0";
    static const char VERSIONS[] = "SELECT count(*) FROM version";
    enum status rc;
    int schema;

    if ((rc = db_schema_version(v->db, &schema, err)))
        return rc;
    if (schema != db_newest_schema())
        return fail(err, STATUS_UNSUPPORTED, "schema", "the data directory has schema %d, and this "
                    "packhouse looks at schema %d", schema, db_newest_schema());
    if ((rc = check_engine(v, err)))
        return rc;
    if ((rc = db_execute(v->db, "BEGIN", err))) /* one snapshot, also while a server writes */
        return rc;
    if ((rc = count_rows(v, FILES, &v->report->files, err)) ||
        (rc = count_rows(v, VERSIONS, &v->report->versions, err)) || (rc = check_files(v, err)) ||
        (rc = check_removals(v, err)) || (rc = check_usage(v, err)) || (rc = check_blobs(v, err)))
        return rc;
    return blob_store_walk(v->blobs, visit_blob_file, v, err);
}

enum status catalog_verify(const char *data, bool full, struct arena *arena,
                           struct verify_report *report,
                           void (*progress)(int64_t done, int64_t total), struct error *err)
{
    struct verification v = {.arena = arena, .report = report, .progress = progress, .full = full};
    char path[DATA_PATH_MAX];
    enum status rc;

    *report = (struct verify_report){
        .findings = arena_array(arena, FINDINGS_LISTED, sizeof *report->findings)};
    v.buffer = arena_alloc(arena, READ_SIZE);
    if ((rc = data_path(data, "meta.db", path, err)))
        return rc;
    if (access(path, F_OK))
        return fail(err, STATUS_NOT_FOUND, "no-data", "%s holds no Packhouse", data);
    if ((rc = db_open(&db_backend_sqlite, path, DB_OBSERVER, &v.db, err)))
        goto done;
    if ((rc = blob_store_open(data, false, &v.blobs, err)))
        goto done;
    rc = check_all(&v, err);
done:
    blob_store_close(v.blobs);
    db_close(v.db);
    return rc;
}
