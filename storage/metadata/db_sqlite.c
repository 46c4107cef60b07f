/* Rows in SQLite: write-ahead log, every commit flushed. Storage spec 2.2. */
#include "storage/metadata/db_backend.h"

#include <sqlite3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sqlite_handle {
    sqlite3 *db;
    int64_t wal_pages;
    bool is_broken;
};

static const struct db_type_word type_words[] = {
    {"PK64",    "INTEGER PRIMARY KEY AUTOINCREMENT"},
    {"I64",     "INTEGER"                          },
    {"TXT",     "TEXT"                             },
    {"BIN",     "BLOB"                             },
    {"PLAIN",   "STRICT"                           },
    {"ROWLESS", "STRICT, WITHOUT ROWID"            },
    {NULL,      NULL                               },
};

/* wal_autocheckpoint stays off: only the writer checkpoints, between groups. secure_delete is on in
 * the distribution's library, and costs a write per freed page. */
static const char writer_pragmas[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "PRAGMA wal_autocheckpoint=0; PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-65536;"
    "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0";
static const char reader_pragmas[] = "PRAGMA query_only=ON; PRAGMA cache_size=-4096; PRAGMA mmap_size=0";

static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_initialize();
}

static enum status failure(struct sqlite_handle *handle, struct error *err)
{
    int code = sqlite3_extended_errcode(handle->db);
    const char *text = sqlite3_errmsg(handle->db);

    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return fail(err, code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY
                             ? STATUS_CONFLICT : STATUS_INTERNAL, "constraint", "%s", text);
    case SQLITE_FULL: return fail(err, STATUS_FULL, "disk-full", "the database is full: %s", text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return fail(err, STATUS_BUSY, "busy", "the database is busy");
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: handle->is_broken = true; break;
    default: break;
    }
    return fail(err, STATUS_INTERNAL, "database", "the database failed: %s (%d)", text, code);
}

static int note_wal(void *context, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sqlite_handle *)context)->wal_pages = pages;
    return SQLITE_OK;
}

static void close_handle(void *opaque)
{
    struct sqlite_handle *handle = opaque;

    sqlite3_close_v2(handle->db);
    free(handle);
}

static enum status open_handle(const char *path, enum db_mode mode, void **out, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sqlite_handle *handle;
    int flags = SQLITE_OPEN_NOMUTEX | (mode == DB_WRITER ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                         : SQLITE_OPEN_READONLY);
    enum status rc = STATUS_OK;

    pthread_once(&once, configure_once);
    if (!(handle = calloc(1, sizeof *handle)))
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    if (sqlite3_open_v2(path, &handle->db, flags, NULL)) {
        rc = fail(err, STATUS_INTERNAL, "database", "could not open %s: %s", path,
                  handle->db ? sqlite3_errmsg(handle->db) : "out of memory");
        goto done;
    }
    sqlite3_extended_result_codes(handle->db, 1);
    sqlite3_busy_timeout(handle->db, 5000);
    sqlite3_db_config(handle->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(handle->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    if (mode != DB_WRITER)
        sqlite3_db_config(handle->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (sqlite3_exec(handle->db, mode == DB_WRITER ? writer_pragmas : reader_pragmas, NULL, NULL, NULL))
        rc = failure(handle, err);
    if (mode == DB_WRITER) /* turns off the automatic checkpoint, so it must come last */
        sqlite3_wal_hook(handle->db, note_wal, handle);
done:
    if (rc) {
        close_handle(handle);
        handle = NULL;
    }
    *out = handle;
    return rc;
}

static enum status prepare(void *opaque, const char *sql, void **out, struct error *err)
{
    struct sqlite_handle *handle = opaque;
    sqlite3_stmt *statement = NULL;
    const char *tail;

    *out = NULL;
    if (sqlite3_prepare_v3(handle->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, &tail))
        return failure(handle, err);
    if (tail[strspn(tail, " \n\t;")]) {
        sqlite3_finalize(statement);
        return fail(err, STATUS_INTERNAL, "database", "text after the end of a statement: %.60s", tail);
    }
    *out = statement;
    return STATUS_OK;
}

static void finalize(void *statement)
{
    sqlite3_finalize(statement);
}

static bool bind_int(void *statement, int index, int64_t value)
{
    return !sqlite3_bind_int64(statement, index, value);
}

static bool bind_text(void *statement, int index, const char *text)
{
    return !sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static bool bind_bytes(void *statement, int index, const void *bytes, size_t length)
{
    return !sqlite3_bind_blob64(statement, index, bytes ? bytes : "", length, SQLITE_STATIC);
}

static enum status step(void *handle, void *statement, struct error *err)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW: return STATUS_OK;
    case SQLITE_DONE: return STATUS_NOT_FOUND;
    default: return failure(handle, err);
    }
}

static void reset(void *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

static int64_t column_int(void *statement, int column)
{
    return sqlite3_column_int64(statement, column);
}

static bool column_is_null(void *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL;
}

static const void *column_bytes(void *statement, int column, size_t *length)
{
    /* sqlite3_column_text() ends text with a NUL, and may convert, so the length comes after it. */
    const void *bytes = sqlite3_column_type(statement, column) == SQLITE_BLOB
                            ? sqlite3_column_blob(statement, column)
                            : sqlite3_column_text(statement, column);

    if (length)
        *length = (size_t)sqlite3_column_bytes(statement, column);
    return bytes;
}

static int64_t last_id(void *handle)
{
    return sqlite3_last_insert_rowid(((struct sqlite_handle *)handle)->db);
}

static int64_t changes(void *handle)
{
    return sqlite3_changes64(((struct sqlite_handle *)handle)->db);
}

static bool is_broken(void *handle)
{
    return ((struct sqlite_handle *)handle)->is_broken;
}

static enum status execute(void *opaque, const char *sql, struct error *err)
{
    struct sqlite_handle *handle = opaque;

    return sqlite3_exec(handle->db, sql, NULL, NULL, NULL) ? failure(handle, err) : STATUS_OK;
}

/* The first complaint of a PRAGMA whose rows are complaints; "ok" is none. */
static enum status complaint(struct sqlite_handle *handle, const char *sql, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    enum status rc = STATUS_OK;
    const char *text;

    if (sqlite3_prepare_v2(handle->db, sql, -1, &statement, NULL))
        return failure(handle, err);
    switch (sqlite3_step(statement)) {
    case SQLITE_DONE: break;
    case SQLITE_ROW:
        text = (const char *)sqlite3_column_text(statement, 0);
        if (!text || strcmp(text, "ok"))
            rc = fail(err, STATUS_INVALID, "integrity", "%s: %s", sql, text ? text : "");
        break;
    default: rc = failure(handle, err);
    }
    sqlite3_finalize(statement);
    return rc;
}

static enum status integrity(void *handle, bool full, struct error *err)
{
    enum status rc;

    if ((rc = complaint(handle, full ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)", err)))
        return rc;
    return complaint(handle, "PRAGMA foreign_key_check", err);
}

static int64_t wal_pages(void *handle)
{
    return ((struct sqlite_handle *)handle)->wal_pages;
}

static enum status checkpoint(void *opaque, bool wait_for_readers, struct error *err)
{
    struct sqlite_handle *handle = opaque;
    int log, done, code;

    sqlite3_busy_timeout(handle->db, wait_for_readers ? 2000 : 0);
    code = sqlite3_wal_checkpoint_v2(
        handle->db, NULL, wait_for_readers ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE,
        &log, &done);
    sqlite3_busy_timeout(handle->db, 5000);
    if (code && code != SQLITE_BUSY)
        return failure(handle, err);
    if (log >= 0)
        handle->wal_pages = log - done;
    return STATUS_OK;
}

static const char *version(void)
{
    return sqlite3_libversion();
}

const struct db_backend db_backend_sqlite = {
    .name = "sqlite",
    .type_words = type_words,
    .open = open_handle,
    .close = close_handle,
    .prepare = prepare,
    .finalize = finalize,
    .bind_int = bind_int,
    .bind_text = bind_text,
    .bind_bytes = bind_bytes,
    .step = step,
    .reset = reset,
    .column_int = column_int,
    .column_is_null = column_is_null,
    .column_bytes = column_bytes,
    .last_id = last_id,
    .changes = changes,
    .is_broken = is_broken,
    .execute = execute,
    .integrity = integrity,
    .wal_pages = wal_pages,
    .checkpoint = checkpoint,
    .version = version,
};
