/* Numbered migrations, embedded at build, each in its own transaction with its number. */
#include "config/clock.h"
#include "storage/memory/strbuf.h"
#include "storage/metadata/db_backend.h"

#include <ctype.h>
#include <string.h>

static const struct {
    int version;
    const char *name, *sql;
} migrations[] = {
#include "schema.inc"
};

enum { MIGRATION_COUNT = sizeof migrations / sizeof *migrations, SCHEMA_TEXT_MAX = 256 * 1024 };

int db_newest_schema(void)
{
    return migrations[MIGRATION_COUNT - 1].version;
}

enum status db_schema_version(struct db *db, int *version, struct error *err)
{
    static const char HAS_TABLE[] =
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sys_migration'";
    static const char NEWEST[] = "SELECT max(version) FROM sys_migration";
    struct query *query = db_query(db, HAS_TABLE);
    enum status rc;

    *version = 0;
    if ((rc = db_next_row(query, err)))
        return rc == STATUS_NOT_FOUND ? STATUS_OK : rc;
    db_reset(query);
    query = db_query(db, NEWEST);
    if (!(rc = db_next_row(query, err)))
        *version = (int)db_int(query, 0);
    db_reset(query);
    return rc;
}

/* Replaces the template's type words, each a whole word in capitals. */
static void spell_out(const struct db_type_word *words, const char *sql, struct strbuf *out)
{
    while (*sql) {
        const struct db_type_word *word = words;
        size_t length = 0;

        while (isalnum((unsigned char)sql[length]) || sql[length] == '_')
            length++;
        while (length && word->word && (strlen(word->word) != length || memcmp(word->word, sql, length)))
            word++;
        if (!length)
            strbuf_bytes(out, sql, length = 1);
        else if (word->word)
            strbuf_text(out, word->text);
        else
            strbuf_bytes(out, sql, length);
        sql += length;
    }
}

static enum status migrate_one(struct db *db, size_t index, struct error *err)
{
    static const char RECORD[] =
        "INSERT INTO sys_migration(version, name, applied_us, app) VALUES(?1, ?2, ?3, ?4)";
    struct strbuf sql;
    struct query *query;
    enum status rc;

    strbuf_init(&sql, NULL, SCHEMA_TEXT_MAX);
    spell_out(db_type_words(db), migrations[index].sql, &sql);
    if ((rc = db_execute(db, "BEGIN IMMEDIATE", err)))
        goto done;
    if ((rc = db_execute(db, sql.data, err)))
        goto done;
    query = db_query(db, RECORD);
    db_bind_int(query, 1, migrations[index].version);
    db_bind_text(query, 2, migrations[index].name);
    db_bind_int(query, 3, clock_now_us());
    db_bind_text(query, 4, "packhouse");
    if ((rc = db_run(query, err)))
        goto done;
    rc = db_execute(db, "COMMIT", err);
done:
    if (rc)
        db_execute(db, "ROLLBACK", NULL);
    strbuf_free(&sql);
    return rc;
}

enum status db_migrate(struct db *db, struct error *err)
{
    enum status rc;
    int version;

    if ((rc = db_schema_version(db, &version, err)))
        return rc;
    if (version > db_newest_schema())
        return fail(err, STATUS_UNSUPPORTED, "schema-newer",
                    "this data directory has schema %d, and this packhouse knows only up to %d: start "
                    "it with the newer packhouse that made it",
                    version, db_newest_schema());
    for (size_t i = 0; i < MIGRATION_COUNT; i++)
        if (migrations[i].version > version && (rc = migrate_one(db, i, err)))
            return rc;
    return STATUS_OK;
}
