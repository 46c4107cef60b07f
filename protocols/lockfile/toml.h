/* TOML 1.0 (toml.io), as far as lockfiles need it: every value with the path of its keys. What only
 * a whole document would show (a key that comes twice) is not looked for. No C library for TOML is
 * in the distributions, and what programs write is regular. */
#pragma once
#include "protocols/lockfile/reading.h"

struct toml_item {
    /* The keys, joined by dots; a dot within a key is written as '\1'. An element of an array has
     * the array's path, so package = [{name = "x"}] and [[package]] read alike. */
    const char *path;
    bool is_element;   /* a table in an array begins, whose values are told next */
    const char *text;  /* a string, decoded, during the visit; NULL for other values */
    size_t start, end; /* the value's bytes, quotes included */
};

typedef enum status (*toml_visit)(void *context, const struct toml_item *item, struct error *err);

/* Tells all values in order. Failures are those of reading_fail() and of visit. The visitor may
 * forget the reading's memory at an element. */
enum status toml_read(struct reading *reading, toml_visit visit, void *context, struct error *err);
