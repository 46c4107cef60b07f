#include "policy/sets.h"

#include <string.h>

static const struct policy_set sets[] = {
#include "policy_sets.inc"
};

const struct policy_set *policy_set_at(size_t index)
{
    return index < sizeof sets / sizeof *sets ? &sets[index] : NULL;
}

const struct policy_set *policy_set_find(const char *name)
{
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if (!strcmp(sets[i].name, name))
            return &sets[i];
    return NULL;
}
