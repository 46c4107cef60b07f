#include "policy/pattern_set.h"

#include <stdlib.h>
#include <string.h>

static int compare(enum format a_format, const char *a, enum format b_format, const char *b)
{
    return a_format != b_format ? (int)a_format - (int)b_format : strcmp(a, b);
}

static int compare_patterns(const void *a, const void *b)
{
    const struct package_pattern *left = *(const struct package_pattern *const *)a;
    const struct package_pattern *right = *(const struct package_pattern *const *)b;

    return compare(package_pattern_format(left), package_pattern_name(left),
                   package_pattern_format(right), package_pattern_name(right));
}

void pattern_set_init(struct pattern_set *set, const struct package_pattern **patterns,
                      size_t count)
{
    size_t exact = 0;

    for (size_t i = 0; i < count; i++)
        if (package_pattern_name(patterns[i])) {
            const struct package_pattern *swapped = patterns[exact];

            patterns[exact++] = patterns[i];
            patterns[i] = swapped;
        }
    *set = (struct pattern_set){.exact = patterns,
                                .exact_count = exact,
                                .starred = patterns + exact,
                                .starred_count = count - exact};
    if (exact)
        qsort(patterns, exact, sizeof *patterns, compare_patterns);
}

/* The first pattern that is not before the name. */
static size_t find(const struct pattern_set *set, enum format format, const char *name)
{
    size_t low = 0, high = set->exact_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct package_pattern *pattern = set->exact[middle];

        if (compare(package_pattern_format(pattern), package_pattern_name(pattern), format, name) <
            0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool pattern_set_matches(const struct pattern_set *set, enum format format, const char *name,
                         const char *version)
{
    for (size_t i = find(set, format, name);
         i < set->exact_count && package_pattern_format(set->exact[i]) == format &&
         !strcmp(package_pattern_name(set->exact[i]), name);
         i++)
        if (package_pattern_matches(set->exact[i], format, name, version))
            return true;
    for (size_t i = 0; i < set->starred_count; i++)
        if (package_pattern_matches(set->starred[i], format, name, version))
            return true;
    return false;
}

bool pattern_set_names(const struct pattern_set *set, enum format format, const char *name)
{
    char folded[PACKAGE_PATTERN_MAX + 1];

    /* A longer name is nobody's but a star's, and that one asks for no letters. */
    if (strlen(name) < sizeof folded) {
        memcpy(folded, name, strlen(name) + 1);
        format_fold(format, folded);
        name = folded;
    }
    return pattern_set_matches(set, format, name, "");
}
