/* What the files that read a policy's text share. */
#pragma once
#include "config/yaml.h"
#include "policy/rule.h"

/* Pointers that are collected in an arena. */
struct pointers {
    const void **items;
    size_t count, capacity;
};

struct policy_reader {
    struct yaml_cursor *cursor;
    struct policy *policy;
    struct arena *arena;
    struct pointers rules, cases, repositories;
};

void pointers_add(struct policy_reader *reader, struct pointers *list, const void *item);

/* Takes a key that is one of keys (which ends with NULL) and was not seen before in this mapping.
 */
enum status take_key(struct policy_reader *reader, const char *const *keys, unsigned *seen,
                     size_t *index, struct yaml_text *key, struct error *err);
/* Takes a text that is one of words; *index says which. */
enum status take_word(struct policy_reader *reader, const char *key, const char *const *words,
                      size_t *index, struct error *err);
/* Takes a text, or a list of at least one: each goes to add. */
enum status take_list(struct policy_reader *reader, const char *key, size_t max,
                      enum status (*add)(struct policy_reader *reader, const struct yaml_text *text,
                                         void *context, struct error *err),
                      void *context, struct error *err);
/* Takes a duration above 0, in microseconds, or a size above 0. */
enum status take_quantity(struct policy_reader *reader, enum condition_shape shape, int64_t *out,
                          struct error *err);
/* The set of a list that began at the line. */
enum status make_set(struct policy_reader *reader, const char *key, size_t line,
                     struct pointers *list, struct pattern_set *out, struct error *err);
/* Takes patterns, such as approved and except have. */
enum status take_patterns(struct policy_reader *reader, const char *key, struct pattern_set *out,
                          struct error *err);

/* Takes a rule's mapping behind "hold:" or "deny:". */
enum status take_conditions(struct policy_reader *reader, struct conditions *out, const char **says,
                            struct error *err);
enum status take_cases(struct policy_reader *reader, struct error *err);
