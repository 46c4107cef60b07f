#include "server/commands/profile.h"

#include "server/commands/text_file.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <stdlib.h>
#include <string.h>

static bool name_is_valid(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);

    return length && length <= 64 && name[0] != '.' && strspn(name, letters) == length;
}

/* XDG Base Directory Specification: a relative path is as good as none. */
static enum status folder(struct arena *arena, char **out, struct error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config && config[0] == '/')
        *out = arena_format(arena, "%s/packhouse", config);
    else if (home && home[0] == '/')
        *out = arena_format(arena, "%s/.config/packhouse", home);
    else
        return fail(err, STATUS_INVALID, "",
                    "neither XDG_CONFIG_HOME nor HOME says where profiles "
                    "are");
    return STATUS_OK;
}

enum status profile_path(const char *name, struct arena *arena, char **out, struct error *err)
{
    char *place = NULL;
    enum status rc;

    if (!name_is_valid(name))
        return fail(err, STATUS_INVALID, "",
                    "'%.64s' is no name for a profile: letters, digits, "
                    "'.', '_' and '-' make one",
                    name);
    if ((rc = folder(arena, &place, err)))
        return rc;
    *out = arena_format(arena, "%s/%s.yaml", place, name);
    return STATUS_OK;
}

enum status profile_read(const char *name, struct arena *arena, struct settings *settings,
                         struct error *err)
{
    char *path;
    enum status rc;

    if ((rc = profile_path(name, arena, &path, err)))
        return rc;
    if ((rc = settings_read_file(settings, SETTING_CLIENT, ORIGIN_PROFILE, path, err)))
        return rc;
    if (!*settings->url || !*settings->token)
        return fail(err, STATUS_INVALID, "",
                    "%s names no url and token; make it again with "
                    "packhouse login",
                    path);
    return STATUS_OK;
}

/* A YAML scalar in double quotes takes JSON's escapes, YAML 1.2 5.7. */
static void add_line(struct strbuf *text, const char *name, const char *value)
{
    if (!*value)
        return;
    strbuf_format(text, "%s: ", name);
    strbuf_json(text, value);
    strbuf_char(text, '\n');
}

enum status profile_write(const char *name, const struct settings *settings, struct arena *arena,
                          struct error *err)
{
    struct strbuf text;
    char *path;
    enum status rc;

    if ((rc = profile_path(name, arena, &path, err)))
        return rc;
    strbuf_init(&text, arena, 64 << 10);
    add_line(&text, "url", settings->url);
    add_line(&text, "token", settings->token);
    add_line(&text, "repo", settings->repo);
    return text_file_write(path, text.data, text.length, 0600, arena, err);
}
