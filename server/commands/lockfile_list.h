/* What a project's lockfile has it locked to, as `request create` and `policy set` ask for it. */
#pragma once
#include "server/commands/command.h"

/* "npm:@acme/ui@1.0.0" for each version that comes from a registry, sorted, each once. */
enum status lockfile_list_read(const struct command_call *call, const char *path,
                               const char ***out, size_t *count, struct error *err);
