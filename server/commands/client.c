#include "server/commands/client.h"

#include "server/commands/profile.h"

#include <string.h>

const struct command_option client_options[] = {
    {"profile",                                                            "NAME", "the profile that packhouse login made [default]; none: no profile"},
    {0},
};

static const char *variable(const char *const *environment, const char *name)
{
    size_t length = strlen(name);

    for (; *environment; environment++)
        if (!strncmp(*environment, name, length) && (*environment)[length] == '=')
            return *environment + length + 1;
    return "";
}

/* Without a name the profile "default" is used where there is one. */
static enum status read_profile(const struct command_call *call, struct settings *settings,
                                const char *const *environment, struct error *err)
{
    const char *name = call->profile ? call->profile : variable(environment, "PACKHOUSE_PROFILE");
    struct error reason = {0};
    char *path;
    enum status rc;

    if (!strcmp(name, "none"))
        return STATUS_OK;
    if (!*name && profile_path("default", call->arena, &path, NULL))
        return STATUS_OK; /* no home, so no profile either */
    rc = profile_read(*name ? name : "default", call->arena, settings, &reason);
    if (rc == STATUS_NOT_FOUND && !*name)
        return STATUS_OK;
    if (rc == STATUS_NOT_FOUND)
        return fail(err, rc, "", "there is no profile '%s'; packhouse login makes one", name);
    return rc ? fail(err, rc, "", "%s", reason.message) : STATUS_OK;
}

enum status client_load_settings(const struct command_call *call, struct settings *settings,
                                 int *argc, const char **argv, const char *const *environment,
                                 struct error *err)
{
    enum status rc;

    if ((rc = settings_read_environment(settings, SETTING_CLIENT, environment, err)) ||
        (rc = read_profile(call, settings, environment, err)) ||
        (rc = settings_read_flags(settings, SETTING_CLIENT, argc, argv, err)))
        return rc;
    if (settings_origin(settings, "url") == ORIGIN_FLAG &&
        settings_origin(settings, "token") == ORIGIN_PROFILE)
        return fail(err, STATUS_INVALID, "",
                    "--url needs --token too: the profile's token is for "
                    "the profile's server");
    return STATUS_OK;
}
