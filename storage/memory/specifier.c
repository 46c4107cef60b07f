#include "storage/memory/specifier.h"

#include "storage/memory/pypi_version.h"

#include <string.h>
#include <strings.h>

enum { CLAUSE_LENGTH_MAX = PYPI_VERSION_LENGTH_MAX };

static const char blanks[] = " \t\n\r\f\v";

enum relation { ARBITRARY, EQUAL, NOT_EQUAL, COMPATIBLE, AT_MOST, AT_LEAST, BELOW, ABOVE };

/* What may stand behind each operator; one that begins another comes after it. */
static const struct {
    const char *text;
    bool takes_any_text, takes_wildcard, takes_local, needs_two_numbers;
} operators[] = {
    [ARBITRARY] = {"===", true,  false, false, false},
    [EQUAL] = {"==",  false, true,  true,  false},
    [NOT_EQUAL] = {"!=",  false, true,  true,  false},
    [COMPATIBLE] = {"~=",  false, false, false, true },
    [AT_MOST] = {"<=",  false, false, false, false},
    [AT_LEAST] = {">=",  false, false, false, false},
    [BELOW] = {"<",   false, false, false, false},
    [ABOVE] = {">",   false, false, false, false},
};

/* One clause, taken apart; its version points into text. */
struct clause {
    enum relation relation;
    bool has_wildcard;
    struct pypi_version version; /* not of ARBITRARY */
    const char *operand;
    char text[CLAUSE_LENGTH_MAX + 1];
};

static bool is_prefix_match(const struct pypi_version *version)
{
    return !version->pre && !version->is_post && !version->is_dev && !version->local;
}

static bool read_version(struct clause *clause, char *text)
{
    size_t length = strlen(text), operator= clause->relation;

    clause->has_wildcard = length > 2 && !strcmp(text + length - 2, ".*");
    if (clause->has_wildcard && strchr(blanks, text[length - 3]))
        return false;
    if (clause->has_wildcard)
        text[length - 2] = '\0';
    if (!pypi_version_parse(text, &clause->version))
        return false;
    if (clause->has_wildcard &&
        (!operators[operator].takes_wildcard || !is_prefix_match(&clause->version)))
        return false;
    if (clause->version.local && !operators[operator].takes_local)
        return false;
    return !operators[operator].needs_two_numbers ||
           memchr(clause->version.release, '.', clause->version.release_length);
}

/* One clause, without blanks around it; false where it is none. */
static bool read_clause(const char *text, size_t length, struct clause *out)
{
    if (length > CLAUSE_LENGTH_MAX)
        return false;
    memcpy(out->text, text, length);
    out->text[length] = '\0';
    out->has_wildcard = false;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t size = strlen(operators[i].text);

        if (strncmp(out->text, operators[i].text, size))
            continue;
        out->relation = i;
        out->operand = out->text + size + strspn(out->text + size, blanks);
        if (operators[i].takes_any_text)
            return *out->operand && !out->operand[strcspn(out->operand, " \t\n\r\f\v;)")];
        return read_version(out, (char *)out->operand);
    }
    return false;
}

/* The next clause that is not blank; *text moves behind it. */
static bool next_clause(const char **text, const char **start, size_t *length)
{
    while (**text) {
        const char *first = *text + strspn(*text, blanks), *end = first + strcspn(first, ",");

        *text = *end ? end + 1 : end;
        while (end > first && strchr(blanks, end[-1]))
            end--;
        *start = first;
        *length = (size_t)(end - first);
        if (*length)
            return true;
    }
    return false;
}

bool specifier_set_is_valid(const char *text)
{
    struct clause clause;
    const char *start;
    size_t length;

    while (next_clause(&text, &start, &length))
        if (!read_clause(start, length, &clause))
            return false;
    return true;
}

static struct pypi_version without_local(struct pypi_version version)
{
    version.local = NULL;
    version.local_length = 0;
    return version;
}

/* 1.0rc1 and 1.0rc1.post1 are pre-releases of 1.0. */
static bool is_prerelease_of(struct pypi_version version, const struct pypi_version *of)
{
    if (!pypi_version_is_prerelease(&version) || pypi_version_is_prerelease(of))
        return false;
    version = without_local(version);
    version.is_post &= version.pre == PYPI_FINAL;
    version.pre = PYPI_FINAL;
    version.is_dev = false;
    return !pypi_version_compare(&version, of);
}

/* 1.0.post1 is a post-release of 1.0. */
static bool is_postrelease_of(struct pypi_version version, const struct pypi_version *of)
{
    if (!version.is_post || of->is_post)
        return false;
    version = without_local(version);
    version.is_post = version.is_dev = false;
    return !pypi_version_compare(&version, of);
}

static bool is_equal(const struct clause *clause, const struct pypi_version *version)
{
    struct pypi_version public = without_local(*version);

    if (clause->has_wildcard)
        return pypi_version_begins_with(version, &clause->version);
    return !pypi_version_compare(clause->version.local ? version : &public, &clause->version);
}

/* "~= 2.2.1" is ">= 2.2.1, == 2.2.*". */
static bool is_compatible(const struct clause *clause, const struct pypi_version *version)
{
    struct pypi_version prefix = clause->version;

    while (prefix.release[--prefix.release_length] != '.')
        ;
    return pypi_version_begins_with(version, &prefix);
}

static bool holds(const struct clause *clause, const struct pypi_version *version, const char *text)
{
    struct pypi_version public = without_local(*version);
    int order;

    if (clause->relation == ARBITRARY)
        return !strcasecmp(clause->operand, text);
    order = pypi_version_compare(&public, &clause->version);
    switch (clause->relation) {
    case EQUAL: return is_equal(clause, version);
    case NOT_EQUAL: return !is_equal(clause, version);
    case COMPATIBLE: return order >= 0 && is_compatible(clause, version);
    case AT_MOST: return order <= 0;
    case AT_LEAST: return order >= 0;
    case BELOW: return order < 0 && !is_prerelease_of(*version, &clause->version);
    default: return order > 0 && !is_postrelease_of(*version, &clause->version);
    }
}

bool specifier_set_allows(const char *text, const char *version, bool prereleases)
{
    struct pypi_version parsed;
    struct clause clause;
    const char *start;
    size_t length;

    if (!pypi_version_parse(version, &parsed))
        return false;
    prereleases |= !pypi_version_is_prerelease(&parsed);
    while (next_clause(&text, &start, &length)) {
        if (!read_clause(start, length, &clause) || !holds(&clause, &parsed, version))
            return false;
        if (clause.relation == ARBITRARY)
            prereleases = true;
        else if (clause.relation != NOT_EQUAL)
            prereleases |= pypi_version_is_prerelease(&clause.version);
    }
    return prereleases;
}

static bool is_low(const struct clause *clause)
{
    return !clause->has_wildcard && (clause->relation == ABOVE || clause->relation == AT_LEAST ||
                                     clause->relation == EQUAL || clause->relation == COMPATIBLE);
}

static bool is_high(const struct clause *clause)
{
    return !clause->has_wildcard &&
           (clause->relation == BELOW || clause->relation == AT_MOST || clause->relation == EQUAL);
}

static bool exclude_each_other(const struct clause *low, const struct clause *high)
{
    int order;

    if (!is_low(low) || !is_high(high))
        return false;
    order = pypi_version_compare(&low->version, &high->version);
    return order > 0 || (!order && (low->relation == ABOVE || high->relation == BELOW));
}

bool specifier_set_is_possible(const char *text)
{
    const char *at = text, *start;
    struct clause low, high;
    size_t length;

    while (next_clause(&at, &start, &length)) {
        const char *other = text, *other_start;
        size_t other_length;

        if (!read_clause(start, length, &low))
            return false;
        while (next_clause(&other, &other_start, &other_length))
            if (read_clause(other_start, other_length, &high) && exclude_each_other(&low, &high))
                return false;
    }
    return true;
}
