/* What --help says, made from the rows of the commands. */
#pragma once
#include "server/commands/command.h"
#include <stdio.h>

void help_all(FILE *out);
void help_noun(const struct command *rows, FILE *out);
void help_command(const struct command *command, FILE *out);
