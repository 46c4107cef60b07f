/* package-lock.json and npm-shrinkwrap.json. Version 1 has a tree of "dependencies", version 3 a
 * table of "packages" by their folders, version 2 both. */
#include "protocols/lockfile/reading.h"

#include <string.h>

/* What is read of one package. */
struct npm_fields {
    const char *name, *version, *resolved, *integrity;
    struct json_range resolved_range;
    bool is_link, is_bundled;
    size_t line;
};

static enum status read_tree(struct reading *reading, struct json_cursor *cursor,
                             struct error *err);

static enum status take_bool(struct json_cursor *cursor, bool *out, struct error *err)
{
    enum status rc = json_skip_value(cursor, err);

    *out |= !rc && cursor->kind == TOKEN_TRUE;
    return rc;
}

/* has_tree: "dependencies" is a tree of packages, and not the ranges that the package asks for. */
static enum status read_fields(struct reading *reading, struct json_cursor *cursor, bool has_tree,
                               struct npm_fields *out, struct error *err)
{
    struct strbuf key;
    enum status rc;

    *out = (struct npm_fields){0};
    strbuf_init(&key, NULL, LOCKFILE_BYTES_MAX);
    if ((rc = json_enter(cursor, TOKEN_OBJECT, err)))
        return rc;
    out->line = reading_line(reading, (size_t)cursor->range.start);
    while (!rc && !(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY)
        if (!strcmp(key.data, "name"))
            rc = reading_json_text(reading, cursor, &out->name, NULL, err);
        else if (!strcmp(key.data, "version"))
            rc = reading_json_text(reading, cursor, &out->version, NULL, err);
        else if (!strcmp(key.data, "resolved"))
            rc = reading_json_text(reading, cursor, &out->resolved, &out->resolved_range, err);
        else if (!strcmp(key.data, "integrity"))
            rc = reading_json_text(reading, cursor, &out->integrity, NULL, err);
        else if (!strcmp(key.data, "link"))
            rc = take_bool(cursor, &out->is_link, err);
        else if (!strcmp(key.data, "inBundle") || !strcmp(key.data, "bundled"))
            rc = take_bool(cursor, &out->is_bundled, err);
        else if (has_tree && !strcmp(key.data, "dependencies"))
            rc = read_tree(reading, cursor, err);
        else
            rc = json_skip_value(cursor, err);
    strbuf_free(&key);
    return rc;
}

static enum status tell(struct reading *reading, const char *name, const struct npm_fields *fields,
                        struct error *err)
{
    struct lockfile_entry entry = {
        .name = fields->name ? fields->name : name,
        .version = fields->version,
        .digest = fields->integrity,
        .url = fields->resolved,
        .line = fields->line,
    };

    if (fields->is_link)
        entry.why = "is a folder of this project";
    else if (fields->is_bundled)
        entry.why = "comes inside another package";
    reading_place(&entry, (size_t)fields->resolved_range.start, (size_t)fields->resolved_range.end,
                  true);
    return reading_tell_npm(reading, entry, err);
}

static enum status read_tree(struct reading *reading, struct json_cursor *cursor, struct error *err)
{
    struct npm_fields fields;
    struct strbuf key;
    enum status rc = json_enter(cursor, TOKEN_OBJECT, err);

    strbuf_init(&key, NULL, LOCKFILE_BYTES_MAX);
    while (!rc && !(rc = json_next_key(cursor, &key, err)) && cursor->kind == TOKEN_KEY)
        if (!(rc = read_fields(reading, cursor, true, &fields, err)))
            rc = tell(reading, key.data, &fields, err);
    strbuf_free(&key);
    return rc;
}

/* Keys are folders: "node_modules/a/node_modules/@s/b". Others are the project's own. */
static enum status read_table(struct reading *reading, struct json_cursor *cursor,
                              struct error *err)
{
    static const char folder[] = "node_modules/";
    struct npm_fields fields;
    enum status rc = json_enter(cursor, TOKEN_OBJECT, err);

    while (!rc) {
        const char *name = NULL;
        struct strbuf key;

        strbuf_init(&key, reading->arena, LOCKFILE_BYTES_MAX);
        if ((rc = json_next_key(cursor, &key, err)) || cursor->kind != TOKEN_KEY)
            break;
        for (const char *at = key.data; (at = strstr(at, folder)); at++)
            if (at == key.data || at[-1] == '/')
                name = at + sizeof folder - 1;
        if (!(rc = read_fields(reading, cursor, false, &fields, err)) && name)
            rc = tell(reading, name, &fields, err);
        if (!rc)
            reading_forget(reading);
    }
    return rc;
}

static enum status read_document(struct reading *reading, struct json_cursor *cursor,
                                 struct error *err)
{
    int64_t version = 0;
    char name[64];
    struct strbuf key;
    enum status rc = json_enter(cursor, TOKEN_OBJECT, err);

    while (!rc) {
        /* The tables forget what the reading's memory has. */
        strbuf_init(&key, reading->arena, LOCKFILE_BYTES_MAX);
        if ((rc = json_next_key(cursor, &key, err)) || cursor->kind != TOKEN_KEY)
            break;
        snprintf(name, sizeof name, "%s", key.data);
        if (!strcmp(name, "lockfileVersion")) {
            if (!(rc = json_take_int(cursor, &version, err)) && (version < 1 || version > 3))
                return reading_fail(reading, reading_line(reading, (size_t)cursor->range.start),
                                    err, "lockfileVersion %lld is not known; 1, 2 and 3 are",
                                    (long long)version);
        } else if (!strcmp(name, "packages")) {
            rc = read_table(reading, cursor, err);
        } else if (!strcmp(name, "dependencies")) {
            rc = read_tree(reading, cursor, err);
        } else {
            rc = json_skip_value(cursor, err);
        }
        reading_forget(reading);
    }
    if (!rc && !(rc = json_finish(cursor, err)) && !version)
        return reading_fail(reading, 1, err, "is no lockfile of npm: it has no lockfileVersion");
    return rc;
}

enum status npm_lock_read(struct reading *reading, struct error *err)
{
    struct error own = {0};
    struct json_cursor cursor;

    if (!err)
        err = &own;
    json_cursor_init_text(&cursor, reading->text, reading->length, LOCKFILE_DEPTH_MAX);
    return reading_json_failed(reading, &cursor, read_document(reading, &cursor, err), err);
}
