/* `packhouse init`: a new data directory, with its first org, repository and token. */
#include "server/commands/data.h"
#include "server/commands/nouns.h"
#include "storage/catalog/repository.h"

#include <stdio.h>

#define OWNER "owner"

/* Names are checked first, so that a slip of the pen leaves no half-made directory. */
static enum status check_names(const char *org, const char *repository, struct error *err)
{
    if (!org_name_is_valid(org))
        return fail(err, STATUS_INVALID, "invalid-name", "'%s' cannot be an org's name: use a-z, 0-9, '-'", org);
    if (!repository_name_is_valid(repository))
        return fail(err, STATUS_INVALID, "invalid-name",
                    "'%s' cannot be a repository's name: use a-z, 0-9, '.', '_', '-'", repository);
    return STATUS_OK;
}

static enum status fill(struct catalog *catalog, struct arena *arena, const char *org,
                        const char *repository, char text[TOKEN_SIZE], struct error *err)
{
    const struct principal itself = {.name = OWNER, .is_owner = true, .actions = ACTIONS_ALL};
    const struct actor actor = {.principal = &itself, .peer = "local"};
    struct account owner;
    enum status rc;
    int64_t id;

    if ((rc = catalog_create_owner(catalog, OWNER, &id, err)))
        return rc;
    if ((rc = catalog_create_org(catalog, &actor, org, &id, err)))
        return rc;
    if ((rc = catalog_create_repository(catalog, &actor, org, repository, false, &id, err)))
        return rc;
    if ((rc = catalog_find_account(catalog, OWNER, arena, &owner, err)))
        return rc;
    return data_make_token(catalog, &owner, "init", arena, text, err);
}

static int init(struct command_call *call)
{
    struct catalog_options options = data_catalog_options(call->settings);
    const char *org = command_option(call, "org"), *repository = command_option(call, "repo");
    char text[TOKEN_SIZE];
    struct catalog *catalog = NULL;
    struct error err;
    enum status rc;

    org = org ? org : "acme";
    repository = repository ? repository : "main";
    options.reserve_bytes = 0; /* serve makes it */
    if ((rc = check_names(org, repository, &err)))
        goto done;
    if ((rc = catalog_create(call->settings->data, &err)))
        goto done;
    if ((rc = catalog_open(&options, &catalog, &err)))
        goto done;
    rc = fill(catalog, call->arena, org, repository, text, &err);
done:
    catalog_close(catalog);
    if (rc)
        return command_fail(call, &err);
    if (call->json)
        printf("{\"org\":\"%s\",\"repo\":\"%s\",\"token\":\"%s\"}\n", org, repository, text);
    else
        printf("Made %s with the repository %s/%s.\n"
               "The owner's token, shown this once:\n\n    %s\n\nNext: packhouse serve --data %s\n",
               call->settings->data, org, repository, text, call->settings->data);
    return EXIT_DONE;
}

static const struct command_option init_options[] = {
    {"org", "NAME", "the first org (acme)"},
    {"repo", "NAME", "its first repository (main)"},
    {0},
};

const struct command init_commands[] = {
    {"init", NULL, NULL, "Makes a data directory with an org, a repository and the owner's token",
     "Refuses a directory that is used already. Losing the token is no disaster:\n"
     "`packhouse admin reset-token` makes a new one.", init_options, SETTING_SERVER, init},
    {0},
};
