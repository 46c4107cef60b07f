#include "policy/facts.h"

#include "storage/memory/arena.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/semver.h"

#include <string.h>

static const char *const booleans[] = {NULL, "false", "true", NULL};
static const char *const signatures[] = {NULL, "missing", "invalid", "verified", NULL};
static const char *const provenances[] = {NULL, "none", "invalid", "present", "verified", NULL};
static const char *const trusts[] = {NULL, "none", "provenance", "publisher", "approver", NULL};

#define ROW(member, words)                                                                         \
    {                                                                                              \
#member, offsetof(struct facts, member), words                                             \
    }

const struct fact_row fact_rows[] = {
    ROW(install_scripts, booleans),
    ROW(new_install_scripts, booleans),
    ROW(sdist_only, booleans),
    ROW(deprecated, booleans),
    ROW(yanked, booleans),
    ROW(trust_downgrade, booleans),
    ROW(publisher_change, booleans),
    ROW(bytes_changed, booleans),
    ROW(manifest_mismatch, booleans),
    ROW(signature, signatures),
    ROW(provenance, provenances),
    ROW(trust, trusts),
};
const size_t fact_row_count = sizeof fact_rows / sizeof *fact_rows;

/* Every enum of struct facts has no negative value, and so the type of unsigned. */
static unsigned *value_of(struct facts *facts, const struct fact_row *row)
{
    return (unsigned *)((char *)facts + row->offset);
}

const char *fact_word(const struct facts *facts, const struct fact_row *row)
{
    return row->words[*(const unsigned *)((const char *)facts + row->offset)];
}

bool fact_set_word(struct facts *facts, const struct fact_row *row, const char *word)
{
    for (unsigned i = 1; row->words[i]; i++)
        if (!strcmp(word, row->words[i])) {
            *value_of(facts, row) = i;
            return true;
        }
    return false;
}

int64_t facts_born_us(const struct facts *facts)
{
    int64_t born_us = facts->published_us;

    if (born_us <= 0 || (facts->first_seen_us > 0 && born_us > facts->first_seen_us))
        born_us = facts->first_seen_us;
    if (born_us < facts->absent_us)
        born_us = facts->absent_us;
    return born_us > 0 ? born_us : 0;
}

bool facts_is_prerelease(const struct facts *facts)
{
    struct pypi_version python;
    struct semver semver;

    if (facts->format == FORMAT_NPM)
        return semver_parse(facts->version, &semver) && semver.prerelease;
    return facts->format == FORMAT_PYPI && pypi_version_parse(facts->version, &python) &&
           pypi_version_is_prerelease(&python);
}

static bool is_later(const struct facts *a, const struct facts *b)
{
    int64_t a_us = facts_born_us(a), b_us = facts_born_us(b);

    return a_us != b_us ? a_us > b_us : strcmp(a->version, b->version) > 0;
}

void facts_history_add(struct facts_history *history, const struct facts *facts)
{
    if (!history->last || is_later(facts, history->last))
        history->last = facts;
    if (facts->trust > history->strongest)
        history->strongest = facts->trust;
    if (facts->trust > history->strongest_release && !facts_is_prerelease(facts))
        history->strongest_release = facts->trust;
}

void facts_compare_history(struct facts *facts, const struct facts_history *history)
{
    enum trust strongest =
        facts_is_prerelease(facts) ? history->strongest : history->strongest_release;
    const struct facts *last = history->last;

    facts->trust_downgrade = facts->trust == TRUST_UNKNOWN ? FACT_UNKNOWN
                             : facts->trust < strongest    ? FACT_YES
                                                           : FACT_NO;
    if (!last)
        facts->publisher_change = FACT_NO;
    else if (!facts->publisher || !last->publisher)
        facts->publisher_change = FACT_UNKNOWN;
    else
        facts->publisher_change = strcmp(facts->publisher, last->publisher) ? FACT_YES : FACT_NO;
}

static bool has_script(const struct facts *facts, const char *script)
{
    for (size_t i = 0; i < facts->script_count; i++)
        if (!strcmp(facts->scripts[i], script))
            return true;
    return false;
}

void facts_compare_scripts(struct facts *facts, const struct facts *last_allowed)
{
    facts->new_install_scripts = facts->install_scripts;
    if (facts->install_scripts != FACT_YES || !last_allowed ||
        last_allowed->install_scripts == FACT_NO)
        return;
    facts->new_install_scripts = FACT_UNKNOWN;
    if (!facts->scripts || !last_allowed->scripts)
        return;
    facts->new_install_scripts = FACT_NO;
    for (size_t i = 0; i < facts->script_count; i++)
        if (!has_script(last_allowed, facts->scripts[i]))
            facts->new_install_scripts = FACT_YES;
}
