/* Verdicts against a model that shares nothing with them, on random facts, policies, exceptions and
 * times, with the rules in two orders. The model knows no ends: it asks hour for hour.
 * PACKHOUSE_VERDICTS=1000000 tries more than the 100,000 of every run; PACKHOUSE_SEED another lot. */
#include "policy/verdict.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { RULES = 5, BRANCHES = 3, CONDITIONS = 3, EXCEPTIONS = 4, APPROVED = 4, HOURS = 60, NEVER = 1000 };

/* What a condition asks; up to MANIFEST_MISMATCH they are yes, no or unknown. */
enum kind {
    INSTALL_SCRIPTS,
    NEW_INSTALL_SCRIPTS,
    SDIST_ONLY,
    DEPRECATED,
    YANKED,
    TRUST_DOWNGRADE,
    PUBLISHER_CHANGE,
    BYTES_CHANGED,
    MANIFEST_MISMATCH,
    FLAGS,
    SIGNATURE_IS_MISSING = FLAGS,
    SIGNATURE_IS_INVALID,
    PROVENANCE_IS_MISSING,
    PRERELEASE,
    YOUNGER_THAN,
    LARGER_THAN,
    LICENSE_IN,
    LICENSE_NOT_IN,
    NAME,
    AT_LEAST,
    BELOW,
    UPSTREAM,
    KINDS
};

/* The names that there are are bits: three of npm, two of Python. */
static const struct {
    const char *text;
    unsigned names;
} patterns[] = {
    {"npm:alpha",    1 },
    {"npm:beta",     2 },
    {"npm:@acme/ui", 4 },
    {"pypi:alpha",   8 },
    {"pypi:be_ta",   16},
    {"npm:*",        3 },
    {"npm:@acme/*",  4 },
    {"npm:**",       7 },
    {"pypi:**",      24},
    {"npm:a*",       1 },
};
enum { EXACT = 5 };
static const char *const names[] = {"alpha", "beta", "@acme/ui", "alpha", "be-ta"};

struct condition {
    enum kind kind;
    int number;        /* hours, MiB, version, pattern */
    unsigned licenses; /* or upstreams: bits */
};
struct branch {
    struct condition conditions[CONDITIONS];
    int count;
};
struct rule {
    int number, action;
    struct branch all, any[BRANCHES];
    int any_count, except; /* a pattern, -1: none */
};
struct model {
    struct rule rules[RULES];
    int rule_count;
    bool holds, audits;
    struct {
        int pattern, from; /* from: lowest version, 0: every one */
    } approved[APPROVED];
    int approved_count;
};
struct file {
    int name, version, upstream, published, absent, seen, size, digest;
    unsigned licenses; /* bits: A, B; 0: unknown */
    bool is_prerelease, is_choice;
    int flags[FLAGS], signature, provenance;
};
struct waiver {
    int pattern, from, until, digest; /* digest 0: whatever the bytes */
    unsigned rules;                   /* bit RULES: not-approved */
    unsigned graves;                  /* those that were cleared knowing that they were */
};
struct outcome {
    int action, opens, changes;
    unsigned found, standing;
    int cleared_by[RULES + 1];
};

/* -- The model. ------------------------------------------------------------------------------- */

/* What the model gets wrong on purpose, to see that it would be noticed. */
static enum fault {
    NO_FAULT,
    BELIEVES_UPSTREAM,
    ENDS_AN_HOUR_LATE,
    LETS_UNKNOWN_LICENSES_IN,
    TAKES_ONE_LICENSE_OF_TWO,
    FINDS_FAULT_WITH_LOCAL_ONES,
    CLEARS_ANY_BYTES,
    CLEARS_GRAVE_ONES_BY_NAME,
    CLEARS_WHAT_TURNS_GRAVE,
    CLEARS_EVERY_RULE,
    KNOWS_NO_END_OF_EXCEPTIONS,
    HOLDS_WHAT_IT_SHOULD_DENY,
    APPROVES_PRERELEASES,
    FAULTS
} fault;

static bool covers(int pattern, int from, const struct file *file)
{
    if (!(patterns[pattern].names >> file->name & 1))
        return false;
    return !from || (file->version >= from && (!file->is_prerelease || fault == APPROVES_PRERELEASES));
}

static int born(const struct file *file)
{
    int published = file->published && file->published <= file->seen ? file->published : file->seen;

    if (fault == BELIEVES_UPSTREAM)
        return file->published ? file->published : file->seen;
    return file->absent > published ? file->absent : published;
}

/* list has bit 2 where it says "unknown". */
static bool license_fits(const struct file *file, unsigned list)
{
    if (!file->licenses)
        return list & 4 || fault == LETS_UNKNOWN_LICENSES_IN;
    if (file->is_choice || fault == TAKES_ONE_LICENSE_OF_TWO)
        return file->licenses & list;
    return !(file->licenses & ~list);
}

static bool holds(const struct condition *condition, const struct file *file, int hour)
{
    int place = 2 * file->version - file->is_prerelease, number = condition->number;

    if (condition->kind < FLAGS)
        return file->flags[condition->kind] == FACT_YES;
    switch (condition->kind) {
    case SIGNATURE_IS_MISSING: return file->signature == SIGNATURE_MISSING;
    case SIGNATURE_IS_INVALID: return file->signature == SIGNATURE_INVALID;
    case PROVENANCE_IS_MISSING:
        return file->provenance == PROVENANCE_NONE || file->provenance == PROVENANCE_INVALID;
    case PRERELEASE: return file->is_prerelease;
    case YOUNGER_THAN: return !born(file) || hour - born(file) < number + (fault == ENDS_AN_HOUR_LATE);
    case LARGER_THAN: return file->size > number;
    case LICENSE_NOT_IN: return !license_fits(file, condition->licenses);
    case LICENSE_IN:
        return file->licenses ? !license_fits(file, ~condition->licenses) : condition->licenses >> 2 & 1;
    case NAME: return patterns[number].names >> file->name & 1;
    case AT_LEAST: return place >= 2 * number;
    /* Python's 2.0rc1 is not below 2.0, npm's is. */
    case BELOW: return place < 2 * number && (file->name < 3 || place < 2 * number - 1);
    default: return condition->licenses >> file->upstream & 1;
    }
}

static bool all_hold(const struct branch *branch, const struct file *file, int hour, bool *is_named)
{
    for (int i = 0; i < branch->count; i++) {
        enum kind kind = branch->conditions[i].kind;

        if (!holds(&branch->conditions[i], file, hour))
            return false;
        *is_named |= kind == NAME || kind == UPSTREAM || fault == FINDS_FAULT_WITH_LOCAL_ONES;
    }
    return true;
}

static bool asks_for_grave(const struct branch *branch, const struct file *file)
{
    bool is_grave = false;

    for (int i = 0; i < branch->count; i++) {
        enum kind kind = branch->conditions[i].kind;

        is_grave |= (kind == BYTES_CHANGED || kind == MANIFEST_MISMATCH || kind == SIGNATURE_IS_INVALID) &&
                    holds(&branch->conditions[i], file, 0);
    }
    return is_grave;
}

static bool finds(const struct rule *rule, const struct file *file, int hour, bool *is_grave)
{
    bool is_named = file->upstream, found = false;

    *is_grave = asks_for_grave(&rule->all, file);
    if ((rule->except >= 0 && covers(rule->except, 0, file)) ||
        !all_hold(&rule->all, file, hour, &is_named))
        return false;
    for (int i = 0; i < rule->any_count; i++) {
        bool branch_is_named = is_named;

        found |= all_hold(&rule->any[i], file, hour, &branch_is_named) && branch_is_named;
        *is_grave |= asks_for_grave(&rule->any[i], file);
    }
    return rule->any_count ? found : is_named;
}

static bool clears(const struct waiver *waiver, int rule, bool is_grave, const struct file *file, int hour)
{
    if ((hour >= waiver->until && fault != KNOWS_NO_END_OF_EXCEPTIONS) ||
        !covers(waiver->pattern, waiver->from, file))
        return false;
    if (!(waiver->rules >> rule & 1) && fault != CLEARS_EVERY_RULE)
        return false;
    if (waiver->digest && waiver->digest != file->digest && fault != CLEARS_ANY_BYTES)
        return false;
    if (waiver->digest)
        return !is_grave || waiver->graves >> rule & 1 || fault == CLEARS_WHAT_TURNS_GRAVE;
    return !is_grave || fault == CLEARS_GRAVE_ONES_BY_NAME;
}

/* Whatever holds at this hour, without a word on what comes next. */
static void judge(const struct model *model, const struct file *file, const struct waiver *waivers,
                  int count, int hour, struct outcome *out)
{
    bool is_grave = false, is_approved = !model->holds || !file->upstream;

    *out = (struct outcome){0};
    for (int i = 0; i < model->approved_count; i++)
        is_approved |= covers(model->approved[i].pattern, model->approved[i].from, file);
    for (int rule = 0; rule <= RULES; rule++) {
        int best = -1, action = rule < RULES ? model->rules[rule].action : VERDICT_HOLD;

        if (rule < RULES ? rule >= model->rule_count || !finds(&model->rules[rule], file, hour, &is_grave)
                         : (is_grave = false, is_approved))
            continue;
        out->found |= 1u << rule;
        for (int i = 0; i < count; i++)
            if (clears(&waivers[i], rule, is_grave, file, hour) &&
                (best < 0 || waivers[i].until > waivers[best].until))
                best = i;
        out->cleared_by[rule] = best + 1;
        if (best >= 0)
            continue;
        out->standing |= 1u << rule;
        if (action > out->action)
            out->action = fault == HOLDS_WHAT_IT_SHOULD_DENY ? VERDICT_HOLD : action;
    }
}

static void foresee(const struct model *model, const struct file *file, const struct waiver *waivers,
                    int count, int hour, struct outcome *out)
{
    judge(model, file, waivers, count, hour, out);
    out->opens = out->changes = NEVER;
    for (int later = hour + 1; out->found && later < HOURS; later++) {
        struct outcome then;

        judge(model, file, waivers, count, later, &then);
        if (out->changes == NEVER && (then.found != out->found ||
                                      memcmp(then.cleared_by, out->cleared_by, sizeof then.cleared_by)))
            out->changes = later;
        if (out->action && !then.standing) {
            out->opens = later;
            break;
        }
    }
}

/* -- Chance. ---------------------------------------------------------------------------------- */

static uint64_t seed;

static int below(int limit)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((seed >> 33) % (uint64_t)limit);
}

static bool once_in(int many)
{
    return !below(many);
}

static void make_branch(struct branch *out, int most)
{
    bool seen[KINDS] = {false};

    out->count = 1 + below(most);
    for (int i = 0; i < out->count; i++) {
        struct condition *condition = &out->conditions[i];

        do
            condition->kind = once_in(3) ? YOUNGER_THAN : below(KINDS);
        while (seen[condition->kind] || (condition->kind == AT_LEAST && seen[BELOW]) ||
               (condition->kind == BELOW && seen[AT_LEAST]));
        seen[condition->kind] = true;
        condition->number = condition->kind == NAME ? below(COUNT(patterns)) : 1 + below(12);
        if (condition->kind == AT_LEAST || condition->kind == BELOW)
            condition->number = 1 + below(5);
        condition->licenses = 1 + (unsigned)below(7);
    }
}

static void make_model(struct model *out)
{
    *out = (struct model){.rule_count = below(RULES + 1), .holds = once_in(3), .audits = once_in(4)};
    for (int i = 0; i < out->rule_count; i++) {
        struct rule *rule = &out->rules[i];

        rule->number = i;
        rule->action = once_in(3) ? VERDICT_DENY : VERDICT_HOLD;
        rule->except = once_in(5) ? below(COUNT(patterns)) : -1;
        rule->any_count = once_in(3) ? 1 + below(BRANCHES) : 0;
        for (int j = 0; j < rule->any_count; j++)
            make_branch(&rule->any[j], 2);
        if (!rule->any_count || once_in(2))
            make_branch(&rule->all, once_in(3) ? 3 : 1);
    }
    out->approved_count = below(APPROVED + 1);
    for (int i = 0; i < out->approved_count; i++) {
        out->approved[i].pattern = below(COUNT(patterns));
        out->approved[i].from = once_in(2) ? 1 + below(5) : 0;
    }
}

static void make_file(struct file *out)
{
    *out = (struct file){.name = below(COUNT(names)),
                         .version = 1 + below(5),
                         .is_prerelease = once_in(3),
                         .upstream = once_in(4) ? 0 : 1 + below(2),
                         .published = once_in(4) ? 0 : 1 + below(25),
                         .absent = once_in(2) ? 0 : 1 + below(25),
                         .seen = once_in(9) ? 0 : 1 + below(25),
                         .size = below(15),
                         .digest = 1 + below(2),
                         .licenses = (unsigned)below(4),
                         .is_choice = once_in(2),
                         .signature = below(4),
                         .provenance = below(5)};
    if (!out->seen) /* who never saw it knows no time */
        out->published = out->absent = 0;
    for (int i = 0; i < FLAGS; i++)
        out->flags[i] = below(3);
}

/* -- The same, as the house reads it. --------------------------------------------------------- */

static const int64_t START_US = INT64_C(1700000000000000), HOUR_US = INT64_C(3600000000);

static int64_t at_hour(int hour)
{
    return hour ? START_US + hour * HOUR_US : 0;
}

static void write_condition(const struct condition *condition, struct strbuf *out)
{
    static const char *const flags[] = {"install_scripts", "new_install_scripts", "sdist_only",
                                        "deprecated", "yanked", "trust_downgrade", "publisher_change",
                                        "bytes_changed", "manifest_mismatch", "signature_missing",
                                        "signature_invalid", "provenance_missing", "prerelease"};
    static const char *const licenses[] = {"MIT", "BSD-*", "unknown"};
    static const char *const upstreams[] = {"local", "npmjs", "mir*"};
    const char *const *words = condition->kind == UPSTREAM ? upstreams : licenses;

    switch (condition->kind) {
    case YOUNGER_THAN: strbuf_format(out, "younger_than: %dh", condition->number); return;
    case LARGER_THAN: strbuf_format(out, "larger_than: %d MiB", condition->number); return;
    case NAME: strbuf_format(out, "name: \"%s\"", patterns[condition->number].text); return;
    case AT_LEAST: strbuf_format(out, "version: \">=%d.0.0\"", condition->number); return;
    case BELOW: strbuf_format(out, "version: [\"<%d.0.0\"]", condition->number); return;
    case LICENSE_IN:
    case LICENSE_NOT_IN:
    case UPSTREAM: break;
    default: strbuf_format(out, "%s: true", flags[condition->kind]); return;
    }
    strbuf_text(out, condition->kind == UPSTREAM     ? "upstream: ["
                     : condition->kind == LICENSE_IN ? "license_in: ["
                                                     : "license_not_in: [");
    for (int i = 0; i < 3; i++)
        if (condition->licenses >> i & 1)
            strbuf_format(out, "%s%s", out->data[out->length - 1] == '[' ? "" : ", ", words[i]);
    strbuf_char(out, ']');
}

static void write_branch(const struct branch *branch, bool backwards, struct strbuf *out)
{
    for (int i = 0; i < branch->count; i++) {
        strbuf_text(out, i ? ", " : "");
        write_condition(&branch->conditions[backwards ? branch->count - 1 - i : i], out);
    }
}

static void write_any(const struct rule *rule, bool backwards, struct strbuf *out)
{
    strbuf_text(out, "any: [");
    for (int i = 0; i < rule->any_count; i++) {
        strbuf_text(out, i ? ", {" : "{");
        write_branch(&rule->any[backwards ? rule->any_count - 1 - i : i], backwards, out);
        strbuf_char(out, '}');
    }
    strbuf_char(out, ']');
}

static void write_rule(const struct rule *rule, bool backwards, struct strbuf *out)
{
    strbuf_format(out, "  r%d:\n", rule->number);
    if (rule->except >= 0)
        strbuf_format(out, "    except: [\"%s\"]\n", patterns[rule->except].text);
    strbuf_format(out, "    %s: {", verdict_word(rule->action));
    if (rule->any_count && backwards)
        write_any(rule, backwards, out);
    if (rule->all.count && rule->any_count && backwards)
        strbuf_text(out, ", ");
    write_branch(&rule->all, backwards, out);
    if (rule->all.count && rule->any_count && !backwards)
        strbuf_text(out, ", ");
    if (rule->any_count && !backwards)
        write_any(rule, backwards, out);
    strbuf_text(out, "}\n");
}

static void write_pattern(int pattern, int from, char out[64])
{
    if (from)
        snprintf(out, 64, "%s%s>=%d.0.0", patterns[pattern].text, pattern % 2 ? "@" : "@ ", from);
    else
        snprintf(out, 64, "%s", patterns[pattern].text);
}

static void write_policy(const struct model *model, bool backwards, struct strbuf *out)
{
    int order[RULES];
    char text[64];

    strbuf_clear(out);
    for (int i = 0; i < model->rule_count; i++)
        order[i] = i;
    for (int i = model->rule_count - 1; backwards && i > 0; i--) {
        int j = below(i + 1), swapped = order[i];

        order[i] = order[j];
        order[j] = swapped;
    }
    strbuf_format(out, "default: %s\n", model->holds ? "hold" : "allow");
    if (model->audits)
        strbuf_text(out, "repositories: {main: {mode: audit}}\n");
    strbuf_text(out, model->rule_count ? "rules:\n" : "rules: {}\n");
    for (int i = 0; i < model->rule_count; i++)
        write_rule(&model->rules[order[i]], backwards, out);
    strbuf_text(out, model->approved_count ? "approved:\n" : "");
    for (int i = 0; i < model->approved_count; i++) {
        int at = backwards ? model->approved_count - 1 - i : i;

        write_pattern(model->approved[at].pattern, model->approved[at].from, text);
        strbuf_format(out, "  - \"%s\"\n", text);
    }
}

static void make_facts(const struct file *file, char version[32], struct facts *out)
{
    static const char *const licenses[] = {NULL, "MIT", "BSD-2-Clause", "MIT AND BSD-3-Clause"};
    static const char *const upstreams[] = {NULL, "npmjs", "mirror"};
    bool is_npm = file->name < 3;

    snprintf(version, 32, "%d.0.0%s", file->version,
             !file->is_prerelease ? "" : is_npm ? "-rc.1" : "rc1");
    *out = (struct facts){.format = is_npm ? FORMAT_NPM : FORMAT_PYPI,
                          .name = names[file->name],
                          .version = version,
                          .upstream = upstreams[file->upstream],
                          .digests = {"sha512-other", file->digest == 1 ? "sha512-one" : "sha512-two"},
                          .published_us = at_hour(file->published),
                          .absent_us = at_hour(file->absent),
                          .first_seen_us = at_hour(file->seen),
                          .size_bytes = (int64_t)file->size << 20,
                          .license = licenses[file->licenses],
                          .signature = file->signature,
                          .provenance = file->provenance,
                          .install_scripts = file->flags[INSTALL_SCRIPTS],
                          .new_install_scripts = file->flags[NEW_INSTALL_SCRIPTS],
                          .sdist_only = file->flags[SDIST_ONLY],
                          .deprecated = file->flags[DEPRECATED],
                          .yanked = file->flags[YANKED],
                          .trust_downgrade = file->flags[TRUST_DOWNGRADE],
                          .publisher_change = file->flags[PUBLISHER_CHANGE],
                          .bytes_changed = file->flags[BYTES_CHANGED],
                          .manifest_mismatch = file->flags[MANIFEST_MISMATCH]};
    if (file->licenses == 3 && file->is_choice)
        out->license = "BSD-3-Clause or (MIT)";
}

static int make_exceptions(struct waiver *waivers, struct policy_exception *out, struct arena *arena)
{
    static const char *const digests[] = {"sha512-one", "sha512-two"};
    static const char *const rules[] = {"r0", "r1", "r2", "r3", "r4", POLICY_NOT_APPROVED};
    int count = once_in(2) ? 0 : 1 + below(EXCEPTIONS);
    char text[64];

    for (int i = 0; i < count; i++) {
        const char **named = arena_array(arena, RULES + 1, sizeof *named);
        const char **graves = arena_array(arena, RULES + 1, sizeof *graves);
        struct waiver *waiver = &waivers[i];

        *waiver = (struct waiver){.pattern = below(COUNT(patterns)),
                                  .from = once_in(3) ? 1 + below(3) : 0,
                                  .until = 1 + below(50),
                                  .digest = once_in(2) ? 1 + below(2) : 0,
                                  .rules = 1 + (unsigned)below((1 << (RULES + 1)) - 1),
                                  .graves = (unsigned)below(1 << (RULES + 1))};
        write_pattern(waiver->pattern, waiver->from, text);
        out[i] = (struct policy_exception){.id = 100 + i, .rules = named, .grave = graves,
                                           .until_us = at_hour(waiver->until)};
        assert_int_equal(package_pattern_parse(text, arena, &out[i].covers, NULL), STATUS_OK);
        if (waiver->digest) {
            out[i].digests = &digests[waiver->digest - 1];
            out[i].digest_count = 1;
        }
        for (int rule = 0; rule <= RULES; rule++)
            if (waiver->rules >> rule & 1)
                named[out[i].rule_count++] = rules[rule];
        for (int rule = 0; rule <= RULES; rule++)
            if (waiver->graves >> rule & 1)
                graves[out[i].grave_count++] = rules[rule];
    }
    return count;
}

/* -- One against the other. ------------------------------------------------------------------- */

static int rule_number(const char *rule)
{
    return *rule == 'r' ? rule[1] - '0' : RULES;
}

static int64_t hour_us(int hour)
{
    return hour == NEVER ? INT64_MAX : at_hour(hour);
}

static bool agree(const struct verdict *verdict, const struct outcome *expected, const struct model *model)
{
    unsigned found = 0, standing = 0;

    for (size_t i = 0; i < verdict->finding_count; i++) {
        const struct finding *finding = &verdict->findings[i];
        int rule = rule_number(finding->rule);

        found |= 1u << rule;
        if (i < verdict->standing_count)
            standing |= 1u << rule;
        if ((finding->cleared_by ? (int)finding->cleared_by->id - 99 : 0) != expected->cleared_by[rule])
            return false;
    }
    return found == expected->found && standing == expected->standing &&
           (int)verdict->action == expected->action &&
           verdict->mode == (model->audits ? POLICY_AUDIT : POLICY_ENFORCE) &&
           verdict->opens_us == hour_us(expected->opens) && verdict->changes_us == hour_us(expected->changes);
}

static void explain(const struct verdict *verdict, const struct outcome *expected, const struct facts *facts,
                    int hour, const char *text)
{
    struct strbuf out;

    strbuf_init(&out, NULL, 64 << 10);
    strbuf_format(&out, "%s\nat hour %d:\n", text, hour);
    facts_write(facts, &out);
    strbuf_char(&out, '\n');
    verdict_write(verdict, &out);
    strbuf_format(&out, "\nexpected action %d found %x standing %x opens %d changes %d", expected->action,
                  expected->found, expected->standing, expected->opens, expected->changes);
    fprintf(stderr, "%s\n", out.data);
    strbuf_free(&out);
}

/* One random policy, asked about random files. Says how many verdicts differ from the model's. */
static int try_policy(int files, bool is_loud, struct arena *arena)
{
    struct policy *policies[2];
    struct model model;
    struct strbuf text;
    int differences = 0;

    make_model(&model);
    strbuf_init(&text, NULL, 64 << 10);
    for (int backwards = 0; backwards < 2; backwards++) {
        struct error err = {0};

        write_policy(&model, backwards, &text);
        if (policy_read("random.yaml", text.data, text.length, &policies[backwards], &err))
            fail_msg("%s\n%s", err.message, text.data);
    }
    for (int i = 0; i < files; i++) {
        struct policy_exception exceptions[EXCEPTIONS];
        struct waiver waivers[EXCEPTIONS];
        struct outcome expected;
        struct verdict verdict;
        struct file file;
        struct facts facts;
        char version[32];
        int count = make_exceptions(waivers, exceptions, arena), hour = 1 + below(30);

        make_file(&file);
        make_facts(&file, version, &facts);
        foresee(&model, &file, waivers, count, hour, &expected);
        for (int backwards = 0; backwards < 2; backwards++) {
            verdict_take(policies[backwards], "main", &facts, exceptions, (size_t)count, at_hour(hour), arena,
                         &verdict);
            if (agree(&verdict, &expected, &model) &&
                (facts.upstream || !verdict.finding_count ||
                 policy_is_about_local(policies[backwards], facts.format, facts.name)))
                continue;
            if (is_loud && !differences)
                explain(&verdict, &expected, &facts, hour, text.data);
            differences++;
        }
        arena_reset(arena);
    }
    policy_free(policies[0]);
    policy_free(policies[1]);
    strbuf_free(&text);
    return differences;
}

static long long_from_environment(const char *name, long otherwise)
{
    const char *text = getenv(name);

    return text && *text ? atol(text) : otherwise;
}

enum { FILES_EACH = 25 };

static void verdicts_are_the_model_s(void **state)
{
    long verdicts = long_from_environment("PACKHOUSE_VERDICTS", 100000);
    long first = long_from_environment("PACKHOUSE_SEED", 1);
    struct arena *arena = arena_new();

    (void)state;
    fault = NO_FAULT;
    for (long i = 0; i * FILES_EACH < verdicts; i++) {
        seed = (uint64_t)(first * 1000003 + i);
        if (try_policy(FILES_EACH, true, arena))
            fail_msg("policy %ld of PACKHOUSE_SEED=%ld", i, first);
    }
    arena_free(arena);
}

/* A test that would pass with a wrong model proves nothing. */
static void each_fault_of_the_model_is_noticed(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (fault = NO_FAULT + 1; fault < FAULTS; fault++) {
        int differences = 0;

        for (seed = 7; !differences && seed < 7 + 4000; seed++) {
            uint64_t before = seed;

            differences = try_policy(FILES_EACH, false, arena);
            seed = before;
        }
        if (!differences)
            fail_msg("fault %d is not noticed", fault);
    }
    fault = NO_FAULT;
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_the_model_s),
        cmocka_unit_test(each_fault_of_the_model_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
