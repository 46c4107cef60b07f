#include "config/settings.h"

#include "config/settings_table.h"
#include "config/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 20 };

static enum status read_whole_file(const char *path, char **text, size_t *length, struct error *err)
{
    FILE *file = fopen(path, "rbe");
    enum status rc = STATUS_OK;

    *text = NULL;
    if (!file)
        return errno == ENOENT ? fail(err, STATUS_NOT_FOUND, "", "%s does not exist", path)
                               : fail_errno(err, "cannot open %s", path);
    if (!(*text = malloc(FILE_MAX + 1)))
        rc = fail(err, STATUS_INTERNAL, "", "out of memory");
    else {
        *length = fread(*text, 1, FILE_MAX + 1, file);
        if (ferror(file))
            rc = fail_errno(err, "cannot read %s", path);
        else if (*length > FILE_MAX)
            rc = fail(err, STATUS_INVALID, "", "%s is larger than %d bytes", path, FILE_MAX);
        else
            (*text)[*length] = '\0';
    }
    fclose(file);
    if (rc) {
        free(*text);
        *text = NULL;
    }
    return rc;
}

/* The content of a file as a value; its last line end does not count. */
static enum status set_from_file(const struct setting *setting, struct settings *settings,
                                 enum setting_origin origin, const char *path, struct error *err)
{
    struct error reason = {0};
    char *text;
    size_t length;
    enum status rc;

    if ((rc = read_whole_file(path, &text, &length, &reason)))
        return fail(err, STATUS_INVALID, "", "%s_file: %s", setting->name, reason.message);
    while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        text[--length] = '\0';
    rc = strlen(text) == length
             ? setting_set(setting, settings, origin, text, err)
             : fail(err, STATUS_INVALID, "", "%s_file: has a control character", setting->name);
    free(text);
    return rc;
}

static enum status set_either(const struct setting *setting, bool in_file,
                              struct settings *settings, enum setting_origin origin,
                              const char *text, struct error *err)
{
    return in_file ? set_from_file(setting, settings, origin, text, err)
                   : setting_set(setting, settings, origin, text, err);
}

/* One document being read. */
struct document {
    struct yaml_cursor *yaml;
    bool seen[SETTINGS_MAX];
};

/* A key and its value. */
static enum status read_pair(struct document *doc, struct settings *settings,
                             enum setting_group group, enum setting_origin origin,
                             struct error *err)
{
    struct error reason = {0};
    const struct setting *row;
    struct yaml_text text;
    enum yaml_kind kind;
    bool in_file;
    size_t line;
    enum status rc;

    if ((rc = yaml_peek(doc->yaml, &kind, &line, err)))
        return rc;
    if (kind != YAML_TEXT || yaml_take_text(doc->yaml, &text, NULL))
        return yaml_fail(doc->yaml, line, err, "a setting's name must be one word");
    if (!(row = setting_find(group, text.text, text.length, &in_file)) || strchr(text.text, '-')) {
        setting_unknown(group, text.text, &reason);
        return yaml_fail(doc->yaml, line, err, "%s", reason.message);
    }
    if (doc->seen[row - settings_table])
        return yaml_fail(doc->yaml, line, err, "%s is set twice", row->name);
    doc->seen[row - settings_table] = true;
    if ((rc = yaml_peek(doc->yaml, &kind, &line, err)))
        return rc;
    if (kind != YAML_TEXT)
        return yaml_fail(doc->yaml, line, err, "%s takes one value, no list or mapping", row->name);
    if (yaml_take_text(doc->yaml, &text, NULL))
        return yaml_fail(doc->yaml, line, err, "%s has a control character", row->name);
    if (set_either(row, in_file, settings, origin, text.text, &reason))
        return yaml_fail(doc->yaml, line, err, "%s", reason.message);
    return STATUS_OK;
}

static enum status read_mapping(struct document *doc, struct settings *settings,
                                enum setting_group group, enum setting_origin origin,
                                struct error *err)
{
    bool has;
    enum status rc = yaml_enter(doc->yaml, YAML_MAPPING, err);

    while (!rc && !(rc = yaml_has_more(doc->yaml, &has, err)) && has)
        rc = read_pair(doc, settings, group, origin, err);
    return rc;
}

static enum status read_documents(struct document *doc, struct settings *settings,
                                  enum setting_group group, enum setting_origin origin,
                                  struct error *err)
{
    bool has, had_mapping = false;
    struct yaml_text text;
    enum yaml_kind kind;
    size_t line;
    enum status rc;

    while (!(rc = yaml_next_document(doc->yaml, &has, err)) && has) {
        if ((rc = yaml_peek(doc->yaml, &kind, &line, err)))
            return rc;
        if (kind == YAML_TEXT && !yaml_take_text(doc->yaml, &text, NULL) && !text.length)
            continue; /* "---" with nothing behind it */
        if (kind != YAML_MAPPING)
            return yaml_fail(doc->yaml, line, err, "expected lines of the form \"name: value\"");
        if (had_mapping)
            return yaml_fail(doc->yaml, line, err, "a second document");
        had_mapping = true;
        if ((rc = read_mapping(doc, settings, group, origin, err)))
            return rc;
    }
    return rc;
}

enum status settings_read_yaml(struct settings *settings, enum setting_group group,
                               enum setting_origin origin, const char *name, const char *text,
                               size_t length, struct error *err)
{
    struct document doc = {0};
    enum status rc;

    if ((rc = yaml_cursor_open(name, text, length, &doc.yaml, err)))
        return rc;
    rc = read_documents(&doc, settings, group, origin, err);
    yaml_cursor_close(doc.yaml);
    return rc;
}

enum status settings_read_file(struct settings *settings, enum setting_group group,
                               enum setting_origin origin, const char *path, struct error *err)
{
    char *text;
    size_t length;
    enum status rc;

    if ((rc = read_whole_file(path, &text, &length, err)))
        return rc;
    rc = settings_read_yaml(settings, group, origin, path, text, length, err);
    free(text);
    return rc;
}

/* What follows PACKHOUSE_, in lower case, up to '='. */
static size_t variable_name(const char *variable, char *out, size_t size)
{
    static const char prefix[] = "PACKHOUSE_";
    size_t length;

    if (strncmp(variable, prefix, sizeof prefix - 1))
        return 0;
    variable += sizeof prefix - 1;
    length = strcspn(variable, "=");
    if (!variable[length] || !length || length >= size)
        return 0;
    for (size_t i = 0; i < length; i++)
        out[i] = (char)(variable[i] >= 'A' && variable[i] <= 'Z' ? variable[i] + 32 : '-');
    for (size_t i = 0; i < length; i++)
        if (variable[i] == '_')
            out[i] = '_';
    out[length] = '\0';
    return length;
}

enum status settings_read_environment(struct settings *settings, enum setting_group group,
                                      const char *const *environment, struct error *err)
{
    struct error reason = {0};
    char name[64];
    bool in_file;
    enum status rc;

    for (; *environment; environment++) {
        size_t length = variable_name(*environment, name, sizeof name);
        const struct setting *row = length ? setting_find(group, name, length, &in_file) : NULL;

        if (row && (rc = set_either(row, in_file, settings, ORIGIN_ENVIRONMENT,
                                    strchr(*environment, '=') + 1, &reason)))
            return fail(err, rc, "", "%.*s: %s", (int)strcspn(*environment, "="), *environment,
                        reason.message);
    }
    return STATUS_OK;
}

const char *settings_unknown_variable(const char *const *environment, size_t *at)
{
    static const char *const others[] = {"config", "profile"};
    char name[64];
    bool in_file, is_known;

    for (; environment[*at]; ++*at) {
        size_t length = variable_name(environment[*at], name, sizeof name);

        if (!length)
            continue;
        is_known = setting_find(SETTING_SERVER | SETTING_CLIENT, name, length, &in_file) != NULL;
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            is_known |= !strcmp(name, others[i]);
        if (!is_known)
            return environment[(*at)++];
    }
    return NULL;
}

/* The value of the flag at argv[*at], which moves over it. */
static const char *flag_value(const struct setting *setting, int argc, const char **argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');
    int next = *at + 1;

    if (equals)
        return equals + 1;
    if (setting->type == SETTING_BOOL)
        return "true";
    if (next == argc)
        return NULL;
    *at = next;
    return argv[next];
}

enum status settings_read_flags(struct settings *settings, enum setting_group group, int *argc,
                                const char **argv, struct error *err)
{
    struct error reason = {0};
    int kept = 1, count = *argc;
    bool in_file;
    enum status rc;

    for (int i = 1; i < count; i++) {
        const struct setting *row = NULL;
        const char *flag = argv[i], *value;

        if (!strcmp(flag, "--")) {
            while (i < count)
                argv[kept++] = argv[i++];
            break;
        }
        if (!strncmp(flag, "--", 2))
            row = setting_find(group, flag + 2, strcspn(flag + 2, "="), &in_file);
        if (!row) {
            argv[kept++] = argv[i];
            continue;
        }
        if (!(value = flag_value(row, count, argv, &i)))
            return fail(err, STATUS_INVALID, "", "%s takes a value", flag);
        if ((rc = set_either(row, in_file, settings, ORIGIN_FLAG, value, &reason)))
            return fail(err, rc, "", "--%s", reason.message);
    }
    *argc = kept;
    argv[kept] = NULL;
    return STATUS_OK;
}

/* What two settings may not say together. */
static enum status check_together(const struct settings *settings, struct error *err)
{
    if (settings->disk_warn_percent < settings->disk_refuse_percent ||
        settings->disk_warn_bytes < settings->disk_refuse_bytes)
        return fail(err, STATUS_INVALID, "",
                    "disk_warn_percent and disk_warn_bytes must not be below disk_refuse_percent "
                    "and disk_refuse_bytes: a warning comes before the refusal");
    if (settings->multipart_text_max < settings->multipart_field_max)
        return fail(err, STATUS_INVALID, "",
                    "multipart_text_max must not be below multipart_field_max");
    return STATUS_OK;
}

/* Takes "--config FILE" out of argv; else the variable of that name. */
static enum status find_config(int *argc, const char **argv, const char *const *environment,
                               const char **path, struct error *err)
{
    int kept = 1;

    *path = NULL;
    for (; *environment; environment++)
        if (!strncmp(*environment, "PACKHOUSE_CONFIG=", 17) && (*environment)[17])
            *path = *environment + 17;
    for (int i = 1; i < *argc; i++) {
        if (!strncmp(argv[i], "--config=", 9)) {
            *path = argv[i] + 9;
        } else if (!strcmp(argv[i], "--config")) {
            if (++i == *argc)
                return fail(err, STATUS_INVALID, "", "--config takes a file");
            *path = argv[i];
        } else {
            argv[kept++] = argv[i];
        }
    }
    *argc = kept;
    argv[kept] = NULL;
    return STATUS_OK;
}

enum status settings_load(struct settings *settings, int *argc, const char **argv,
                          const char *const *environment, struct error *err)
{
    const char *path;
    enum status rc;

    if ((rc = find_config(argc, argv, environment, &path, err)))
        return rc;
    if (path && (rc = settings_read_file(settings, SETTING_SERVER, ORIGIN_FILE, path, err)))
        return rc;
    if ((rc = settings_read_environment(settings, SETTING_SERVER, environment, err)))
        return rc;
    if ((rc = settings_read_flags(settings, SETTING_SERVER, argc, argv, err)))
        return rc;
    return check_together(settings, err);
}
