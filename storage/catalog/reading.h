/* One query on a reader from the pool: the catalog's own way to look something up. */
#pragma once
#include "storage/catalog/catalog.h"
#include "storage/metadata/db.h"

struct arena;

struct reading {
    struct catalog *catalog;
    struct db *db;
    struct query *query;
};

/* On success query is ready for binding; reading_end() must follow, also after a failed row. */
enum status reading_begin(struct catalog *catalog, const char *sql, struct reading *out,
                          struct error *err);
/* Harmless on a reading that never began. */
void reading_end(struct reading *reading);
/* The one row that a look-up by key has; STATUS_NOT_FOUND with this sentence without it. */
enum status reading_one(struct reading *reading, const char *what, const char *name,
                        struct error *err);
/* Visits the two texts of each row that sql finds for ?1 org, ?2 format and ?3 folded name. */
enum status reading_walk_name(struct catalog *catalog, const char *sql, int64_t org_id, int format,
                              const char *name_fold,
                              enum status (*visit)(void *context, const char *first,
                                                   const char *second, struct error *err),
                              void *context, struct error *err);
/* Turns the end of a list into success. */
enum status reading_list_end(enum status rc);
/* A UNIQUE constraint that refused an insert, in the user's words; any other rc as it is. */
enum status name_taken(enum status rc, const char *what, const char *name, struct error *err);
