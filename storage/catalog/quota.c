#include "storage/catalog/quota.h"

#include "config/quantity.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"

#include <stdio.h>

static const char FIND[] = "SELECT COALESCE(q.bytes, ?2), u.bytes, u.files FROM org_usage u"
                           " LEFT JOIN org_quota q ON q.org_id = u.org_id WHERE u.org_id = ?1";

static enum status take_quota(struct query *query, int64_t org_id, int64_t default_limit,
                              struct quota *out, struct error *err)
{
    enum status rc;

    db_bind_int(query, 1, org_id);
    db_bind_int(query, 2, default_limit);
    if (!(rc = db_next_row(query, err)))
        *out = (struct quota){db_int(query, 0), db_int(query, 1), db_int(query, 2)};
    db_reset(query);
    return rc;
}

enum status tx_find_quota(struct transaction *tx, int64_t org_id, int64_t default_limit,
                          struct quota *out, struct error *err)
{
    return take_quota(db_query(tx->db, FIND), org_id, default_limit, out, err);
}

enum status catalog_find_quota(struct catalog *catalog, int64_t org_id, struct quota *out,
                               struct error *err)
{
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    rc = take_quota(reading.query, org_id, catalog_options(catalog)->org_quota, out, err);
    reading_end(&reading);
    return rc;
}

/* "12 MiB" where that is exact enough to help: three digits. */
static void say_size(int64_t bytes, char out[QUANTITY_TEXT_SIZE])
{
    int64_t unit = 1;

    while (bytes / unit >= 1000)
        unit *= 1024;
    quantity_format_size(bytes / unit * unit, out);
}

enum status quota_check(const struct quota *quota, const char *org, int64_t more, struct error *err)
{
    int64_t left = quota->limit > quota->used ? quota->limit - quota->used : 0;
    char limit[QUANTITY_TEXT_SIZE], rest[QUANTITY_TEXT_SIZE];

    if (!quota->limit || (left && more <= left))
        return STATUS_OK;
    say_size(quota->limit, limit);
    say_size(left, rest);
    return fail(err, STATUS_FULL, "quota-full",
                "%s may keep %s and has %s left: remove versions, or ask the server's owner for more",
                org, limit, rest);
}

struct quota_change {
    const struct actor *actor;
    const struct org *org;
    int64_t limit;
};

static enum status set_quota(struct transaction *tx, void *argument, struct error *err)
{
    static const char SET[] = "INSERT INTO org_quota(org_id, bytes) VALUES(?1, ?2)"
                              " ON CONFLICT(org_id) DO UPDATE SET bytes = excluded.bytes";
    const struct quota_change *change = argument;
    struct query *query = db_query(tx->db, SET);
    char detail[64];
    enum status rc;

    db_bind_int(query, 1, change->org->id);
    db_bind_int(query, 2, change->limit);
    if ((rc = db_run(query, err)))
        return rc;
    snprintf(detail, sizeof detail, "{\"bytes\":%lld}", (long long)change->limit);
    return tx_record(tx, change->actor, change->org->id, "org.quota", change->org->name, detail, err);
}

enum status catalog_set_quota(struct catalog *catalog, const struct actor *actor,
                              const struct org *org, int64_t limit, struct error *err)
{
    struct quota_change change = {actor, org, limit};

    if (limit < 0)
        return fail(err, STATUS_INVALID, "invalid-value", "a quota is a number of bytes, or 0 for none");
    return writer_run(catalog_writer(catalog), set_quota, &change, NULL, 0, err);
}
