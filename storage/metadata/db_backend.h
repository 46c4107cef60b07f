/* What an engine must do for db.c. Handles are its own. */
#pragma once
#include "storage/metadata/db.h"

struct db_type_word {
    const char *word, *text;
};

/* The words of the schema template, as the connection's engine spells them. */
const struct db_type_word *db_type_words(const struct db *db);

struct db_backend {
    const char *name;
    const struct db_type_word *type_words; /* of the schema template; ends with {NULL} */
    enum status (*open)(const char *path, enum db_mode mode, void **handle, struct error *err);
    void (*close)(void *handle);
    enum status (*prepare)(void *handle, const char *sql, void **statement, struct error *err);
    void (*finalize)(void *statement);
    bool (*bind_int)(void *statement, int index, int64_t value);
    bool (*bind_text)(void *statement, int index, const char *text);
    bool (*bind_bytes)(void *statement, int index, const void *bytes, size_t length);
    /* STATUS_OK: a row is there. STATUS_NOT_FOUND: no more. */
    enum status (*step)(void *handle, void *statement, struct error *err);
    void (*reset)(void *statement);
    int64_t (*column_int)(void *statement, int column);
    bool (*column_is_null)(void *statement, int column);
    const void *(*column_bytes)(void *statement, int column, size_t *length); /* text has a NUL */
    int64_t (*last_id)(void *handle);
    int64_t (*changes)(void *handle);
    bool (*is_broken)(void *handle);
    enum status (*execute)(void *handle, const char *sql, struct error *err);
    enum status (*integrity)(void *handle, bool full, struct error *err);
    int64_t (*wal_pages)(void *handle);
    enum status (*checkpoint)(void *handle, bool wait_for_readers, struct error *err);
    const char *(*version)(void);
};
