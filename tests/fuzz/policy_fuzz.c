/* A policy of any content is read, or refused with a line; what was read decides, twice the same.
 */
#include "policy/policy.h"
#include "policy/verdict.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct facts files[] = {
    {.format = FORMAT_NPM,
     .name = "@acme/ui",
     .version = "1.0.0-rc.1",
     .upstream = "npmjs",
     .digests = {"sha512-x"},
     .published_us = 1000000,
     .license = "MIT AND (ISC OR GPL-2.0+ WITH x)",
     .size_bytes = 1 << 20,
     .install_scripts = FACT_YES,
     .new_install_scripts = FACT_YES,
     .deprecated = FACT_YES,
     .trust_downgrade = FACT_YES,
     .publisher_change = FACT_YES,
     .bytes_changed = FACT_YES,
     .manifest_mismatch = FACT_YES,
     .signature = SIGNATURE_INVALID,
     .provenance = PROVENANCE_NONE},
    {.format = FORMAT_PYPI,     .name = "x",         .version = "1.0", .upstream = "pypi", .yanked = FACT_YES},
    {.format = FORMAT_ARTIFACT, .name = "web", .version = "nightly"                       },
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct policy *policy, const struct facts *facts, struct arena *arena)
{
    static const char *const rules[] = {POLICY_NOT_APPROVED};
    struct policy_exception exception = {
        .id = 1, .rules = rules, .rule_count = 1, .until_us = INT64_MAX};
    struct verdict verdict, again;
    struct strbuf text, repeated;

    must(!package_pattern_parse("npm:**", arena, &exception.covers, NULL));
    strbuf_init(&text, arena, 1 << 20);
    strbuf_init(&repeated, arena, 1 << 20);
    verdict_take(policy, "main", facts, &exception, 1, 2000000, arena, &verdict);
    verdict_take(policy, "main", facts, &exception, 1, 2000000, arena, &again);
    verdict_write(&verdict, &text);
    verdict_write(&again, &repeated);
    must(!strbuf_failed(&text) && !strcmp(text.data, repeated.data));
    must(!verdict.standing_count == (verdict.action == VERDICT_ALLOW));
    must(verdict.standing_count <= verdict.finding_count);
    must(verdict.changes_us > 2000000 && verdict.opens_us >= verdict.changes_us);
    for (size_t i = 0; i < verdict.finding_count; i++)
        must(policy_has_rule(policy, verdict.findings[i].rule) && *verdict.findings[i].say);
    strbuf_clear(&text);
    verdict_sentence(&verdict, &text);
    must(!text.length == !verdict.standing_count && text.length <= 160);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct policy *policy;
    struct error err = {0};

    if (policy_read("f", (const char *)data, size, &policy, &err)) {
        must(!strncmp(err.message, "f:", 2) && err.message[2] >= '1' && err.message[2] <= '9');
    } else {
        policy_run_cases(policy, "f", &err);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            check(policy, &files[i], arena);
        policy_free(policy);
    }
    arena_free(arena);
    return 0;
}
