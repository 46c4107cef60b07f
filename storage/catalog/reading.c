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

enum status name_taken(enum status rc, const char *what, const char *name, struct error *err)
{
    return rc == STATUS_CONFLICT ? fail(err, rc, "name-taken", "%s %s exists already", what, name) : rc;
}
