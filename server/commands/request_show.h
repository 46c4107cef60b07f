/* `packhouse request show`: what is known of a version that was asked for, and what is new in it. */
#pragma once
#include "server/commands/command.h"

extern const struct command_option request_show_options[];
int request_show(struct command_call *call);
/* The path of the request that the command line names; NULL, and told why, where that cannot be said. */
char *request_path(struct command_call *call, const char *suffix);
