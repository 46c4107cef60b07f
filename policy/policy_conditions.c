/* The conditions of a rule, as its text has them. */
#include "policy/policy_file_state.h"

#include "config/quantity.h"
#include "policy/spdx.h"
#include "storage/memory/arena.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/semver_range.h"
#include "storage/memory/specifier.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { ANY = CONDITION_COUNT, SAYS_MAX = 110 };

enum { OF_NPM = 1 << FORMAT_NPM, OF_PYPI = 1 << FORMAT_PYPI, OF_ARTIFACT = 1 << FORMAT_ARTIFACT };

/* One mapping of conditions while it is read. */
struct condition_list {
    struct policy_reader *reader;
    struct condition
        *conditions;       /* in the order of their kinds, so that the text's order says nothing */
    struct condition *one; /* being read */
    struct pointers items;
    unsigned seen, formats; /* that its names are of; 0: none is said */
};

static enum status add_license(struct policy_reader *reader, const struct yaml_text *text,
                               void *context, struct error *err)
{
    struct condition_list *list = context;
    const char *entry;

    if (!strcmp(text->text, "unknown")) {
        list->one->has_unknown = true;
        return STATUS_OK;
    }
    if (!(entry = spdx_list_entry(text->text, reader->arena)))
        return yaml_fail_at(reader->cursor, text, err,
                            "'%.60s' is no licence of SPDX; write MIT, BSD-* or GPL-2.0-only WITH "
                            "Classpath-exception-2.0",
                            text->text);
    pointers_add(reader, &list->items, entry);
    return STATUS_OK;
}

/* A name without a format is one of every format. */
static enum status add_name(struct policy_reader *reader, const struct yaml_text *text,
                            void *context, struct error *err)
{
    struct condition_list *list = context;
    const char *colon = strchr(text->text, ':');
    enum format only = colon ? format_from_name(text->text, (size_t)(colon - text->text)) : 0;
    size_t before = list->items.count;

    for (enum format format = FORMAT_NPM; format <= FORMAT_ARTIFACT && (only || !colon); format++) {
        const struct package_pattern *pattern;

        if (only && only != format)
            continue;
        pattern = package_pattern_for_name(format, colon ? colon + 1 : text->text, reader->arena);
        if (!pattern)
            continue;
        pointers_add(reader, &list->items, pattern);
        list->formats |= 1u << format;
    }
    if (list->items.count == before)
        return yaml_fail_at(reader->cursor, text, err,
                            "'%.100s' can be no package's name; write npm:@acme/*, pypi:acme-* or "
                            "both as acme-*",
                            text->text);
    return STATUS_OK;
}

static enum status add_version(struct policy_reader *reader, const struct yaml_text *text,
                               void *context, struct error *err)
{
    struct version_range *range = arena_alloc(reader->arena, sizeof *range);
    struct condition_list *list = context;
    struct pypi_version exact;

    *range = (struct version_range){
        .text = arena_copy(reader->arena, text->text), .line = text->line, .column = text->column};
    if (*range->text)
        range->semver = semver_range_parse(range->text, reader->arena);
    if (pypi_version_parse(range->text, &exact))
        range->specifier = arena_format(reader->arena, "==%s", range->text);
    else if (*range->text && specifier_set_is_valid(range->text))
        range->specifier = range->text;
    if (!range->semver && !range->specifier)
        return yaml_fail_at(reader->cursor, text, err, "'%.60s' is no range of versions",
                            text->text);
    if ((!range->semver || !semver_range_is_possible(range->semver)) &&
        (!range->specifier || !specifier_set_is_possible(range->specifier)))
        return yaml_fail_at(reader->cursor, text, err, "no version can be in '%.60s'", text->text);
    pointers_add(reader, &list->items, range);
    return STATUS_OK;
}

static enum status add_upstream(struct policy_reader *reader, const struct yaml_text *text,
                                void *context, struct error *err)
{
    struct condition_list *list = context;

    if (!text->length || text->length > 100)
        return yaml_fail_at(reader->cursor, text, err,
                            "an upstream's name has 1 to 100 characters");
    pointers_add(reader, &list->items, arena_copy(reader->arena, text->text));
    return STATUS_OK;
}

static enum status take_flag(struct policy_reader *reader, const char *key, struct error *err)
{
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    if (strcmp(text.text, "true"))
        return yaml_fail_at(reader->cursor, &text, err,
                            "%s takes true; a rule that does not ask for it leaves it out", key);
    return STATUS_OK;
}

static void keep_versions(struct condition_list *list)
{
    struct version_range *ranges =
        arena_array(list->reader->arena, list->items.count, sizeof *ranges);

    for (size_t i = 0; i < list->items.count; i++)
        ranges[i] = *(const struct version_range *)list->items.items[i];
    list->one->ranges = ranges;
}

static enum status take_value(struct condition_list *list, enum condition_kind kind,
                              struct error *err)
{
    const struct condition_row *row = &condition_rows[kind];
    struct policy_reader *reader = list->reader;
    enum yaml_kind shape;
    size_t line;
    enum status rc;

    if ((rc = yaml_peek(reader->cursor, &shape, &line, err)))
        return rc;
    list->one = &list->conditions[kind];
    list->one->kind = kind;
    list->items = (struct pointers){0};
    switch (row->shape) {
    case DURATION:
    case SIZE: return take_quantity(reader, row->shape, &list->one->quantity, err);
    case FLAG: return take_flag(reader, row->key, err);
    case LICENSES: rc = take_list(reader, row->key, POLICY_LIST_MAX, add_license, list, err); break;
    case NAMES: rc = take_list(reader, row->key, POLICY_NAMES_MAX, add_name, list, err); break;
    case VERSIONS: rc = take_list(reader, row->key, POLICY_LIST_MAX, add_version, list, err); break;
    default: rc = take_list(reader, row->key, POLICY_LIST_MAX, add_upstream, list, err); break;
    }
    if (rc)
        return rc;
    list->one->count = list->items.count;
    if (row->shape == NAMES)
        return make_set(reader, row->key, line, &list->items, &list->one->names, err);
    if (row->shape == VERSIONS)
        keep_versions(list);
    else
        list->one->list = (const char *const *)list->items.items;
    return STATUS_OK;
}

/* A range must be one of every format that the rule is about, or it would pass over some silently.
 */
static enum status check_versions(struct condition_list *list, unsigned formats, struct error *err)
{
    const struct condition *condition = &list->conditions[VERSION];

    if (list->formats)
        formats = list->formats;
    if (!formats)
        formats = OF_NPM | OF_PYPI;
    if (!(list->seen >> VERSION & 1))
        return STATUS_OK;
    for (size_t i = 0; i < condition->count; i++) {
        const struct version_range *range = &condition->ranges[i];
        const struct yaml_text at = {.line = range->line, .column = range->column};
        bool lacks_npm = !range->semver && (formats & OF_NPM);

        if (lacks_npm || (!range->specifier && (formats & OF_PYPI)))
            return yaml_fail_at(
                list->reader->cursor, &at, err,
                "'%.60s' is no range of %s's versions; name the packages it is for, as in "
                "name: \"%s:**\"",
                range->text, lacks_npm ? "npm" : "Python", lacks_npm ? "pypi" : "npm");
    }
    return STATUS_OK;
}

static void keep(struct condition_list *list, struct conditions *out)
{
    struct condition *all = arena_array(list->reader->arena, CONDITION_COUNT, sizeof *all);

    for (size_t kind = 0; kind < CONDITION_COUNT; kind++)
        if (list->seen >> kind & 1)
            all[out->all_count++] = list->conditions[kind];
    out->all = all;
    out->names_packages = (list->seen >> NAME & 1) || (list->seen >> UPSTREAM & 1);
}

static void condition_list_init(struct condition_list *list, struct policy_reader *reader)
{
    *list = (struct condition_list){.reader = reader};
    list->conditions = arena_array(reader->arena, CONDITION_COUNT, sizeof *list->conditions);
}

static void fill_keys(const char *keys[CONDITION_COUNT + 2], bool has_any)
{
    for (size_t kind = 0; kind < CONDITION_COUNT; kind++)
        keys[kind] = condition_rows[kind].key;
    keys[ANY] = has_any ? "any" : NULL;
    keys[ANY + 1] = NULL;
}

/* "trust_downgrade" alone, or a mapping of conditions that must all hold. */
static enum status take_branch(struct condition_list *list, struct error *err)
{
    struct policy_reader *reader = list->reader;
    const char *keys[CONDITION_COUNT + 2];
    struct yaml_text text;
    enum yaml_kind kind;
    size_t index, line;
    bool has;
    enum status rc;

    fill_keys(keys, false);
    if ((rc = yaml_peek(reader->cursor, &kind, &line, err)))
        return rc;
    if (kind == YAML_TEXT) {
        if ((rc = take_key(reader, keys, &list->seen, &index, &text, err)))
            return rc;
        if (condition_rows[index].shape != FLAG)
            return yaml_fail_at(reader->cursor, &text, err, "%s takes a value, as in {%s: …}",
                                text.text, text.text);
        list->conditions[index].kind = index;
        return STATUS_OK;
    }
    if ((rc = yaml_enter(reader->cursor, YAML_MAPPING, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has)
        if ((rc = take_key(reader, keys, &list->seen, &index, &text, err)) ||
            (rc = take_value(list, index, err)))
            return rc;
    if (!rc && !list->seen)
        return yaml_fail(reader->cursor, line, err, "a mapping without conditions holds always");
    return rc;
}

static enum status take_any(struct policy_reader *reader, struct pointers *branches,
                            struct error *err)
{
    size_t line;
    enum yaml_kind kind;
    bool has;
    enum status rc;

    if ((rc = yaml_peek(reader->cursor, &kind, &line, err)) ||
        (rc = yaml_enter(reader->cursor, YAML_LIST, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        struct condition_list *branch = arena_alloc(reader->arena, sizeof *branch);

        condition_list_init(branch, reader);
        if ((rc = take_branch(branch, err)))
            return rc;
        pointers_add(reader, branches, branch);
        if (branches->count > POLICY_RULES_MAX)
            return yaml_fail(reader->cursor, line, err, "any has more than %d entries",
                             POLICY_RULES_MAX);
    }
    if (!rc && !branches->count)
        return yaml_fail(reader->cursor, line, err, "any is an empty list");
    return rc;
}

static void say_condition(const struct condition *condition, struct strbuf *out)
{
    char text[QUANTITY_TEXT_SIZE];

    if (condition->kind == YOUNGER_THAN) {
        quantity_format_duration(condition->quantity / 1000, text);
        strbuf_format(out, "it is younger than %s", text);
    } else if (condition->kind == LARGER_THAN) {
        quantity_format_size(condition->quantity, text);
        strbuf_format(out, "it is larger than %s", text);
    } else {
        strbuf_text(out, condition_rows[condition->kind].says);
    }
}

static void say_all(const struct conditions *conditions, struct strbuf *out)
{
    for (size_t i = 0; i < conditions->all_count; i++) {
        strbuf_text(out, i ? " and " : "");
        say_condition(&conditions->all[i], out);
    }
    for (size_t i = 0; i < conditions->any_count; i++) {
        strbuf_text(out, i ? " or " : conditions->all_count ? ", and " : "");
        say_all(&conditions->any[i], out);
    }
}

static enum status keep_all(struct condition_list *list, const struct pointers *branches,
                            struct conditions *out, struct error *err)
{
    struct conditions *any = arena_array(list->reader->arena, branches->count + 1, sizeof *any);
    enum status rc = check_versions(list, list->formats, err);

    keep(list, out);
    for (size_t i = 0; !rc && i < branches->count; i++) {
        struct condition_list *branch = (struct condition_list *)branches->items[i];

        rc = check_versions(branch, list->formats, err);
        keep(branch, &any[i]);
    }
    out->any = any;
    out->any_count = branches->count;
    return rc;
}

enum status take_conditions(struct policy_reader *reader, struct conditions *out, const char **says,
                            struct error *err)
{
    const char *keys[CONDITION_COUNT + 2];
    struct pointers branches = {0};
    struct condition_list list;
    struct strbuf sentence;
    enum yaml_kind kind;
    struct yaml_text key;
    size_t index, line;
    bool has;
    enum status rc;

    fill_keys(keys, true);
    condition_list_init(&list, reader);
    if ((rc = yaml_peek(reader->cursor, &kind, &line, err)) ||
        (rc = yaml_enter(reader->cursor, YAML_MAPPING, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has)
        if ((rc = take_key(reader, keys, &list.seen, &index, &key, err)) ||
            (rc = index == ANY ? take_any(reader, &branches, err) : take_value(&list, index, err)))
            return rc;
    if (!rc && !list.seen)
        return yaml_fail(reader->cursor, line, err,
                         "a rule without conditions would hold everything");
    if (rc || (rc = keep_all(&list, &branches, out, err)))
        return rc;
    strbuf_init(&sentence, reader->arena, SAYS_MAX);
    say_all(out, &sentence);
    *says = sentence.data;
    return STATUS_OK;
}
