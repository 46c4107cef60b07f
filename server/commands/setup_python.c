/* How pip, uv and Poetry are told which index to ask. All three take the token from the netrc file,
 * by host: it then is in none of their own files, and goes to no other host. */
#include "server/commands/setup.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status put_token(struct setup *setup, struct error *err)
{
    const char *path = getenv("NETRC");
    struct config_edit *edit;

    if (!setup->token)
        return STATUS_OK;
    if (!path || !*path)
        path = setup_path(setup, setup->home, ".netrc");
    if (!(edit = setup_edit(setup, path, true, err)))
        return err->status;
    return netrc_put(edit, setup_host(setup, setup->index), "__token__", setup->token, err);
}

/* pip has no file of the project's; what comes nearest is the one of the virtual environment. */
static enum status plan_pip(struct setup *setup, struct error *err)
{
    const char *environment = setup->is_user ? NULL : getenv("VIRTUAL_ENV");
    const char *own = setup_path(setup, setup_config_folder(setup), "pip/pip.conf");
    const char *path =
        environment && *environment ? setup_path(setup, environment, "pip.conf") : own;
    enum status rc = put_token(setup, err);
    struct config_edit *edit;

    if (rc)
        return rc;
    if (!(edit = setup_edit(setup, path, false, err)))
        return err->status;
    lines_put(edit, &pip_conf_form, "global", "index-url", setup->index);
    return STATUS_OK;
}

/* The name of the block that has our address already; ours where none has. */
static const char *find_name(struct setup *setup, const char *text, const char *table)
{
    char *url, *name;

    for (size_t i = 0; !toml_block_value(text, table, i, "url", setup->arena, &url); i++)
        if (url && !strcmp(url, setup_quoted(setup, setup->index)) &&
            !toml_block_value(text, table, i, "name", setup->arena, &name) && name)
            return name;
    return "\"packhouse\"";
}

/* uv takes the first index that is the default. */
static enum status refuse_other_default(struct setup *setup, const char *path, const char *text,
                                        const char *table, const char *name, struct error *err)
{
    char *value, *other;

    for (size_t i = 0; !toml_block_value(text, table, i, "default", setup->arena, &value); i++) {
        if (!value || strcmp(value, "true") ||
            toml_block_value(text, table, i, "name", setup->arena, &other))
            continue;
        if (!other || strcmp(other, name))
            return fail(err, STATUS_INVALID, "",
                        "%s makes another index the default%s%s; take that block away first", path,
                        other ? ": " : "", other ? other : "");
    }
    return STATUS_OK;
}

/* Who asks two may get either's answer. */
static void note_others(struct setup *setup, const char *path, const char *text, const char *table)
{
    char *url, *name;

    for (size_t i = 0; !toml_block_value(text, table, i, "url", setup->arena, &url); i++)
        if (url && strcmp(url, setup_quoted(setup, setup->index)) &&
            !toml_block_value(text, table, i, "name", setup->arena, &name))
            setup_note(setup, "%s names another source, too: %.200s", path, name ? name : "one without a name");
}

/* The file that uv reads in this place, and its table for all of uv. uv.toml wins where both are. */
static enum status find_uv_file(struct setup *setup, const char **path, const char **prefix, struct error *err)
{
    struct text_file uv, project;
    enum status rc;

    *path = setup->is_user ? setup_path(setup, setup_config_folder(setup), "uv/uv.toml") : "uv.toml";
    *prefix = "";
    if ((rc = text_file_read("uv.toml", setup->arena, &uv, err)) ||
        (rc = text_file_read("pyproject.toml", setup->arena, &project, err)))
        return rc;
    if (!setup->is_user && !uv.mode && project.mode) {
        *path = "pyproject.toml";
        *prefix = "tool.uv.";
    }
    return STATUS_OK;
}

static enum status plan_uv(struct setup *setup, struct error *err)
{
    const char *path, *prefix, *table, *name;
    struct config_edit *edit;
    enum status rc;

    if ((rc = find_uv_file(setup, &path, &prefix, err)) || (rc = put_token(setup, err)))
        return rc;
    table = arena_format(setup->arena, "%sindex", prefix);
    if (!(edit = setup_edit(setup, path, false, err)))
        return err->status;
    name = find_name(setup, edit->text, table);
    if ((rc = refuse_other_default(setup, path, edit->text, table, name, err)))
        return rc;
    const struct config_member members[] = {
        {"name", name}, {"url", setup_quoted(setup, setup->index)}, {"default", "true"}, {0}};

    if (!(rc = toml_put_block(edit, table, members, err)))
        note_others(setup, path, edit->text, table);
    return rc;
}

static enum status plan_poetry(struct setup *setup, struct error *err)
{
    static const char table[] = "tool.poetry.source";
    struct text_file project;
    struct config_edit *edit;
    enum status rc;

    if (setup->is_user)
        return fail(err, STATUS_INVALID, "", "Poetry knows sources of projects only: leave --user out");
    if ((rc = text_file_read("pyproject.toml", setup->arena, &project, err)))
        return rc;
    if (!project.mode)
        return fail(err, STATUS_INVALID, "",
                    "there is no pyproject.toml here; stand in the project's folder");
    if ((rc = put_token(setup, err)))
        return rc;
    if (!(edit = setup_edit(setup, "pyproject.toml", false, err)))
        return err->status;
    setup->source = find_name(setup, edit->text, table);
    const struct config_member members[] = {{"name", setup->source},
                                            {"url", setup_quoted(setup, setup->index)},
                                            {"priority", "\"primary\""},
                                            {0}};

    if (!(rc = toml_put_block(edit, table, members, err)))
        note_others(setup, "pyproject.toml", edit->text, table);
    return rc;
}

/* pip takes no exemption: all that can be done is to say so. */
static enum status exempt_pip(struct setup *setup, struct error *err)
{
    const char *given = getenv("PIP_UPLOADED_PRIOR_TO");
    bool waits = given && *given;

    (void)err;
    for (size_t i = 0; i < setup->count; i++)
        waits = waits || strstr(setup->files[i].edit.text, "uploaded-prior-to");
    if (waits)
        setup_note(setup, "pip can exempt no name from uploaded-prior-to, so your own packages wait as others do; "
                          "--uploaded-prior-to P0D lets one install through");
    return STATUS_OK;
}

/* A lockfile tells what was exempt, and uv before 0.13 refuses one that tells something else: where nobody
 * waits, that would be harm for nothing. */
static bool uv_should_exempt(struct setup *setup)
{
    const char *const files[] = {"uv.lock", "uv.toml", "pyproject.toml",
                                 setup_path(setup, setup_config_folder(setup), "uv/uv.toml"), NULL};
    const char *given = getenv("UV_EXCLUDE_NEWER");

    return access("uv.lock", F_OK) || (given && *given) || setup_file_with(setup, files, "exclude-newer");
}

/* The tables of all its files are taken together. */
static enum status exempt_uv(struct setup *setup, struct error *err)
{
    const char *path, *prefix;
    struct config_edit *edit;
    enum status rc;

    if (!uv_should_exempt(setup))
        return STATUS_OK;
    if ((rc = find_uv_file(setup, &path, &prefix, err)))
        return rc;
    if (!(edit = setup_edit(setup, path, false, err)))
        return err->status;
    return toml_put_keys(edit, arena_format(setup->arena, "%sexclude-newer-package", prefix), setup->own.names,
                         "false", err);
}

static enum status exempt_poetry(struct setup *setup, struct error *err)
{
    static const char key[] = "min-release-age-exclude";
    const char *const files[] = {
        "poetry.toml", setup_path(setup, setup_config_folder(setup), "pypoetry/config.toml"), NULL};
    const char *path = setup_file_with(setup, files, key); /* a list in a nearer file would hide it */
    struct config_edit *edit = setup_edit(setup, path ? path : files[0], false, err);

    return edit ? toml_put_items(edit, "solver", key, setup->own.names, err) : err->status;
}

static const char *const pip_variables[] = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", NULL};
static const char *const uv_variables[] = {"UV_DEFAULT_INDEX", "UV_INDEX_URL",       "UV_INDEX",
                                           "UV_EXTRA_INDEX_URL", "UV_NO_CONFIG", NULL};
static const char *const no_variables[] = {NULL};

const struct setup_client setup_python_clients[] = {
    {"pip",    false, plan_pip,    pip_variables, NULL,     false, exempt_pip   },
    {"uv",     false, plan_uv,     uv_variables,  "0.9.17", false, exempt_uv    },
    {"poetry", false, plan_poetry, no_variables,  "2.4",    false, exempt_poetry},
    {0},
};
