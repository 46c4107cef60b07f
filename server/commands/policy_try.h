/* The verbs of `packhouse policy` that try and explain; policy.c has their rows. */
#pragma once
#include "server/commands/command.h"

extern const struct command_option policy_diff_options[];

int policy_explain(struct command_call *call);
int policy_diff(struct command_call *call);
