/* How pip, uv and Poetry are told which index to ask. All three take the token from the netrc file,
 * by host: it then is in none of their own files, and goes to no other host. */
#include "server/commands/setup.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>

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

static enum status plan_uv(struct setup *setup, struct error *err)
{
    const char *path = "uv.toml", *table = "index", *name;
    struct text_file uv, project;
    struct config_edit *edit;
    enum status rc;

    if ((rc = text_file_read("uv.toml", setup->arena, &uv, err)) ||
        (rc = text_file_read("pyproject.toml", setup->arena, &project, err)) ||
        (rc = put_token(setup, err)))
        return rc;
    if (setup->is_user) {
        path = setup_path(setup, setup_config_folder(setup), "uv/uv.toml");
    } else if (!uv.mode && project.mode) { /* uv.toml wins where both are */
        path = "pyproject.toml";
        table = "tool.uv.index";
    }
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

static const char *const pip_variables[] = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", NULL};
static const char *const uv_variables[] = {"UV_DEFAULT_INDEX", "UV_INDEX_URL",       "UV_INDEX",
                                           "UV_EXTRA_INDEX_URL", "UV_NO_CONFIG", NULL};
static const char *const no_variables[] = {NULL};

const struct setup_client setup_python_clients[] = {
    {"pip",    false, plan_pip,    pip_variables},
    {"uv",     false, plan_uv,     uv_variables },
    {"poetry", false, plan_poetry, no_variables },
    {0},
};
