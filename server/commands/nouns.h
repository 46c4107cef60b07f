/* The rows of each noun; each list ends with a row without a noun. */
#pragma once
#include "server/commands/command.h"

extern const struct command account_commands[];
extern const struct command admin_commands[];
extern const struct command audit_commands[];
extern const struct command claim_commands[];
extern const struct command config_commands[];
extern const struct command exception_commands[];
extern const struct command grant_commands[];
extern const struct command hold_commands[];
extern const struct command init_commands[];
extern const struct command key_commands[];
extern const struct command login_commands[];
extern const struct command org_commands[];
extern const struct command owner_commands[];
extern const struct command policy_commands[];
extern const struct command remove_commands[];
extern const struct command removed_commands[];
extern const struct command repo_commands[];
extern const struct command request_commands[];
extern const struct command restore_commands[];
extern const struct command routes_commands[];
extern const struct command serve_commands[];
extern const struct command setup_commands[];
extern const struct command source_commands[];
extern const struct command status_commands[];
extern const struct command token_commands[];
extern const struct command upstream_commands[];
extern const struct command verify_commands[];
extern const struct command version_commands[];
extern const struct command warm_commands[];
extern const struct command whoami_commands[];
