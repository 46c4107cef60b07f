/* Every command there is. */
#include "server/commands/nouns.h"

const struct command *const command_table[] = {
    init_commands,
    verify_commands,
    admin_commands,
    config_commands,
    version_commands,
    NULL,
};
