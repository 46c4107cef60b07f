/* The starting sets that come with the program: open, careful, approved-only. */
#pragma once
#include <stddef.h>

struct policy_set {
    const char *name;
    const char *text; /* YAML with a comment at each line, as policy_read() takes it */
    size_t length;
};

/* NULL without it. */
const struct policy_set *policy_set_find(const char *name);
/* NULL behind the last. */
const struct policy_set *policy_set_at(size_t index);
