/* Every command there is. */
#include "server/commands/nouns.h"

const struct command *const command_table[] = {
    config_commands,
    version_commands,
    NULL,
};
