#include "storage/catalog/reading.h"

enum status reading_begin(struct catalog *catalog, const char *sql, struct reading *out,
                          struct error *err)
{
    enum status rc;

    *out = (struct reading){.catalog = catalog};
    if ((rc = db_pool_take(catalog_readers(catalog), &out->db, err)))
        return rc;
    out->query = db_query(out->db, sql);
    return STATUS_OK;
}

void reading_end(struct reading *reading)
{
    if (!reading->db)
        return;
    db_reset(reading->query);
    db_pool_give(catalog_readers(reading->catalog), reading->db);
    reading->db = NULL;
}

enum status reading_one(struct reading *reading, const char *what, const char *name,
                        struct error *err)
{
    enum status rc = db_next_row(reading->query, err);

    return rc == STATUS_NOT_FOUND ? fail(err, rc, "", "%s %s is not there", what, name) : rc;
}

enum status reading_list_end(enum status rc)
{
    return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
}

enum status reading_walk_name(struct catalog *catalog, const char *sql, int64_t org_id, int format,
                              const char *name_fold,
                              enum status (*visit)(void *context, const char *first,
                                                   const char *second, struct error *err),
                              void *context, struct error *err)
{
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, sql, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_fold);
    while (!(rc = db_next_row(reading.query, err)))
        if ((rc = visit(context, db_text(reading.query, 0), db_text(reading.query, 1), err)))
            break;
    reading_end(&reading);
    return reading_list_end(rc);
}

enum status name_taken(enum status rc, const char *what, const char *name, struct error *err)
{
    return rc == STATUS_CONFLICT ? fail(err, rc, "name-taken", "%s %s exists already", what, name)
                                 : rc;
}
