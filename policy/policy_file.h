/* The YAML text of a policy. policy.c alone calls this. */
#pragma once
#include "policy/rule.h"

/* Fills a policy that has an arena. */
enum status policy_file_read(const char *name, const char *text, size_t length,
                             struct policy *policy, struct error *err);
