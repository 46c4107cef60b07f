/* policy/facts.h: ages, comparisons with earlier versions, and the stored form. */
#include "policy/facts.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    int64_t published, absent, seen, born;
} ages[] = {
    {0,  0,  0,  0 }, /* nothing is known: as young as can be */
    {10, 0,  0,  10},
    {10, 0,  20, 10},
    {0,  0,  20, 20}, /* no time means first seen */
    {30, 0,  20, 20}, /* a time in the future too */
    {10, 15, 20, 15}, /* times that were moved back help nobody */
    {18, 15, 20, 18},
    {0,  25, 20, 25}, /* gone and come again */
    {-5, 0,  20, 20},
    {20, 0,  20, 20},
};

static void an_upstream_makes_nothing_older_than_we_know(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(ages); row++) {
        struct facts facts = {.published_us = ages[row].published,
                              .absent_us = ages[row].absent,
                              .first_seen_us = ages[row].seen};

        if (facts_born_us(&facts) != ages[row].born)
            fail_msg("row %zu: %lld", row, (long long)facts_born_us(&facts));
    }
}

static struct facts version(const char *number, int64_t published_us, enum trust trust, const char *publisher)
{
    return (struct facts){.format = FORMAT_NPM,
                          .name = "x",
                          .version = number,
                          .upstream = "up",
                          .published_us = published_us,
                          .trust = trust,
                          .publisher = publisher};
}

static struct facts after(struct facts next, size_t count, const struct facts *earlier[])
{
    struct facts_history history = {0};

    for (size_t i = 0; i < count; i++)
        facts_history_add(&history, earlier[i]);
    facts_compare_history(&next, &history);
    return next;
}

static void less_proof_than_any_earlier_version_is_a_downgrade(void **state)
{
    const struct facts first = version("1.0.0", 1, TRUST_PROVENANCE, "ann");
    const struct facts second = version("1.1.0", 2, TRUST_NONE, "bob");
    const struct facts beta = version("2.0.0-beta.1", 3, TRUST_APPROVER, "ann");
    const struct facts unknown = version("1.2.0", 4, TRUST_UNKNOWN, NULL);
    const struct facts *both[] = {&second, &first}, *all[] = {&beta, &second, &first, &unknown};
    struct facts next = version("2.0.0", 9, TRUST_NONE, "bob");

    (void)state;
    assert_int_equal(after(next, 0, NULL).trust_downgrade, FACT_NO);
    assert_int_equal(after(next, 0, NULL).publisher_change, FACT_NO);
    assert_int_equal(after(next, 2, both).trust_downgrade, FACT_YES);
    assert_int_equal(after(next, 2, both).publisher_change, FACT_NO); /* bob published the latest */
    assert_int_equal(after(next, 1, all).trust_downgrade, FACT_NO); /* a prerelease binds no release, */
    assert_int_equal(after(next, 3, all).trust_downgrade, FACT_YES); /* and hides none that does */
    assert_int_equal(after(next, 3, all).publisher_change, FACT_YES);
    assert_int_equal(after(next, 4, all).publisher_change, FACT_UNKNOWN);
    next.trust = TRUST_PROVENANCE;
    next.publisher = "ann";
    assert_int_equal(after(next, 2, both).trust_downgrade, FACT_NO);
    assert_int_equal(after(next, 2, both).publisher_change, FACT_YES);
    assert_int_equal(after(next, 3, all).trust_downgrade, FACT_NO);
    next.version = "2.0.0-beta.2"; /* but prereleases it does bind */
    assert_int_equal(after(next, 3, all).trust_downgrade, FACT_YES);
    next.trust = TRUST_UNKNOWN; /* what is unknown is no downgrade */
    assert_int_equal(after(next, 4, all).trust_downgrade, FACT_UNKNOWN);
}

static void scripts_are_new_that_the_last_allowed_version_had_not(void **state)
{
    static const char *const build[] = {"install: make"};
    static const char *const more[] = {"install: make", "postinstall: node x.js"};
    static const struct {
        enum fact runs;
        const char *const *scripts;
        size_t count;
    } sides[] = {{FACT_NO, NULL, 0}, {FACT_YES, build, 1}, {FACT_YES, more, 2}, {FACT_YES, NULL, 0},
                 {FACT_UNKNOWN, NULL, 0}};
    /* Before: nothing, then the sides. */
    static const enum fact expected[COUNT(sides)][COUNT(sides) + 1] = {
        {FACT_NO, FACT_NO, FACT_NO, FACT_NO, FACT_NO, FACT_NO},
        {FACT_YES, FACT_YES, FACT_NO, FACT_NO, FACT_UNKNOWN, FACT_UNKNOWN},
        {FACT_YES, FACT_YES, FACT_YES, FACT_NO, FACT_UNKNOWN, FACT_UNKNOWN},
        {FACT_YES, FACT_YES, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN},
        {FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN, FACT_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(sides); i++)
        for (size_t before = 0; before <= COUNT(sides); before++) {
            struct facts facts = {.install_scripts = sides[i].runs,
                                  .scripts = sides[i].scripts,
                                  .script_count = sides[i].count};
            struct facts last = {0};

            if (before)
                last = (struct facts){.install_scripts = sides[before - 1].runs,
                                      .scripts = sides[before - 1].scripts,
                                      .script_count = sides[before - 1].count};
            facts_compare_scripts(&facts, before ? &last : NULL);
            if (facts.new_install_scripts != expected[i][before])
                fail_msg("%zu after %zu: %d", i, before, facts.new_install_scripts);
        }
}

static const char full[] =
    "{\"format\":\"npm\",\"name\":\"@acme/ui\",\"version\":\"1.0.0\",\"file\":\"ui-1.0.0.tgz\",\"upstream\":\"npmjs\","
    "\"license\":\"MIT\",\"publisher\":\"ann\",\"published_us\":1,\"absent_us\":2,\"first_seen_us\":3,"
    "\"size_bytes\":4,\"digests\":[\"sha512-x\",\"sha256:y\"],\"scripts\":[\"install: \\\"make\\\"\"],"
    "\"install_scripts\":true,\"new_install_scripts\":false,\"sdist_only\":false,\"deprecated\":true,"
    "\"yanked\":false,\"trust_downgrade\":true,\"publisher_change\":false,\"bytes_changed\":true,"
    "\"manifest_mismatch\":false,\"signature\":\"verified\",\"provenance\":\"present\",\"trust\":\"publisher\"}";

static const char *const stored[] = {
    full,
    "{\"format\":\"pypi\",\"name\":\"x\",\"version\":\"1.0\"}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1.0.0\",\"scripts\":[]}",
};

static void the_stored_form_reads_back_as_the_same_bytes(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(stored); i++) {
        struct error err = {0};
        struct facts facts;
        struct strbuf out;

        if (facts_read(stored[i], strlen(stored[i]), arena, &facts, &err))
            fail_msg("%s", err.message);
        strbuf_init(&out, arena, FACTS_JSON_MAX);
        facts_write(&facts, &out);
        assert_string_equal(out.data, stored[i]);
    }
    arena_free(arena);
}

static const char *const wrong[] = {
    "",
    "[]",
    "null",
    "{}",
    "{\"format\":\"npm\",\"name\":\"x\"}",
    "{\"format\":\"gem\",\"name\":\"x\",\"version\":\"1\"}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"colour\":true}",
    "{\"format\":\"npm\",\"name\":\"x\",\"name\":\"y\",\"version\":\"1\"}",
    "{\"format\":\"npm\",\"name\":1,\"version\":\"1\"}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"yanked\":\"true\"}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"signature\":\"good\"}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"signature\":true}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"size_bytes\":-1}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"size_bytes\":1.5}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"digests\":\"sha512-x\"}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"digests\":[1]}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\",\"digests\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}",
    "{\"format\":\"npm\",\"name\":\"x\",\"version\":\"1\"} x",
};

static void what_is_no_stored_form_is_refused(void **state)
{
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct facts facts;

        if (!facts_read(wrong[i], strlen(wrong[i]), arena, &facts, NULL))
            fail_msg("%s", wrong[i]);
    }
    arena_free(arena);
}

static void a_prerelease_is_what_its_format_calls_one(void **state)
{
    static const struct {
        enum format format;
        const char *version;
        bool expected;
    } rows[] = {{FORMAT_NPM, "1.0.0-0", true},  {FORMAT_NPM, "1.0.0+x", false}, {FORMAT_NPM, "1.0rc1", false},
                {FORMAT_PYPI, "1.0rc1", true},  {FORMAT_PYPI, "1.0.dev1", true}, {FORMAT_PYPI, "1.0.post1", false},
                {FORMAT_ARTIFACT, "1.0.0-rc.1", false}};

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct facts facts = {.format = rows[i].format, .version = rows[i].version};

        if (facts_is_prerelease(&facts) != rows[i].expected)
            fail_msg("%s", rows[i].version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upstream_makes_nothing_older_than_we_know),
        cmocka_unit_test(less_proof_than_any_earlier_version_is_a_downgrade),
        cmocka_unit_test(scripts_are_new_that_the_last_allowed_version_had_not),
        cmocka_unit_test(the_stored_form_reads_back_as_the_same_bytes),
        cmocka_unit_test(what_is_no_stored_form_is_refused),
        cmocka_unit_test(a_prerelease_is_what_its_format_calls_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
