/* How npm, pnpm, Yarn and bun are told which registry to ask, and with which token. */
#include "server/commands/setup.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"

#include <stdlib.h>
#include <string.h>

/* "registry", or "@acme:registry". */
static const char *registry_key(struct setup *setup)
{
    return setup->scope ? arena_format(setup->arena, "%s:registry", setup->scope) : "registry";
}

/* npm and pnpm take the token for a URL from the longest key that the URL begins with, in the
 * person's own .npmrc. Yarn 1 and bun read it there, too. */
static enum status put_token(struct setup *setup, const char *path, struct error *err)
{
    struct config_edit *edit;
    const char *key;

    if (!setup->token)
        return STATUS_OK;
    if (!(edit = setup_edit(setup, path, true, err)))
        return err->status;
    key = arena_format(setup->arena, "%s:_authToken", setup_without_scheme(setup->registry));
    lines_put(edit, &npmrc_form, NULL, key, setup->token);
    return STATUS_OK;
}

/* npm's variables for settings may be in either case. */
static const char *user_npmrc(struct setup *setup)
{
    const char *given = getenv("npm_config_userconfig");

    if (!given || !*given)
        given = getenv("NPM_CONFIG_USERCONFIG");
    return given && *given ? given : setup_path(setup, setup->home, ".npmrc");
}

static const char *project_folder(struct setup *setup)
{
    return setup->is_user ? setup->home : "";
}

static enum status plan_npm(struct setup *setup, struct error *err)
{
    const char *own = user_npmrc(setup);
    const char *path = setup->is_user ? own : ".npmrc";
    enum status rc = put_token(setup, own, err);
    struct config_edit *edit;

    if (rc)
        return rc;
    if (!(edit = setup_edit(setup, path, false, err)))
        return err->status;
    lines_put(edit, &npmrc_form, NULL, registry_key(setup), setup->registry);
    return STATUS_OK;
}

static enum status plan_bun(struct setup *setup, struct error *err)
{
    const char *name = setup->is_user ? ".bunfig.toml" : "bunfig.toml";
    enum status rc = put_token(setup, setup_path(setup, setup->home, ".npmrc"), err);
    struct config_edit *edit;

    if (rc)
        return rc;
    if (!(edit = setup_edit(setup, setup_path(setup, project_folder(setup), name), false, err)))
        return err->status;
    if (setup->scope)
        return toml_put(edit, "install.scopes", setup_quoted(setup, setup->scope),
                        setup_quoted(setup, setup->registry), err);
    return toml_put(edit, "install", "registry", setup_quoted(setup, setup->registry), err);
}

/* Yarn 1 sends a token for packages without a scope only where always-auth says so, which npm would
 * warn about in the person's own .npmrc. */
static enum status plan_yarn1(struct setup *setup, struct error *err)
{
    const char *folder = project_folder(setup), *key = registry_key(setup);
    enum status rc = put_token(setup, setup_path(setup, setup->home, ".npmrc"), err);
    struct config_edit *edit;

    if (rc)
        return rc;
    if (!(edit = setup_edit(setup, setup_path(setup, folder, ".yarnrc"), false, err)))
        return err->status;
    lines_put(edit, &yarnrc_form, NULL, setup->scope ? setup_quoted(setup, key) : key,
              setup_quoted(setup, setup->registry));
    if (!setup->token || setup->scope)
        return STATUS_OK;
    if (!(edit = setup_edit(setup, setup_path(setup, folder, ".npmrc"), false, err)))
        return err->status;
    key = arena_format(setup->arena, "%s:always-auth", setup_without_scheme(setup->registry));
    lines_put(edit, &npmrc_form, NULL, key, "true");
    return STATUS_OK;
}

/* Yarn's own files name a registry without its final slash. */
static const char *without_slash(struct setup *setup, const char *url)
{
    size_t length = strlen(url);

    return arena_copy_bytes(setup->arena, url, length - (length && url[length - 1] == '/'));
}

static enum status put_berry_token(struct setup *setup, struct error *err)
{
    const char *path[] = {"npmRegistries",
                          without_slash(setup, setup_without_scheme(setup->registry)), NULL};
    const struct config_member members[] = {
        {"npmAlwaysAuth", "true"}, {"npmAuthToken", setup_quoted(setup, setup->token)}, {0}};
    struct config_edit *edit =
        setup_edit(setup, setup_path(setup, setup->home, ".yarnrc.yml"), true, err);

    return edit ? yaml_put(edit, path, members, err) : err->status;
}

static enum status plan_berry(struct setup *setup, struct error *err)
{
    const char *everywhere[] = {NULL};
    const char *scoped[] = {"npmScopes", setup->scope ? setup->scope + 1 : NULL, NULL};
    const char *registry = setup_quoted(setup, without_slash(setup, setup->registry));
    const struct config_member members[] = {{"npmRegistryServer", registry}, {0}};
    struct config_edit *edit;
    enum status rc;

    if (setup->token && (rc = put_berry_token(setup, err)))
        return rc;
    edit = setup_edit(setup, setup_path(setup, project_folder(setup), ".yarnrc.yml"), false, err);
    if (!edit)
        return err->status;
    if ((rc = yaml_put(edit, setup->scope ? scoped : everywhere, members, err)))
        return rc;
    if (!strncmp(setup->registry, "http://", 7))
        rc = yaml_put_item(edit, "unsafeHttpWhitelist", setup_host(setup, setup->registry), err);
    return rc;
}

/* What package.json pins: '1' for Yarn 1, another digit for a later one, '\0' for neither. */
static char pinned_yarn(struct setup *setup)
{
    struct text_file file;
    struct json *json = NULL;
    const char *pinned;
    char major = '\0';

    if (text_file_read("package.json", setup->arena, &file, NULL) ||
        json_parse(file.text, strlen(file.text), 0, &json, NULL))
        return '\0';
    pinned = json_text(json_get(json, "packageManager"));
    if (pinned && !strncmp(pinned, "yarn@", 5))
        major = pinned[5] == '1' && pinned[6] == '.' ? '1' : '2';
    json_free(json);
    return major;
}

/* The project tells which Yarn it is for; where it does not, both are told. */
static enum status plan_yarn(struct setup *setup, struct error *err)
{
    struct text_file lock = {0}, rc_file = {0};
    char major = setup->is_user ? '\0' : pinned_yarn(setup);
    enum status rc = STATUS_OK;

    if (!setup->is_user && !major) {
        if ((rc = text_file_read("yarn.lock", setup->arena, &lock, err)) ||
            (rc = text_file_read(".yarnrc.yml", setup->arena, &rc_file, err)))
            return rc;
        if (strstr(lock.text, "\n__metadata:") || rc_file.mode)
            major = '2';
        else if (strstr(lock.text, "# yarn lockfile v1"))
            major = '1';
    }
    if (major != '1')
        rc = plan_berry(setup, err);
    if (!rc && major != '2')
        rc = plan_yarn1(setup, err);
    return rc;
}

static const char *const npm_variables[] = {"npm_config_registry", "NPM_CONFIG_REGISTRY", NULL};
static const char *const yarn_variables[] = {"YARN_NPM_REGISTRY_SERVER", "YARN_REGISTRY",
                                             "npm_config_registry", NULL};
static const char *const bun_variables[] = {"BUN_CONFIG_REGISTRY", "npm_config_registry",
                                            "NPM_CONFIG_REGISTRY", NULL};

const struct setup_client setup_npm_clients[] = {
    {"npm",  true, plan_npm,  npm_variables },
    {"pnpm", true, plan_npm,  npm_variables },
    {"yarn", true, plan_yarn, yarn_variables},
    {"bun",  true, plan_bun,  bun_variables },
    {0},
};
