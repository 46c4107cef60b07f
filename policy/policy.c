#include "policy/policy.h"

#include "policy/policy_file.h"
#include "policy/rule.h"
#include "storage/memory/arena.h"

#include <string.h>

static bool any_about_local(const struct policy *policy, const struct facts *facts, unsigned asked)
{
    for (size_t i = 0; i < policy->rule_count; i++)
        if (rule_is_about_local(&policy->rules[i], facts, asked))
            return true;
    return false;
}

enum status policy_read(const char *name, const char *text, size_t length, struct policy **out,
                        struct error *err)
{
    struct arena *arena = arena_new();
    struct policy *policy = arena_alloc(arena, sizeof *policy);
    enum status rc;

    *out = NULL;
    policy->arena = arena;
    if ((rc = policy_file_read(name, text, length, policy, err)))
        policy_free(policy);
    else
        *out = policy;
    if (!rc)
        policy->names_local = any_about_local(policy, &(struct facts){0}, 1u << UPSTREAM);
    return rc;
}

void policy_free(struct policy *policy)
{
    if (policy)
        arena_free(policy->arena);
}

enum policy_mode policy_mode(const struct policy *policy, const char *repository)
{
    for (size_t i = 0; i < policy->repository_count; i++)
        if (!strcmp(policy->repositories[i].name, repository))
            return policy->repositories[i].mode;
    return policy->mode;
}

bool policy_is_about_local(const struct policy *policy, enum format format, const char *name)
{
    const struct facts facts = {.format = format, .name = name};

    return policy->names_local && any_about_local(policy, &facts, 1u << UPSTREAM | 1u << NAME);
}

static bool looks_into_archives(const struct conditions *conditions)
{
    for (size_t i = 0; i < conditions->all_count; i++)
        if (condition_rows[conditions->all[i].kind].shape == LICENSES ||
            conditions->all[i].kind == MANIFEST_MISMATCH)
            return true;
    for (size_t i = 0; i < conditions->any_count; i++)
        if (looks_into_archives(&conditions->any[i]))
            return true;
    return false;
}

bool policy_looks_into_archives(const struct policy *policy)
{
    for (size_t i = 0; i < policy->rule_count; i++)
        if (looks_into_archives(&policy->rules[i].when))
            return true;
    return false;
}

bool policy_has_rule(const struct policy *policy, const char *rule)
{
    for (size_t i = 0; i < policy->rule_count; i++)
        if (!strcmp(policy->rules[i].name, rule))
            return true;
    return !strcmp(rule, POLICY_NOT_APPROVED);
}

size_t policy_rule_count(const struct policy *policy)
{
    return policy->rule_count;
}

const char *policy_rule_name(const struct policy *policy, size_t index)
{
    return index < policy->rule_count ? policy->rules[index].name : NULL;
}

size_t policy_case_count(const struct policy *policy)
{
    return policy->case_count;
}
