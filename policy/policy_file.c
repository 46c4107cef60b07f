#include "policy/policy_file.h"

#include "config/quantity.h"
#include "policy/policy_file_state.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { SAY_MAX = 120, KNOWN_MAX = 400, REPOSITORIES_MAX = 1000 };

static const int64_t DURATION_MAX_MS = INT64_C(36500) * 86400000; /* a hundred years */

void pointers_add(struct policy_reader *reader, struct pointers *list, const void *item)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        const void **items = arena_array(reader->arena, capacity, sizeof *items);

        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
}

/* "mode, default, rules". */
static const char *join(struct policy_reader *reader, const char *const *words)
{
    struct strbuf out;

    strbuf_init(&out, reader->arena, KNOWN_MAX);
    for (size_t i = 0; words[i]; i++)
        strbuf_format(&out, "%s%s", i ? ", " : "", words[i]);
    return out.data;
}

static bool find_word(const char *const *words, const char *text, size_t *index)
{
    for (*index = 0; words[*index]; ++*index)
        if (!strcmp(words[*index], text))
            return true;
    return false;
}

enum status take_key(struct policy_reader *reader, const char *const *keys, unsigned *seen,
                     size_t *index, struct yaml_text *key, struct error *err)
{
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, key, err)))
        return rc;
    if (!find_word(keys, key->text, index))
        return yaml_fail_at(reader->cursor, key, err, "unknown key '%.40s'; here may stand %s",
                            key->text, join(reader, keys));
    if (*seen >> *index & 1)
        return yaml_fail_at(reader->cursor, key, err, "%s is given twice", key->text);
    *seen |= 1u << *index;
    key->text = keys[*index];
    return STATUS_OK;
}

enum status take_word(struct policy_reader *reader, const char *key, const char *const *words,
                      size_t *index, struct error *err)
{
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    if (!find_word(words, text.text, index))
        return yaml_fail_at(reader->cursor, &text, err, "%s is one of %s, not '%.40s'", key,
                            join(reader, words), text.text);
    return STATUS_OK;
}

enum status take_list(struct policy_reader *reader, const char *key, size_t max,
                      enum status (*add)(struct policy_reader *reader, const struct yaml_text *text,
                                         void *context, struct error *err),
                      void *context, struct error *err)
{
    struct yaml_text text;
    enum yaml_kind kind;
    size_t count = 0, line;
    bool has;
    enum status rc;

    if ((rc = yaml_peek(reader->cursor, &kind, &line, err)))
        return rc;
    if (kind == YAML_TEXT) {
        if ((rc = yaml_take_text(reader->cursor, &text, err)))
            return rc;
        return add(reader, &text, context, err);
    }
    if ((rc = yaml_enter(reader->cursor, YAML_LIST, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        if ((rc = yaml_take_text(reader->cursor, &text, err)) ||
            (rc = add(reader, &text, context, err)))
            return rc;
        if (++count > max)
            return yaml_fail_at(reader->cursor, &text, err, "%s has more than %zu entries", key,
                                max);
    }
    if (!rc && !count)
        return yaml_fail(reader->cursor, line, err, "%s is an empty list", key);
    return rc;
}

enum status take_quantity(struct policy_reader *reader, enum condition_shape shape, int64_t *out,
                          struct error *err)
{
    struct error reason = {0};
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    if (shape == DURATION ? quantity_parse_duration(text.text, out, &reason)
                          : quantity_parse_size(text.text, out, &reason))
        return yaml_fail_at(reader->cursor, &text, err, "%s", reason.message);
    if (*out <= 0)
        return yaml_fail_at(reader->cursor, &text, err, "'%.40s' must be more than 0", text.text);
    if (shape == DURATION && *out > DURATION_MAX_MS)
        return yaml_fail_at(reader->cursor, &text, err, "'%.40s' is more than a hundred years",
                            text.text);
    if (shape == DURATION)
        *out *= 1000;
    return STATUS_OK;
}

static enum status add_pattern(struct policy_reader *reader, const struct yaml_text *text,
                               void *context, struct error *err)
{
    const struct package_pattern *pattern;
    struct error reason = {0};

    if (package_pattern_parse(text->text, reader->arena, &pattern, &reason))
        return yaml_fail_at(reader->cursor, text, err, "%s", reason.message);
    pointers_add(reader, context, pattern);
    return STATUS_OK;
}

enum status make_set(struct policy_reader *reader, const char *key, size_t line,
                     struct pointers *list, struct pattern_set *out, struct error *err)
{
    pattern_set_init(out, (const struct package_pattern **)list->items, list->count);
    if (out->starred_count > POLICY_STARS_MAX)
        return yaml_fail(reader->cursor, line, err, "%s has more than %d names with stars", key,
                         POLICY_STARS_MAX);
    return STATUS_OK;
}

enum status take_patterns(struct policy_reader *reader, const char *key, struct pattern_set *out,
                          struct error *err)
{
    struct pointers list = {0};
    enum yaml_kind kind;
    size_t line;
    enum status rc;

    if ((rc = yaml_peek(reader->cursor, &kind, &line, err)) ||
        (rc = take_list(reader, key, POLICY_NAMES_MAX, add_pattern, &list, err)))
        return rc;
    return make_set(reader, key, line, &list, out, err);
}

static enum status take_say(struct policy_reader *reader, struct rule *rule, struct error *err)
{
    struct yaml_text text;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &text, err)))
        return rc;
    if (!text.length || text.length > SAY_MAX)
        return yaml_fail_at(reader->cursor, &text, err, "say has 1 to %d bytes", SAY_MAX);
    for (const char *at = text.text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return yaml_fail_at(reader->cursor, &text, err, "say is one line");
    rule->say = arena_copy(reader->arena, text.text);
    return STATUS_OK;
}

static bool rule_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length && length <= POLICY_RULE_NAME_MAX && name[0] != '-' && name[length - 1] != '-' &&
           !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_")];
}

static enum status check_rule_name(struct policy_reader *reader, const struct yaml_text *name,
                                   struct error *err)
{
    if (!rule_name_is_valid(name->text))
        return yaml_fail_at(reader->cursor, name, err,
                            "'%.40s' names no rule: up to %d small letters, digits, '-' and '_'",
                            name->text, POLICY_RULE_NAME_MAX);
    if (!strcmp(name->text, POLICY_NOT_APPROVED))
        return yaml_fail_at(reader->cursor, name, err,
                            "no rule is called %s: that is the default's own finding", name->text);
    for (size_t i = 0; i < reader->rules.count; i++)
        if (!strcmp(((const struct rule *)reader->rules.items[i])->name, name->text))
            return yaml_fail_at(reader->cursor, name, err, "the rule %s is given twice",
                                name->text);
    if (reader->rules.count == POLICY_RULES_MAX)
        return yaml_fail_at(reader->cursor, name, err, "there are more than %d rules",
                            POLICY_RULES_MAX);
    return STATUS_OK;
}

static enum status take_rule(struct policy_reader *reader, struct error *err)
{
    enum { HOLD, DENY, SAY, EXCEPT };
    static const char *const keys[] = {
        [HOLD] = "hold", [DENY] = "deny", [SAY] = "say", [EXCEPT] = "except", NULL};
    struct rule *rule = arena_alloc(reader->arena, sizeof *rule);
    struct yaml_text name, key;
    const char *says = NULL;
    unsigned seen = 0;
    size_t index;
    bool has;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &name, err)) ||
        (rc = check_rule_name(reader, &name, err)))
        return rc;
    rule->name = name.text = arena_copy(reader->arena, name.text);
    if ((rc = yaml_enter(reader->cursor, YAML_MAPPING, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        if ((rc = take_key(reader, keys, &seen, &index, &key, err)))
            return rc;
        if (index <= DENY && rule->action)
            return yaml_fail_at(reader->cursor, &key, err, "a rule holds or denies, not both");
        if (index <= DENY)
            rule->action = index == HOLD ? VERDICT_HOLD : VERDICT_DENY;
        rc = index <= DENY  ? take_conditions(reader, &rule->when, &says, err)
             : index == SAY ? take_say(reader, rule, err)
                            : take_patterns(reader, key.text, &rule->except, err);
        if (rc)
            return rc;
    }
    if (!rc && !rule->action)
        return yaml_fail_at(reader->cursor, &name, err, "the rule %s says neither hold nor deny",
                            name.text);
    if (!rule->say)
        rule->say = says;
    pointers_add(reader, &reader->rules, rule);
    return rc;
}

static enum status take_rules(struct policy_reader *reader, struct error *err)
{
    enum status rc = yaml_enter(reader->cursor, YAML_MAPPING, err);
    bool has;

    while (!rc && !(rc = yaml_has_more(reader->cursor, &has, err)) && has)
        rc = take_rule(reader, err);
    return rc;
}

static const char *const modes[] = {[POLICY_ENFORCE] = "enforce", [POLICY_AUDIT] = "audit", NULL};

static enum status take_repository(struct policy_reader *reader, struct error *err)
{
    static const char *const keys[] = {"mode", NULL};
    struct policy_repository *repository = arena_alloc(reader->arena, sizeof *repository);
    struct yaml_text name, key;
    unsigned seen = 0;
    size_t index;
    bool has;
    enum status rc;

    if ((rc = yaml_take_text(reader->cursor, &name, err)))
        return rc;
    if (!name.length || name.length > 100 || strchr(name.text, '/'))
        return yaml_fail_at(reader->cursor, &name, err, "'%.100s' names no repository of the org",
                            name.text);
    for (size_t i = 0; i < reader->repositories.count; i++)
        if (!strcmp(((const struct policy_repository *)reader->repositories.items[i])->name,
                    name.text))
            return yaml_fail_at(reader->cursor, &name, err, "the repository %s is given twice",
                                name.text);
    if (reader->repositories.count == REPOSITORIES_MAX)
        return yaml_fail_at(reader->cursor, &name, err, "there are more than %d repositories",
                            REPOSITORIES_MAX);
    repository->name = name.text = arena_copy(reader->arena, name.text);
    if ((rc = yaml_enter(reader->cursor, YAML_MAPPING, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has) {
        if ((rc = take_key(reader, keys, &seen, &index, &key, err)) ||
            (rc = take_word(reader, key.text, modes, &index, err)))
            return rc;
        repository->mode = index;
    }
    if (!rc && !seen)
        return yaml_fail_at(reader->cursor, &name, err, "the repository %s has no mode", name.text);
    pointers_add(reader, &reader->repositories, repository);
    return rc;
}

static enum status take_repositories(struct policy_reader *reader, struct error *err)
{
    enum status rc = yaml_enter(reader->cursor, YAML_MAPPING, err);
    bool has;

    while (!rc && !(rc = yaml_has_more(reader->cursor, &has, err)) && has)
        rc = take_repository(reader, err);
    return rc;
}

static enum status take_member(struct policy_reader *reader, unsigned *seen, struct error *err)
{
    enum { MODE, DEFAULT, RULES, APPROVED, REPOSITORIES, CASES };
    static const char *const keys[] = {[MODE] = "mode",
                                       [DEFAULT] = "default",
                                       [RULES] = "rules",
                                       [APPROVED] = "approved",
                                       [REPOSITORIES] = "repositories",
                                       [CASES] = "cases",
                                       NULL};
    static const char *const defaults[] = {"allow", "hold", NULL};
    struct yaml_text key;
    size_t index, word;
    enum status rc;

    if ((rc = take_key(reader, keys, seen, &index, &key, err)))
        return rc;
    switch (index) {
    case MODE:
        rc = take_word(reader, key.text, modes, &word, err);
        reader->policy->mode = word;
        return rc;
    case DEFAULT:
        rc = take_word(reader, key.text, defaults, &word, err);
        reader->policy->holds_unapproved = word == 1;
        return rc;
    case RULES: return take_rules(reader, err);
    case APPROVED: return take_patterns(reader, key.text, &reader->policy->approved, err);
    case REPOSITORIES: return take_repositories(reader, err);
    default: return take_cases(reader, err);
    }
}

/* A case names a rule that may stand below it. */
static enum status check_cases(struct policy_reader *reader, struct error *err)
{
    for (size_t i = 0; i < reader->policy->case_count; i++) {
        const struct policy_case *one = &reader->policy->cases[i];

        if (one->by && !policy_has_rule(reader->policy, one->by))
            return yaml_fail(reader->cursor, one->line, err,
                             "there is no rule %.40s for the case to be held by", one->by);
    }
    return STATUS_OK;
}

/* From pointers to what they point at, side by side. */
static void *gather(struct policy_reader *reader, const struct pointers *list, size_t size)
{
    char *out = arena_array(reader->arena, list->count, size);

    for (size_t i = 0; i < list->count; i++)
        memcpy(out + i * size, list->items[i], size);
    return out;
}

static void gather_all(struct policy_reader *reader)
{
    struct policy *policy = reader->policy;

    policy->rules = gather(reader, &reader->rules, sizeof *policy->rules);
    policy->rule_count = reader->rules.count;
    policy->repositories = gather(reader, &reader->repositories, sizeof *policy->repositories);
    policy->repository_count = reader->repositories.count;
    policy->cases = gather(reader, &reader->cases, sizeof *policy->cases);
    policy->case_count = reader->cases.count;
}

static enum status read_document(struct policy_reader *reader, struct error *err)
{
    unsigned seen = 0;
    bool has;
    enum status rc;

    if ((rc = yaml_next_document(reader->cursor, &has, err)))
        return rc;
    if (!has)
        return yaml_fail(reader->cursor, 1, err,
                         "the policy is empty; 'default: allow' says as much");
    if ((rc = yaml_enter(reader->cursor, YAML_MAPPING, err)))
        return rc;
    while (!(rc = yaml_has_more(reader->cursor, &has, err)) && has)
        if ((rc = take_member(reader, &seen, err)))
            return rc;
    if (!rc && !seen)
        rc =
            yaml_fail(reader->cursor, 1, err, "the policy is empty; 'default: allow' says as much");
    if (rc || (rc = yaml_next_document(reader->cursor, &has, err)))
        return rc;
    if (has)
        return yaml_fail(reader->cursor, 1, err, "there is a second document");
    gather_all(reader);
    return check_cases(reader, err);
}

enum status policy_file_read(const char *name, const char *text, size_t length,
                             struct policy *policy, struct error *err)
{
    struct policy_reader reader = {.policy = policy, .arena = policy->arena};
    struct error reason = {0};
    enum status rc;

    if (length > POLICY_TEXT_MAX)
        return fail(err, STATUS_UNPROCESSABLE, "policy-invalid",
                    "%s:1: a policy has at most %d bytes", name, POLICY_TEXT_MAX);
    if ((rc = yaml_cursor_open(name, text, length, &reader.cursor, err)))
        return rc;
    yaml_cursor_be_strict(reader.cursor);
    if ((rc = read_document(&reader, &reason)))
        rc = fail(err, STATUS_UNPROCESSABLE, "policy-invalid", "%s", reason.message);
    yaml_cursor_close(reader.cursor);
    return rc;
}
