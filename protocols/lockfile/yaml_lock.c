/* pnpm-lock.yaml, and yarn.lock of Yarn 2 and later. */
#include "protocols/lockfile/reading.h"

#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>

/* Takes a text; *out is NULL, and the value taken, where it is something else. */
static enum status take_text(struct reading *reading, struct yaml_cursor *yaml, const char **out,
                             struct yaml_text *place, struct error *err)
{
    struct yaml_text text;
    enum yaml_kind kind;
    enum status rc;

    *out = NULL;
    if ((rc = yaml_peek(yaml, &kind, NULL, err)))
        return rc;
    if (kind != YAML_TEXT)
        return yaml_skip(yaml, err);
    if ((rc = yaml_take_text(yaml, &text, err)))
        return rc;
    *out = reading_copy(reading, text.text, text.length);
    if (place)
        *place = text;
    return STATUS_OK;
}

/* The next key, copied; NULL at the mapping's end. */
static enum status next_key(struct reading *reading, struct yaml_cursor *yaml, const char **key,
                            size_t *line, struct error *err)
{
    struct yaml_text text;
    bool has;
    enum status rc;

    *key = NULL;
    if ((rc = yaml_has_more(yaml, &has, err)) || !has)
        return rc;
    if ((rc = yaml_take_text(yaml, &text, err)))
        return rc;
    *key = reading_copy(reading, text.text, text.length);
    if (line)
        *line = text.line;
    return STATUS_OK;
}

/* "/name/1.0.0_peer@2" until version 5, "/name@1.0.0(peer@2)" in 6, "name@1.0.0" since 9. */
static void split_pnpm_key(struct reading *reading, const char *key, struct lockfile_entry *entry)
{
    bool is_rooted = key[0] == '/';
    const char *path = key + is_rooted, *slash, *at;
    size_t length;

    slash = strchr(path, '/');
    if (slash && path[0] == '@')
        slash = strchr(slash + 1, '/');
    at = *path ? strchr(path + 1, '@') : NULL;
    if (is_rooted && slash && !(at && at < slash)) {
        length = (size_t)(slash - path);
        entry->version = reading_copy(reading, slash + 1, strcspn(slash + 1, "_("));
    } else if (at) {
        length = (size_t)(at - path);
        entry->version = reading_copy(reading, at + 1, strcspn(at + 1, "("));
        if (!is_rooted && slash && slash < at && path[0] != '@')
            entry->why = "comes from another registry by its host";
    } else {
        length = strlen(path);
        entry->version = path;
        if (strchr(path, '/') && !strchr(path, ':'))
            entry->why = "comes from git or a URL of its own";
    }
    entry->name = reading_copy(reading, path, length);
}

static enum status read_resolution(struct reading *reading, struct yaml_cursor *yaml,
                                   struct lockfile_entry *entry, struct error *err)
{
    struct yaml_text place;
    const char *key, *text;
    enum status rc = yaml_enter(yaml, YAML_MAPPING, err);

    while (!rc && !(rc = next_key(reading, yaml, &key, NULL, err)) && key) {
        if ((rc = take_text(reading, yaml, &text, &place, err)) || !text)
            continue;
        if (!strcmp(key, "integrity")) {
            entry->digest = text;
        } else if (!strcmp(key, "tarball")) {
            entry->url = text;
            reading_place(entry, place.offset, place.end, place.is_quoted);
        } else if (!strcmp(key, "repo") || !strcmp(key, "commit")) {
            entry->why = "comes from git";
        } else if (!strcmp(key, "directory")) {
            entry->why = "is a folder of this project";
        }
    }
    return rc;
}

static enum status read_pnpm_package(struct reading *reading, struct yaml_cursor *yaml,
                                     struct lockfile_entry *entry, struct error *err)
{
    const char *key;
    enum status rc = yaml_enter(yaml, YAML_MAPPING, err);

    while (!rc && !(rc = next_key(reading, yaml, &key, NULL, err)) && key)
        rc = strcmp(key, "resolution") ? yaml_skip(yaml, err)
                                       : read_resolution(reading, yaml, entry, err);
    return rc ? rc : reading_tell_npm(reading, *entry, err);
}

static enum status read_pnpm_packages(struct reading *reading, struct yaml_cursor *yaml,
                                      struct error *err)
{
    enum status rc = yaml_enter(yaml, YAML_MAPPING, err);
    const char *key;

    while (!rc) {
        struct lockfile_entry entry = {0};

        if ((rc = next_key(reading, yaml, &key, &entry.line, err)) || !key)
            break;
        split_pnpm_key(reading, key, &entry);
        rc = read_pnpm_package(reading, yaml, &entry, err);
        reading_forget(reading);
    }
    return rc;
}

static enum status check_pnpm_version(struct yaml_cursor *yaml, struct error *err)
{
    struct yaml_text text;
    char *end;
    long major;
    enum status rc = yaml_take_text(yaml, &text, err);

    if (rc)
        return rc;
    major = strtol(text.text, &end, 10);
    if (end == text.text || (*end && *end != '.') || major < 5 || major > 9)
        return yaml_fail(yaml, text.line, err, "lockfileVersion %.20s is not known; 5 to 9 are",
                         text.text);
    return STATUS_OK;
}

/* A file may have two documents: the second is the project, the first what pnpm itself needs. */
static enum status read_pnpm_document(struct reading *reading, struct yaml_cursor *yaml,
                                      struct error *err)
{
    bool has_version = false;
    const char *key;
    size_t first_line, line;
    enum yaml_kind kind;
    enum status rc;

    if ((rc = yaml_peek(yaml, &kind, &first_line, err)) ||
        (rc = yaml_enter(yaml, YAML_MAPPING, err)))
        return rc;
    while (!rc && !(rc = next_key(reading, yaml, &key, &line, err)) && key)
        if (!strcmp(key, "lockfileVersion")) {
            has_version = true;
            rc = check_pnpm_version(yaml, err);
        } else if (!strcmp(key, "packages") && !(rc = yaml_peek(yaml, &kind, NULL, err)) &&
                   kind == YAML_MAPPING) {
            rc = read_pnpm_packages(reading, yaml, err);
        } else if (!rc) {
            rc = yaml_skip(yaml, err);
        }
    if (!rc && !has_version)
        return yaml_fail(yaml, first_line, err,
                         "is no lockfile of pnpm: it has no lockfileVersion");
    return rc;
}

/* What is in "name@npm:1.0.0::__archiveUrl=https%3A%2F%2F…". */
static void read_archive_url(struct reading *reading, const struct yaml_text *place,
                             struct lockfile_entry *entry)
{
    static const char key[] = "__archiveUrl=";
    const char *raw = reading->text + place->offset;
    size_t length = place->end - place->offset, at = 0;
    const char *found = memmem(raw, length, key, sizeof key - 1);
    char *url;

    if (!found)
        return;
    found += sizeof key - 1;
    length = strcspn(found, "&\"'\r\n");
    entry->url_offset = (size_t)(found - reading->text);
    entry->url_length = length;
    entry->url_is_encoded = true;
    entry->url = url = reading_copy(reading, found, length);
    for (size_t i = 0; i < length; i++) {
        char hex[3] = {0};
        char *end = hex;

        if (found[i] == '%' && length - i > 2) {
            memcpy(hex, found + i + 1, 2);
            url[at] = (char)strtoul(hex, &end, 16);
        }
        if (end == hex + 2 && url[at])
            i += 2;
        else
            url[at] = found[i];
        at++;
    }
    url[at] = '\0';
}

static enum status read_berry_package(struct reading *reading, struct yaml_cursor *yaml,
                                      size_t line, struct error *err)
{
    struct lockfile_entry entry = {.line = line};
    const char *key, *resolution = NULL, *split;
    struct yaml_text place = {0};
    enum status rc = yaml_enter(yaml, YAML_MAPPING, err);

    while (!rc && !(rc = next_key(reading, yaml, &key, NULL, err)) && key)
        rc = strcmp(key, "resolution") ? yaml_skip(yaml, err)
                                       : take_text(reading, yaml, &resolution, &place, err);
    if (rc)
        return rc;
    if (!resolution || !*resolution || !(split = strchr(resolution + 1, '@')))
        return yaml_fail(yaml, line, err, "a package has no resolution");
    entry.name = reading_copy(reading, resolution, (size_t)(split - resolution));
    entry.version = split + 1;
    if (!strncmp(split, "@npm:", 5)) {
        entry.version = reading_copy(reading, split + 5, strcspn(split + 5, ":"));
        read_archive_url(reading, &place, &entry);
    } else if (!strncmp(split, "@virtual:", 9)) {
        entry.why = "is a copy of another line";
    }
    return reading_tell_npm(reading, entry, err);
}

static enum status read_berry_document(struct reading *reading, struct yaml_cursor *yaml,
                                       struct error *err)
{
    enum status rc = yaml_enter(yaml, YAML_MAPPING, err);
    const char *key;
    size_t line;

    while (!rc && !(rc = next_key(reading, yaml, &key, &line, err)) && key) {
        rc = strcmp(key, "__metadata") ? read_berry_package(reading, yaml, line, err)
                                       : yaml_skip(yaml, err);
        reading_forget(reading);
    }
    return rc;
}

static enum status read_documents(struct reading *reading, bool is_needed,
                                  enum status (*read)(struct reading *reading,
                                                      struct yaml_cursor *yaml, struct error *err),
                                  struct error *err)
{
    struct yaml_cursor *yaml;
    bool has, had = false;
    enum status rc;

    if ((rc = yaml_cursor_open(reading->name, reading->text, reading->length, &yaml, err)))
        return rc;
    while (!rc && !(rc = yaml_next_document(yaml, &has, err)) && has) {
        had = true;
        rc = read(reading, yaml, err);
    }
    yaml_cursor_close(yaml);
    if (!rc && is_needed && !had)
        return reading_fail(reading, 1, err, "is empty");
    return rc;
}

enum status pnpm_lock_read(struct reading *reading, struct error *err)
{
    return read_documents(reading, true, read_pnpm_document, err);
}

enum status yarn_berry_read(struct reading *reading, struct error *err)
{
    return read_documents(reading, false, read_berry_document, err);
}
