/* Every command there is. */
#include "server/commands/nouns.h"

const struct command *const command_table[] = {
    init_commands,
    serve_commands,
    verify_commands,
    admin_commands,
    config_commands,
    routes_commands,
    version_commands,
    login_commands,
    whoami_commands,
    status_commands,
    org_commands,
    repo_commands,
    upstream_commands,
    source_commands,
    owner_commands,
    claim_commands,
    remove_commands,
    restore_commands,
    removed_commands,
    account_commands,
    grant_commands,
    token_commands,
    audit_commands,
    NULL,
};
