#include "policy/rule.h"

#include "policy/spdx.h"
#include "storage/memory/glob.h"
#include "storage/memory/semver_range.h"
#include "storage/memory/specifier.h"

#include <string.h>

static const int64_t TIME_MAX_US = INT64_C(253402300799000000); /* the last second of 9999 */

#define IS(value) (1u << (value))

#define FLAG_OF(key, member, values, says)                                                         \
    {                                                                                              \
        key, FLAG, says, offsetof(struct facts, member), values                                    \
    }

const struct condition_row condition_rows[CONDITION_COUNT] = {
    [YOUNGER_THAN] = {"younger_than",   DURATION,  "it is too young",                         0, 0},
    [INSTALL_SCRIPTS] =
        FLAG_OF("install_scripts", install_scripts, IS(FACT_YES), "it runs scripts on install"),
    [NEW_INSTALL_SCRIPTS] =
        FLAG_OF("new_install_scripts", new_install_scripts, IS(FACT_YES),
                "it runs scripts on install that the last allowed version had not"),
    [SDIST_ONLY] = FLAG_OF("sdist_only", sdist_only, IS(FACT_YES),
                           "it comes as source alone, and runs code to build"),
    [LICENSE_NOT_IN] = {"license_not_in", LICENSES,  "its licence is not one of those allowed", 0,
                      0                                                                           },
    [LICENSE_IN] = {"license_in",     LICENSES,  "its licence is one of those refused",     0, 0},
    [DEPRECATED] = FLAG_OF("deprecated", deprecated, IS(FACT_YES), "it is deprecated"),
    [YANKED] = FLAG_OF("yanked", yanked, IS(FACT_YES), "it is yanked"),
    [PRERELEASE] = {"prerelease",     FLAG,      "it is a prerelease",                      0, 0},
    [LARGER_THAN] = {"larger_than",    SIZE,      "it is too large",                         0, 0},
    [NAME] = {"name",           NAMES,     "its name is refused",                     0, 0},
    [VERSION] = {"version",        VERSIONS,  "its version is refused",                  0, 0},
    [UPSTREAM] = {"upstream",       UPSTREAMS, "it comes from there",                     0, 0},
    [SIGNATURE_IS_MISSING] = FLAG_OF("signature_missing", signature, IS(SIGNATURE_MISSING),
                                     "its upstream's signature is missing"),
    [SIGNATURE_IS_INVALID] = FLAG_OF("signature_invalid", signature, IS(SIGNATURE_INVALID),
                                     "its upstream's signature is wrong"),
    [PROVENANCE_IS_MISSING] =
        FLAG_OF("provenance_missing", provenance, IS(PROVENANCE_NONE) | IS(PROVENANCE_INVALID),
                "it has no valid provenance"),
    [TRUST_DOWNGRADE] = FLAG_OF("trust_downgrade", trust_downgrade, IS(FACT_YES),
                                "it was published with less proof than earlier versions"),
    [PUBLISHER_CHANGE] = FLAG_OF("publisher_change", publisher_change, IS(FACT_YES),
                                 "it was published by somebody else than the version before"),
    [BYTES_CHANGED] = FLAG_OF("bytes_changed", bytes_changed, IS(FACT_YES),
                              "its bytes are not those that were there first"),
    [MANIFEST_MISMATCH] = FLAG_OF("manifest_mismatch", manifest_mismatch, IS(FACT_YES),
                                  "its listing says other things than its archive"),
};

static bool is_grave_kind(enum condition_kind kind)
{
    return kind == BYTES_CHANGED || kind == MANIFEST_MISMATCH || kind == SIGNATURE_IS_INVALID;
}

static bool flag_holds(enum condition_kind kind, const struct facts *facts)
{
    const struct condition_row *row = &condition_rows[kind];

    if (kind == PRERELEASE)
        return facts_is_prerelease(facts);
    return row->values >> *(const unsigned *)((const char *)facts + row->offset) & 1;
}

static bool license_holds(const struct condition *condition, const struct facts *facts)
{
    if (!facts->license || !spdx_is_valid(facts->license))
        return condition->has_unknown == (condition->kind == LICENSE_IN);
    return condition->kind == LICENSE_IN
               ? !spdx_avoids(facts->license, condition->list, condition->count)
               : !spdx_is_allowed(facts->license, condition->list, condition->count);
}

static bool version_holds(const struct condition *condition, const struct facts *facts)
{
    struct semver semver;
    bool is_semver = facts->format != FORMAT_PYPI && semver_parse(facts->version, &semver);

    for (size_t i = 0; i < condition->count; i++) {
        const struct version_range *range = &condition->ranges[i];

        if (!strcmp(range->text, facts->version) ||
            (is_semver && range->semver && semver_is_within(&semver, range->semver)) ||
            (facts->format == FORMAT_PYPI && range->specifier &&
             specifier_set_allows(range->specifier, facts->version, true)))
            return true;
    }
    return false;
}

/* Of what was published here the name is "local", which no star means. */
static bool upstream_holds(const struct condition *condition, const struct facts *facts)
{
    for (size_t i = 0; i < condition->count; i++)
        if (facts->upstream ? glob_matches(condition->list[i], facts->upstream)
                            : !strcmp(condition->list[i], "local"))
            return true;
    return false;
}

/* until_us is lowered where the condition ends earlier. */
static bool holds(const struct condition *condition, const struct facts *facts, int64_t now_us,
                  int64_t *until_us)
{
    int64_t born_us, end_us;

    switch (condition_rows[condition->kind].shape) {
    case DURATION:
        if (!(born_us = facts_born_us(facts)))
            return true;
        if (__builtin_add_overflow(born_us, condition->quantity, &end_us) || end_us > TIME_MAX_US)
            end_us = INT64_MAX; /* who says so does not mean a day */
        if (end_us <= now_us)
            return false;
        if (end_us < *until_us)
            *until_us = end_us;
        return true;
    case SIZE: return facts->size_bytes > condition->quantity;
    case LICENSES: return license_holds(condition, facts);
    case NAMES: return pattern_set_names(&condition->names, facts->format, facts->name);
    case VERSIONS: return version_holds(condition, facts);
    case UPSTREAMS: return upstream_holds(condition, facts);
    default: return flag_holds(condition->kind, facts);
    }
}

static bool all_hold(const struct conditions *conditions, const struct facts *facts, unsigned given,
                     int64_t now_us, int64_t *until_us)
{
    for (size_t i = 0; i < conditions->all_count; i++) {
        const struct condition *condition = &conditions->all[i];

        if (!(given >> condition->kind & 1) || !holds(condition, facts, now_us, until_us))
            return false;
    }
    return true;
}

/* A rule that names no packages is about what comes from elsewhere. */
static bool is_about(const struct rule *rule, const struct conditions *branch,
                     const struct facts *facts)
{
    return facts->upstream || rule->when.names_packages || (branch && branch->names_packages);
}

bool rule_finds(const struct rule *rule, const struct facts *facts, unsigned given, int64_t now_us,
                int64_t *until_us)
{
    int64_t any_until_us = INT64_MIN;

    *until_us = INT64_MAX;
    if (pattern_set_matches(&rule->except, facts->format, facts->name, facts->version) ||
        !all_hold(&rule->when, facts, given, now_us, until_us))
        return false;
    if (!rule->when.any_count)
        return is_about(rule, NULL, facts);
    for (size_t i = 0; i < rule->when.any_count; i++) {
        const struct conditions *branch = &rule->when.any[i];
        int64_t branch_until_us = INT64_MAX;

        if (is_about(rule, branch, facts) &&
            all_hold(branch, facts, given, now_us, &branch_until_us) &&
            branch_until_us > any_until_us)
            any_until_us = branch_until_us;
    }
    if (any_until_us < *until_us)
        *until_us = any_until_us;
    return any_until_us > INT64_MIN;
}

static bool asked_hold(const struct conditions *conditions, const struct facts *facts,
                       unsigned asked)
{
    int64_t until_us = INT64_MAX;

    for (size_t i = 0; i < conditions->all_count; i++)
        if ((asked >> conditions->all[i].kind & 1) &&
            !holds(&conditions->all[i], facts, 0, &until_us))
            return false;
    return true;
}

bool rule_is_about_local(const struct rule *rule, const struct facts *facts, unsigned asked)
{
    if (!asked_hold(&rule->when, facts, asked))
        return false;
    for (size_t i = 0; i < rule->when.any_count; i++) {
        const struct conditions *branch = &rule->when.any[i];

        if (is_about(rule, branch, facts) && asked_hold(branch, facts, asked))
            return true;
    }
    return !rule->when.any_count && is_about(rule, NULL, facts);
}

static bool any_grave(const struct conditions *conditions, const struct facts *facts)
{
    for (size_t i = 0; i < conditions->all_count; i++)
        if (is_grave_kind(conditions->all[i].kind) && flag_holds(conditions->all[i].kind, facts))
            return true;
    for (size_t i = 0; i < conditions->any_count; i++)
        if (any_grave(&conditions->any[i], facts))
            return true;
    return false;
}

bool rule_is_grave(const struct rule *rule, const struct facts *facts)
{
    return any_grave(&rule->when, facts);
}
