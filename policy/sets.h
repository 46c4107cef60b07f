/* The starting sets that come with the program: approved-only, careful, open. */
#pragma once
#include <stddef.h>

struct policy_set {
    const char *name;
    const char *text; /* YAML with a comment at each rule, as policy_read() takes it */
};

/* NULL without it. */
const struct policy_set *policy_set_find(const char *name);
/* By name; NULL behind the last. */
const struct policy_set *policy_set_at(size_t index);
