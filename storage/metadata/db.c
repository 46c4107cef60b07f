#include "storage/metadata/db_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct query {
    struct db *db;
    const char *sql;  /* its address is its name */
    void *statement;  /* NULL: preparing failed, as error tells */
    bool bind_failed;
    bool has_row;
    struct error error;
    struct query *next;
};

enum { QUERY_BUCKETS = 64 };

struct db {
    const struct db_backend *backend;
    void *handle;
    struct query *queries[QUERY_BUCKETS];
};

static void *must(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

enum status db_open(const struct db_backend *backend, const char *path, enum db_mode mode,
                    struct db **out, struct error *err)
{
    struct db *db = must(calloc(1, sizeof *db));
    enum status rc;

    db->backend = backend;
    if ((rc = backend->open(path, mode, &db->handle, err))) {
        free(db);
        db = NULL;
    }
    *out = db;
    return rc;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < QUERY_BUCKETS; i++)
        for (struct query *query = db->queries[i], *next; query; query = next) {
            next = query->next;
            if (query->statement)
                db->backend->finalize(query->statement);
            free(query);
        }
    db->backend->close(db->handle);
    free(db);
}

struct query *db_query(struct db *db, const char *sql)
{
    struct query **bucket = &db->queries[((uintptr_t)sql >> 4) % QUERY_BUCKETS];
    struct query *query;

    for (query = *bucket; query && query->sql != sql; query = query->next)
        ;
    if (!query) {
        query = must(calloc(1, sizeof *query));
        query->db = db;
        query->sql = sql;
        query->next = *bucket;
        *bucket = query;
    }
    if (!query->statement)
        query->error.status = db->backend->prepare(db->handle, sql, &query->statement, &query->error);
    db_reset(query);
    return query;
}

static void bound(struct query *query, bool ok)
{
    if (!ok)
        query->bind_failed = true;
}

void db_bind_int(struct query *query, int index, int64_t value)
{
    if (query->statement)
        bound(query, query->db->backend->bind_int(query->statement, index, value));
}

void db_bind_text(struct query *query, int index, const char *text)
{
    if (query->statement)
        bound(query, query->db->backend->bind_text(query->statement, index, text));
}

void db_bind_bytes(struct query *query, int index, const void *bytes, size_t length)
{
    if (query->statement)
        bound(query, query->db->backend->bind_bytes(query->statement, index, bytes, length));
}

void db_bind_null(struct query *query, int index)
{
    db_bind_text(query, index, NULL);
}

enum status db_next_row(struct query *query, struct error *err)
{
    enum status rc;

    if (!query->statement) {
        if (err)
            *err = query->error;
        return query->error.status;
    }
    if (query->bind_failed)
        rc = fail(err, STATUS_INTERNAL, "database", "could not bind a value of: %.80s", query->sql);
    else
        rc = query->db->backend->step(query->db->handle, query->statement, err);
    query->has_row = !rc;
    if (rc)
        db_reset(query);
    return rc;
}

enum status db_run(struct query *query, struct error *err)
{
    enum status rc;

    while (!(rc = db_next_row(query, err)))
        ;
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

void db_reset(struct query *query)
{
    if (query->statement)
        query->db->backend->reset(query->statement);
    query->bind_failed = query->has_row = false;
}

int64_t db_int(struct query *query, int column)
{
    return query->db->backend->column_int(query->statement, column);
}

bool db_is_null(struct query *query, int column)
{
    return query->db->backend->column_is_null(query->statement, column);
}

const char *db_text(struct query *query, int column)
{
    return db_bytes(query, column, NULL);
}

const void *db_bytes(struct query *query, int column, size_t *length)
{
    return query->db->backend->column_bytes(query->statement, column, length);
}

int64_t db_last_id(struct db *db)
{
    return db->backend->last_id(db->handle);
}

int64_t db_changes(struct db *db)
{
    return db->backend->changes(db->handle);
}

enum status db_execute(struct db *db, const char *sql, struct error *err)
{
    return db->backend->execute(db->handle, sql, err);
}

bool db_is_broken(const struct db *db)
{
    return db->backend->is_broken(db->handle);
}

enum status db_integrity(struct db *db, bool full, struct error *err)
{
    return db->backend->integrity(db->handle, full, err);
}

int64_t db_wal_pages(struct db *db)
{
    return db->backend->wal_pages(db->handle);
}

enum status db_checkpoint(struct db *db, bool wait_for_readers, struct error *err)
{
    return db->backend->checkpoint(db->handle, wait_for_readers, err);
}

const char *db_engine_version(void)
{
    return db_backend_sqlite.version();
}

const struct db_type_word *db_type_words(const struct db *db)
{
    return db->backend->type_words;
}
