/* The verbs of `packhouse policy` that ask a server; policy.c has their rows. */
#pragma once
#include "server/commands/command.h"

extern const struct command_option policy_set_options[], policy_show_options[], policy_org_options[];

int policy_set(struct command_call *call);
int policy_show(struct command_call *call);
int policy_list(struct command_call *call);

/* A policy's text as the command line names it: a file, or a starting set by its name where there is no
 * such file. */
enum status policy_text_read(const struct command_call *call, const char *name, const char **text,
                             struct error *err);
/* --org, or the org of --repo, PACKHOUSE_REPO or the profile. */
enum status client_org(const struct command_call *call, const char **org, struct error *err);
