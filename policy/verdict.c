#include "policy/verdict.h"

#include "config/clock.h"
#include "policy/rule.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SENTENCE_MAX = 160 };

static bool names_rule(const char *const *rules, size_t count, const char *rule)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(rules[i], rule))
            return true;
    return false;
}

static bool names_bytes(const struct policy_exception *exception, const struct facts *facts)
{
    for (size_t i = 0; i < exception->digest_count; i++)
        for (size_t j = 0; j < FACTS_DIGESTS_MAX && facts->digests[j]; j++)
            if (!strcmp(exception->digests[i], facts->digests[j]))
                return true;
    return false;
}

static bool clears(const struct policy_exception *exception, const struct finding *finding,
                   const struct facts *facts, int64_t now_us)
{
    if (exception->until_us <= now_us ||
        !names_rule(exception->rules, exception->rule_count, finding->rule))
        return false;
    if (exception->digests && !names_bytes(exception, facts))
        return false;
    if (finding->is_grave && (!exception->digests || !names_rule(exception->grave, exception->grave_count,
                                                                 finding->rule)))
        return false;
    return package_pattern_matches(exception->covers, facts->format, facts->name, facts->version);
}

/* Of those that clear it the one that ends last; of such the oldest. */
static const struct policy_exception *find_clearing(const struct finding *finding,
                                                    const struct policy_exception *exceptions,
                                                    size_t count, const struct facts *facts,
                                                    int64_t now_us)
{
    const struct policy_exception *best = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct policy_exception *one = &exceptions[i];

        if ((!best || one->until_us > best->until_us ||
             (one->until_us == best->until_us && one->id < best->id)) &&
            clears(one, finding, facts, now_us))
            best = one;
    }
    return best;
}

static int compare_findings(const void *a, const void *b)
{
    const struct finding *left = a, *right = b;

    if (!left->cleared_by != !right->cleared_by)
        return left->cleared_by ? 1 : -1;
    if (left->action != right->action)
        return left->action > right->action ? -1 : 1;
    return strcmp(left->rule, right->rule);
}

static bool stands_at(const struct finding *finding, int64_t time_us)
{
    return finding->until_us > time_us &&
           (!finding->cleared_by || finding->cleared_by->until_us <= time_us);
}

static bool is_open_at(const struct verdict *verdict, int64_t time_us)
{
    for (size_t i = 0; i < verdict->finding_count; i++)
        if (stands_at(&verdict->findings[i], time_us))
            return false;
    return true;
}

/* Both follow from the findings: with the same facts no new one comes. */
static void find_times(struct verdict *verdict)
{
    verdict->opens_us = verdict->changes_us = INT64_MAX;
    for (size_t i = 0; i < verdict->finding_count; i++) {
        const struct finding *finding = &verdict->findings[i];
        int64_t next_us = finding->until_us;

        if (verdict->action && next_us < verdict->opens_us && is_open_at(verdict, next_us))
            verdict->opens_us = next_us;
        if (finding->cleared_by && finding->cleared_by->until_us < next_us)
            next_us = finding->cleared_by->until_us;
        if (next_us < verdict->changes_us)
            verdict->changes_us = next_us;
    }
}

static bool find_at(const struct policy *policy, size_t index, const struct facts *facts,
                    unsigned given, int64_t now_us, struct finding *out)
{
    const struct rule *rule;

    *out = (struct finding){.rule = POLICY_NOT_APPROVED,
                            .action = VERDICT_HOLD,
                            .say = "only what is approved comes in",
                            .until_us = INT64_MAX};
    if (index == policy->rule_count) /* behind the last rule: the default */
        return policy->holds_unapproved && facts->upstream &&
               !pattern_set_matches(&policy->approved, facts->format, facts->name, facts->version);
    rule = &policy->rules[index];
    out->rule = rule->name;
    out->action = rule->action;
    out->say = rule->say;
    if (!rule_finds(rule, facts, given, now_us, &out->until_us))
        return false;
    out->is_grave = rule_is_grave(rule, facts);
    return true;
}

void verdict_take_given(const struct policy *policy, const char *repository,
                        const struct facts *facts, unsigned given,
                        const struct policy_exception *exceptions, size_t count, int64_t now_us,
                        struct arena *arena, struct verdict *out)
{
    struct finding *findings = NULL, found;

    *out = (struct verdict){.mode = policy_mode(policy, repository)};
    for (size_t i = 0; i <= policy->rule_count; i++) {
        if (!find_at(policy, i, facts, given, now_us, &found))
            continue;
        if (!findings)
            findings = arena_array(arena, policy->rule_count + 1 - i, sizeof *findings);
        found.cleared_by = find_clearing(&found, exceptions, count, facts, now_us);
        findings[out->finding_count++] = found;
        if (found.cleared_by)
            continue;
        out->standing_count++;
        if (found.action > out->action)
            out->action = found.action;
    }
    if (out->finding_count)
        qsort(findings, out->finding_count, sizeof *findings, compare_findings);
    out->findings = findings;
    find_times(out);
}

void verdict_take(const struct policy *policy, const char *repository, const struct facts *facts,
                  const struct policy_exception *exceptions, size_t count, int64_t now_us,
                  struct arena *arena, struct verdict *out)
{
    verdict_take_given(policy, repository, facts, GIVEN_ALL, exceptions, count, now_us, arena, out);
}

bool verdict_lets_through(const struct verdict *verdict)
{
    return verdict->action == VERDICT_ALLOW || verdict->mode == POLICY_AUDIT;
}

const char *verdict_word(enum verdict_action action)
{
    static const char *const words[] = {"allow", "hold", "deny"};

    return words[action];
}

/* "2026-12-02 15:04 UTC", rounded up, so that it is true. */
static void write_minute(int64_t time_us, struct strbuf *out)
{
    static const int64_t minute_us = 60 * INT64_C(1000000);
    char text[CLOCK_TEXT_SIZE];

    clock_format_iso((time_us + minute_us - 1) / minute_us * minute_us, text);
    strbuf_format(out, "%.10s %.5s UTC", text, text + 11);
}

static void write_ascii(const char *text, struct strbuf *out)
{
    for (; *text; text++)
        if (*text >= ' ' && *text <= '~')
            strbuf_char(out, *text);
        else if ((*text & 0xC0) != 0x80)
            strbuf_char(out, '?');
}

void verdict_rules(const struct verdict *verdict, struct strbuf *out)
{
    for (size_t i = 0; i < verdict->standing_count; i++) {
        if (i)
            strbuf_char(out, ' ');
        strbuf_text(out, verdict->findings[i].rule);
    }
}

void verdict_sentence(const struct verdict *verdict, struct strbuf *out)
{
    struct strbuf sentence;

    if (!verdict->standing_count)
        return;
    strbuf_init(&sentence, NULL, SENTENCE_MAX);
    strbuf_format(&sentence, "%s by \"%s\"", verdict->action == VERDICT_DENY ? "denied" : "held",
                  verdict->findings[0].rule);
    if (verdict->standing_count > 1)
        strbuf_format(&sentence, " and %zu more", verdict->standing_count - 1);
    if (verdict->opens_us < INT64_MAX) {
        strbuf_text(&sentence, " until ");
        write_minute(verdict->opens_us, &sentence);
    }
    strbuf_text(&sentence, ": ");
    write_ascii(verdict->findings[0].say, &sentence);
    strbuf_bytes(out, sentence.data, sentence.length);
    strbuf_free(&sentence);
}

static void write_time(struct strbuf *out, const char *key, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];

    if (time_us == INT64_MAX)
        return;
    clock_format_iso(time_us, text);
    strbuf_format(out, ",\"%s\":\"%s\"", key, text);
}

static void write_finding(const struct finding *finding, struct strbuf *out)
{
    strbuf_text(out, "{\"rule\":");
    strbuf_json(out, finding->rule);
    strbuf_format(out, ",\"action\":\"%s\",\"say\":", verdict_word(finding->action));
    strbuf_json(out, finding->say);
    write_time(out, "until", finding->until_us);
    if (finding->is_grave)
        strbuf_text(out, ",\"grave\":true");
    if (finding->cleared_by) {
        strbuf_format(out, ",\"cleared_by\":%" PRId64, finding->cleared_by->id);
        write_time(out, "cleared_until", finding->cleared_by->until_us);
    }
    strbuf_char(out, '}');
}

void verdict_write(const struct verdict *verdict, struct strbuf *out)
{
    strbuf_format(out, "{\"verdict\":\"%s\",\"mode\":\"%s\"", verdict_word(verdict->action),
                  verdict->mode == POLICY_AUDIT ? "audit" : "enforce");
    write_time(out, "changes_at", verdict->changes_us);
    write_time(out, "opens_at", verdict->opens_us);
    strbuf_text(out, ",\"findings\":[");
    for (size_t i = 0; i < verdict->finding_count; i++) {
        if (i)
            strbuf_char(out, ',');
        write_finding(&verdict->findings[i], out);
    }
    strbuf_text(out, "]}");
}
