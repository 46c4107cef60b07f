/* Which registry the npm or pip of this machine uses: read when asked for, from the client itself. Never
 * a credential. */
#pragma once
#include "config/error.h"

struct arena;

/* The first line that the shell's command prints; "" where it fails. */
char *client_config_first_line(const char *command, struct arena *arena);

/* format is "npm" or "pypi". STATUS_NOT_FOUND, with a sentence, where this machine has no such client. */
enum status client_config_registry(const char *format, struct arena *arena, const char **out,
                                   struct error *err);
