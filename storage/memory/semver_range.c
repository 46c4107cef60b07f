/* Ranges, reduced to comparators as node-semver does it (its README, "Advanced Range Syntax"). */
#include "storage/memory/semver_range.h"

#include "storage/memory/arena.h"

#include <stdint.h>
#include <string.h>

static const uint64_t NUMBER_MAX = 9007199254740991; /* JavaScript's MAX_SAFE_INTEGER */

enum relation { LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, EQUAL, TILDE, CARET };

struct bound {
    uint64_t major, minor, patch;
    const char *prerelease; /* NULL: a release */
    size_t prerelease_length;
};

struct comparator {
    enum relation relation;
    struct bound bound;
    struct comparator *next;
};

/* All of one set must hold; one set of a range suffices. An empty set is any bound. */
struct semver_range {
    struct comparator *comparators;
    struct semver_range *next;
};

/* A version of which only the first parts may be given: "1", "1.x", "*". */
struct partial {
    struct bound bound;
    int given;        /* 0-3 numbers; the others are 0 */
    bool is_confused; /* a number behind an x, as in "x.2" */
};

struct range_parser {
    const char *at;
    struct arena *arena;
    struct semver_range *set;
};

static const struct bound LOWEST = {.prerelease = "0", .prerelease_length = 1};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct range_parser *parser)
{
    while (is_blank(*parser->at))
        parser->at++;
}

static void add(struct range_parser *parser, enum relation relation, struct bound bound)
{
    struct comparator *comparator = arena_alloc(parser->arena, sizeof *comparator);

    comparator->relation = relation;
    comparator->bound = bound;
    comparator->next = parser->set->comparators;
    parser->set->comparators = comparator;
}

/* The lowest version above all that begin with the first parts of this one: 1.4 gives 1.5.0-0. */
static struct bound next_after(struct bound bound, int parts)
{
    bound.major += parts == 1;
    bound.minor = parts >= 2 ? bound.minor + (parts == 2) : 0;
    bound.patch = parts >= 3 ? bound.patch + 1 : 0;
    bound.prerelease = LOWEST.prerelease;
    bound.prerelease_length = LOWEST.prerelease_length;
    return bound;
}

static struct bound without_prerelease(struct bound bound)
{
    bound.prerelease = NULL;
    bound.prerelease_length = 0;
    return bound;
}

static bool read_number(const char *digits, size_t length, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < length; i++) {
        *out = *out * 10 + (uint64_t)(digits[i] - '0');
        if (*out > NUMBER_MAX)
            return false;
    }
    return true;
}

static bool read_bound(const struct semver *version, struct bound *out)
{
    out->prerelease = version->prerelease;
    out->prerelease_length = version->prerelease_length;
    return read_number(version->major, version->major_length, &out->major) &&
           read_number(version->minor, version->minor_length, &out->minor) &&
           read_number(version->patch, version->patch_length, &out->patch);
}

/* "1", "1.x" or "*" as far as it goes. */
static bool take_numbers(struct range_parser *parser, struct partial *out, int *parts)
{
    uint64_t *const numbers[] = {&out->bound.major, &out->bound.minor, &out->bound.patch};

    *out = (struct partial){0};
    for (*parts = 1;; ++*parts) {
        const char *start = parser->at;
        size_t length = strspn(start, "0123456789");

        if (length) {
            uint64_t number;

            if ((length > 1 && *start == '0') || !read_number(start, length, &number))
                return false;
            if (out->given == *parts - 1)
                *numbers[out->given++] = number;
            else
                out->is_confused = true;
            parser->at += length;
        } else if (*start == 'x' || *start == 'X' || *start == '*') {
            parser->at++;
        } else {
            return false;
        }
        if (*parts == 3 || *parser->at != '.')
            return true;
        parser->at++;
    }
}

/* A prerelease and a build may follow only three parts. */
static bool take_partial(struct range_parser *parser, struct partial *out)
{
    char word[SEMVER_LENGTH_MAX + 1] = "0.0.0";
    const char *suffix;
    struct semver version;
    size_t length;
    int parts;

    if (!take_numbers(parser, out, &parts))
        return false;
    suffix = parser->at;
    length = strcspn(suffix, " \t\n\v\f\r|");
    parser->at += length;
    if (!length)
        return true;
    if (parts < 3 || (*suffix != '-' && *suffix != '+') || length > SEMVER_LENGTH_MAX - 5)
        return false;
    memcpy(word + 5, suffix, length);
    if (!semver_parse(word, &version))
        return false;
    if (version.prerelease && out->given == 3) {
        out->bound.prerelease = suffix + 1; /* not in word: the text outlives us */
        out->bound.prerelease_length = version.prerelease_length;
    }
    return true;
}

static enum relation take_relation(struct range_parser *parser)
{
    static const struct {
        const char *text;
        enum relation relation;
    } relations[] = {
        {"<=", LESS_EQUAL   },
        {"<",  LESS         },
        {">=", GREATER_EQUAL},
        {">",  GREATER      },
        {"~>", TILDE        },
        {"~",  TILDE        },
        {"^",  CARET        },
        {"=",  EQUAL        },
    };
    enum relation relation = EQUAL;

    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        size_t length = strlen(relations[i].text);

        if (!strncmp(parser->at, relations[i].text, length)) {
            parser->at += length;
            relation = relations[i].relation;
            break;
        }
    }
    skip_blanks(parser);
    parser->at += strspn(parser->at, "v=");
    return relation;
}

static void add_between(struct range_parser *parser, struct bound from, int parts)
{
    add(parser, GREATER_EQUAL, from);
    add(parser, LESS, next_after(from, parts));
}

static void add_caret(struct range_parser *parser, const struct partial *partial)
{
    struct bound bound = partial->bound;
    int parts = 1;

    if (partial->given >= 2 && !bound.major)
        parts = partial->given == 3 && !bound.minor ? 3 : 2;
    add_between(parser, bound, parts);
}

static void add_comparator(struct range_parser *parser, enum relation relation,
                           const struct partial *partial)
{
    struct bound bound = partial->bound;
    int given = partial->given;

    if (!given) {
        if (relation == LESS || relation == GREATER)
            add(parser, LESS, LOWEST); /* nothing is below or above any */
        return;
    }
    switch (relation) {
    case CARET: add_caret(parser, partial); break;
    case TILDE: add_between(parser, bound, given == 1 ? 1 : 2); break;
    case EQUAL:
        if (given == 3)
            add(parser, EQUAL, bound);
        else
            add_between(parser, bound, given);
        break;
    case GREATER:
        if (given == 3)
            add(parser, GREATER, bound);
        else
            add(parser, GREATER_EQUAL, without_prerelease(next_after(bound, given)));
        break;
    case LESS_EQUAL:
        if (given == 3)
            add(parser, LESS_EQUAL, bound);
        else
            add(parser, LESS, next_after(bound, given));
        break;
    case LESS:
        if (given < 3) {
            bound.prerelease = LOWEST.prerelease;
            bound.prerelease_length = LOWEST.prerelease_length;
        }
        add(parser, LESS, bound);
        break;
    case GREATER_EQUAL: add(parser, GREATER_EQUAL, bound); break;
    }
}

/* " - " with a version on either side. */
static bool has_hyphen(const struct range_parser *parser)
{
    const char *at = parser->at;

    if (!is_blank(*at))
        return false;
    while (is_blank(*at))
        at++;
    return *at == '-' && is_blank(at[1]);
}

static bool take_hyphen(struct range_parser *parser, const struct partial *from)
{
    struct partial to;

    skip_blanks(parser);
    parser->at++;
    skip_blanks(parser);
    if (take_relation(parser) != EQUAL || !take_partial(parser, &to))
        return false;
    if (from->given)
        add(parser, GREATER_EQUAL, from->bound);
    if (to.given)
        add_comparator(parser, LESS_EQUAL, &to);
    skip_blanks(parser);
    return !*parser->at || *parser->at == '|'; /* a hyphen range stands alone in its set */
}

static bool take_set(struct range_parser *parser)
{
    bool is_first = true;

    for (skip_blanks(parser); *parser->at && *parser->at != '|'; skip_blanks(parser)) {
        enum relation relation = take_relation(parser);
        struct partial partial;

        if (!take_partial(parser, &partial))
            return false;
        if (is_first && relation == EQUAL && has_hyphen(parser))
            return take_hyphen(parser, &partial);
        if (partial.is_confused && relation != CARET && relation != TILDE)
            return false; /* node-semver's rule, and its exceptions */
        add_comparator(parser, relation, &partial);
        is_first = false;
    }
    return true;
}

const struct semver_range *semver_range_parse(const char *text, struct arena *arena)
{
    struct range_parser parser = {.at = text, .arena = arena};
    struct semver_range *first = NULL;

    for (;;) {
        struct semver_range *set = arena_alloc(arena, sizeof *set);

        set->next = first;
        first = parser.set = set;
        if (!take_set(&parser))
            return NULL;
        if (!*parser.at)
            return first;
        if (parser.at[1] != '|')
            return NULL;
        parser.at += 2;
    }
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_identifiers(const char *a, size_t a_length, const char *b, size_t b_length)
{
    bool a_is_number = strspn(a, "0123456789") >= a_length;
    bool b_is_number = strspn(b, "0123456789") >= b_length;
    int order;

    if (a_is_number != b_is_number)
        return a_is_number ? -1 : 1;
    if (a_is_number && a_length != b_length) /* no leading zeros, so the longer is greater */
        return a_length < b_length ? -1 : 1;
    order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : compare_numbers(a_length, b_length);
}

static size_t identifier_length(const char *at, const char *end)
{
    const char *dot = memchr(at, '.', (size_t)(end - at));

    return (size_t)((dot ? dot : end) - at);
}

static int compare_prereleases(const struct bound *a, const struct bound *b)
{
    const char *a_at = a->prerelease, *b_at = b->prerelease, *a_end, *b_end;

    if (!a_at || !b_at)
        return !!b_at - !!a_at;
    a_end = a_at + a->prerelease_length;
    b_end = b_at + b->prerelease_length;
    for (;; a_at++, b_at++) {
        size_t a_length = identifier_length(a_at, a_end), b_length = identifier_length(b_at, b_end);
        int order = compare_identifiers(a_at, a_length, b_at, b_length);

        if (order)
            return order;
        a_at += a_length;
        b_at += b_length;
        if (a_at == a_end || b_at == b_end)
            return (a_at != a_end) - (b_at != b_end);
    }
}

static int compare(const struct bound *a, const struct bound *b)
{
    int order = compare_numbers(a->major, b->major);

    if (!order)
        order = compare_numbers(a->minor, b->minor);
    if (!order)
        order = compare_numbers(a->patch, b->patch);
    return order ? order : compare_prereleases(a, b);
}

static bool holds(const struct comparator *comparator, const struct bound *version)
{
    int order = compare(version, &comparator->bound);

    switch (comparator->relation) {
    case LESS: return order < 0;
    case LESS_EQUAL: return order <= 0;
    case GREATER: return order > 0;
    case GREATER_EQUAL: return order >= 0;
    default: return !order;
    }
}

static bool names_prerelease_of(const struct comparator *comparator, const struct bound *version)
{
    const struct bound *named = &comparator->bound;

    return named->prerelease && named->major == version->major && named->minor == version->minor &&
           named->patch == version->patch;
}

static bool satisfies_set(const struct bound *version, const struct semver_range *set,
                          bool may_be_prerelease)
{
    may_be_prerelease |= !version->prerelease;
    for (const struct comparator *each = set->comparators; each; each = each->next) {
        if (!holds(each, version))
            return false;
        may_be_prerelease |= names_prerelease_of(each, version);
    }
    return may_be_prerelease;
}

static bool satisfies(const struct semver *version, const struct semver_range *range,
                      bool may_be_prerelease)
{
    struct bound bound;

    if (!read_bound(version, &bound))
        return false;
    for (; range; range = range->next)
        if (satisfies_set(&bound, range, may_be_prerelease))
            return true;
    return false;
}

bool semver_satisfies(const struct semver *version, const struct semver_range *range)
{
    return satisfies(version, range, false);
}

bool semver_is_within(const struct semver *version, const struct semver_range *range)
{
    return satisfies(version, range, true);
}

/* Whether nothing is both above one bound and below the other. */
static bool exclude_each_other(const struct comparator *low, const struct comparator *high)
{
    bool is_low =
        low->relation == GREATER || low->relation == GREATER_EQUAL || low->relation == EQUAL;
    bool is_high =
        high->relation == LESS || high->relation == LESS_EQUAL || high->relation == EQUAL;
    int order = compare(&low->bound, &high->bound);

    return is_low && is_high &&
           (order > 0 || (!order && (low->relation == GREATER || high->relation == LESS)));
}

static bool set_is_possible(const struct semver_range *set)
{
    for (const struct comparator *low = set->comparators; low; low = low->next) {
        if (low->relation == LESS && !compare(&low->bound, &LOWEST))
            return false;
        for (const struct comparator *high = set->comparators; high; high = high->next)
            if (exclude_each_other(low, high))
                return false;
    }
    return true;
}

bool semver_range_is_possible(const struct semver_range *range)
{
    for (; range; range = range->next)
        if (set_is_possible(range))
            return true;
    return false;
}
