/* `packhouse admin`: what needs the data directory, and no token. */
#include "server/commands/data.h"
#include "server/commands/nouns.h"

#include <stdio.h>

static int reset_token(struct command_call *call)
{
    struct catalog_options options = data_catalog_options(call->settings);
    const char *name = command_option(call, "for");
    struct catalog *catalog = NULL;
    struct account account;
    char text[TOKEN_SIZE];
    struct error err;
    enum status rc;

    name = name ? name : "owner";
    options.reserve_bytes = 0;
    if ((rc = catalog_open(&options, &catalog, &err)))
        goto done;
    if ((rc = catalog_find_account(catalog, name, call->arena, &account, &err)))
        goto done;
    rc = data_make_token(catalog, &account, "reset-token", call->arena, text, &err);
done:
    catalog_close(catalog);
    if (rc)
        return command_fail(call, &err);
    if (call->json)
        printf("{\"account\":\"%s\",\"token\":\"%s\"}\n", name, text);
    else
        printf("A new token for %s, shown this once:\n\n    %s\n\n"
               "The old ones still work: `packhouse token list`, `packhouse token revoke ID`.\n",
               name, text);
    return EXIT_DONE;
}

static const struct command_option reset_options[] = {
    {"for", "ACCOUNT", "whose token (owner)"},
    {0},
};

const struct command admin_commands[] = {
    {"admin", "reset-token", NULL, "Makes a new token when the old one is lost",
     "Works on the data directory, so stop the server first. Who may read the directory may do\n"
     "everything: keep it to yourself.", reset_options, SETTING_SERVER, reset_token},
    {0},
};
