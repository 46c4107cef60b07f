/* Rows. One connection, used by one thread at a time; statements are prepared once per connection
 * and found again by the address of their text, so every query is a static constant. Placeholders
 * are ?1, ?2. Storage spec 1.1. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct query;
struct db_backend;

enum db_mode {
    DB_WRITER,  /* the one connection that writes and checkpoints */
    DB_READER,  /* sees the last commit */
    DB_OBSERVER /* reads a directory in use: no lock, no checkpoint, nothing is written */
};

extern const struct db_backend db_backend_sqlite;

enum status db_open(const struct db_backend *backend, const char *path, enum db_mode mode,
                    struct db **out, struct error *err);
void db_close(struct db *db);

/* A statement ready for binding. Never NULL: a failure to prepare shows at db_next_row(). Text after
 * the statement's end is refused. */
struct query *db_query(struct db *db, const char *sql);
/* Bind errors stick until the row is asked for. Text and bytes must live until then. */
void db_bind_int(struct query *query, int index, int64_t value);
void db_bind_text(struct query *query, int index, const char *text); /* NULL binds NULL */
void db_bind_bytes(struct query *query, int index, const void *bytes, size_t length);
void db_bind_null(struct query *query, int index);

/* The next row. STATUS_NOT_FOUND, without a message, when there are no more: the query is then reset
 * and may be run again. STATUS_CONFLICT where a UNIQUE constraint refuses. */
enum status db_next_row(struct query *query, struct error *err);
/* Runs to the end, for statements without rows. */
enum status db_run(struct query *query, struct error *err);
/* Lets go of a query before its last row. Harmless on one that has ended. */
void db_reset(struct query *query);

int64_t db_int(struct query *query, int column); /* NULL is 0 */
bool db_is_null(struct query *query, int column);
/* Valid until the next row or reset. */
const char *db_text(struct query *query, int column); /* NULL stays NULL */
const void *db_bytes(struct query *query, int column, size_t *length);

int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db); /* rows that the last statement changed */

/* Runs statements that need no binding: BEGIN, COMMIT, SAVEPOINT. */
enum status db_execute(struct db *db, const char *sql, struct error *err);
/* True after an error that forbids all further writing: I/O, a failed flush, corruption. */
bool db_is_broken(const struct db *db);

/* Whatever the engine has to say about its own files; "" where all is well. */
enum status db_integrity(struct db *db, bool full, struct error *err);
/* Pages waiting in the write-ahead log, and moving them over. */
int64_t db_wal_pages(struct db *db);
enum status db_checkpoint(struct db *db, bool wait_for_readers, struct error *err);

/* Brings the schema to the newest version, each migration in its own transaction. Refuses a schema
 * that is newer than this program. */
enum status db_migrate(struct db *db, struct error *err);
enum status db_schema_version(struct db *db, int *version, struct error *err);
int db_newest_schema(void);

/* A last-in-first-out pool of readers, opened as needed. */
struct db_pool;
enum status db_pool_open(const struct db_backend *backend, const char *path, enum db_mode mode,
                         size_t most, struct db_pool **out, struct error *err);
void db_pool_close(struct db_pool *pool);
/* Waits for a reader if all are lent. */
enum status db_pool_take(struct db_pool *pool, struct db **out, struct error *err);
void db_pool_give(struct db_pool *pool, struct db *db);

const char *db_engine_version(void);
