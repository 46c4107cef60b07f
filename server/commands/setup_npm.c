/* How npm, pnpm, Yarn and bun are told which registry to ask, and with which token. */
#include "server/commands/setup.h"
#include "storage/memory/arena.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    if (!strncmp(setup->registry, "http://", 7)) {
        const char *const hosts[] = {setup_host(setup, setup->registry), NULL};

        rc = yaml_put_items(edit, "unsafeHttpWhitelist", hosts, err);
    }
    return rc;
}

/* The project tells which Yarn it is for; where it does not, both are told. */
static enum status plan_yarn(struct setup *setup, struct error *err)
{
    struct text_file lock = {0}, rc_file = {0};
    const char *pinned = setup->is_user ? NULL : setup_pinned_release(setup, "yarn");
    char major = !pinned ? '\0' : !strncmp(pinned, "1.", 2) ? '1' : '2';
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
    setup->never_waits = major == '1';
    if (major != '1')
        rc = plan_berry(setup, err);
    if (!rc && major != '2')
        rc = plan_yarn1(setup, err);
    return rc;
}

/* npm 11.10 to 11.16 have a cooldown, and nothing that would be exempt from it. */
static enum status exempt_npm(struct setup *setup, struct error *err)
{
    static const char key[] = "min-release-age-exclude";
    const char *own = user_npmrc(setup);
    const char *const files[] = {setup->is_user ? own : ".npmrc", own, NULL};
    const char *path = setup_file_with(setup, files, key); /* a list in a nearer file would hide it */
    struct config_edit *edit = setup_edit(setup, path ? path : files[0], false, err);

    if (!edit)
        return err->status;
    lines_put_items(edit, &npmrc_form, key, setup->own.names);
    return STATUS_OK;
}

/* A second pnpm-workspace.yaml, below the first, would cut the project out of its workspace. */
static enum status refuse_inner_workspace(struct setup *setup, struct error *err)
{
    char folder[PATH_MAX];

    if (!realpath(".", folder))
        return fail_errno(err, "cannot tell which folder this is");
    for (char *slash; (slash = strrchr(folder, '/')) && slash > folder;) {
        *slash = '\0';
        if (!access(setup_path(setup, folder, "pnpm-workspace.yaml"), F_OK))
            return fail(err, STATUS_INVALID, "",
                        "%.200s has the workspace's settings: run this there for names of your own", folder);
    }
    return STATUS_OK;
}

/* pnpm 10 reads both of its names for the setting, each in other files; pnpm 11 has the one in YAML left. */
static enum status exempt_pnpm(struct setup *setup, struct error *err)
{
    static const char key[] = "minimumReleaseAgeExclude", lines_key[] = "minimum-release-age-exclude";
    const char *rc_file = setup_path(setup, setup_config_folder(setup), "pnpm/rc");
    const char *const nearest[] = {"pnpm-workspace.yaml", NULL};
    const char *const files[] = {setup->is_user ? rc_file : ".npmrc", rc_file, user_npmrc(setup), NULL};
    const char *path = NULL;
    struct config_edit *edit;
    enum status rc;

    if (setup->is_user && setup_reaches(setup, "11"))
        return fail(err, STATUS_INVALID, "", "this pnpm reads names to exempt from projects: set up those, too");
    if (setup->is_user || (!setup_file_with(setup, nearest, key) && !setup_reaches(setup, "11")))
        path = setup_file_with(setup, files, lines_key);
    if (!path && setup->is_user)
        path = rc_file;
    if (!path && access(nearest[0], F_OK) && (rc = refuse_inner_workspace(setup, err)))
        return rc;
    if (!(edit = setup_edit(setup, path ? path : nearest[0], false, err)))
        return err->status;
    if (!path)
        return yaml_put_items(edit, key, setup->own.names, err);
    lines_put_items(edit, &npmrc_form, lines_key, setup->own.names);
    return STATUS_OK;
}

/* Lists of all its files are taken together. */
static enum status exempt_yarn(struct setup *setup, struct error *err)
{
    struct config_edit *edit =
        setup_edit(setup, setup_path(setup, project_folder(setup), ".yarnrc.yml"), false, err);

    return edit ? yaml_put_items(edit, "npmPreapprovedPackages", setup->own.names, err) : err->status;
}

static enum status exempt_bun(struct setup *setup, struct error *err)
{
    static const char key[] = "minimumReleaseAgeExcludes";
    const char *own = setup_path(setup, setup->home, ".bunfig.toml");
    const char *const files[] = {setup->is_user ? own : "bunfig.toml", own, NULL};
    const char *path = setup_file_with(setup, files, key);
    struct config_edit *edit = setup_edit(setup, path ? path : files[0], false, err);

    return edit ? toml_put_items(edit, "install", key, setup->own.names, err) : err->status;
}

static const char *const npm_variables[] = {"npm_config_registry", "NPM_CONFIG_REGISTRY", NULL};
static const char *const yarn_variables[] = {"YARN_NPM_REGISTRY_SERVER", "YARN_REGISTRY",
                                             "npm_config_registry", NULL};
static const char *const bun_variables[] = {"BUN_CONFIG_REGISTRY", "npm_config_registry",
                                            "NPM_CONFIG_REGISTRY", NULL};

const struct setup_client setup_npm_clients[] = {
    {"npm",  true, plan_npm,  npm_variables,  "11.17", true,  exempt_npm },
    {"pnpm", true, plan_npm,  npm_variables,  "10.17", true,  exempt_pnpm},
    {"yarn", true, plan_yarn, yarn_variables, "4.10",  true,  exempt_yarn},
    {"bun",  true, plan_bun,  bun_variables,  "1.3",   false, exempt_bun },
    {0},
};
