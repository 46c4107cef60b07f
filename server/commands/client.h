/* A client command's way to the server: whose URL and token, and one call to /api/v1. */
#pragma once
#include "server/commands/command.h"

/* Options that every client command takes. */
extern const struct command_option client_options[];

/* Fills url, token and repo: flags win over the profile, the profile over the environment. A
 * profile gives its URL and token together, so no token ever goes to another's server. */
enum status client_load_settings(const struct command_call *call, struct settings *settings,
                                 int *argc, const char **argv, const char *const *environment,
                                 struct error *err);
