#include "server/commands/profile.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    char *place;
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

/* Makes each folder of the path's parent that is missing, for nobody else to look into. */
static enum status make_folders(char *path, struct error *err)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0700) && access(path, X_OK))
            return fail_errno(err, "cannot make %s", path);
    }
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

static enum status write_text(const char *path, const struct strbuf *text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum status rc = STATUS_OK;

    if (fd < 0)
        return fail_errno(err, "cannot write %s", path);
    if (fchmod(fd, 0600) || write(fd, text->data, text->length) != (ssize_t)text->length ||
        fsync(fd))
        rc = fail_errno(err, "cannot write %s", path);
    close(fd);
    return rc;
}

enum status profile_write(const char *name, const struct settings *settings, struct arena *arena,
                          struct error *err)
{
    struct strbuf text;
    char *path, *unfinished;
    enum status rc;

    if ((rc = profile_path(name, arena, &path, err)) || (rc = make_folders(path, err)))
        return rc;
    strbuf_init(&text, arena, 64 << 10);
    add_line(&text, "url", settings->url);
    add_line(&text, "token", settings->token);
    add_line(&text, "repo", settings->repo);
    unfinished = arena_format(arena, "%s.%ld", path, (long)getpid());
    if ((rc = write_text(unfinished, &text, err)))
        goto done;
    if (rename(unfinished, path))
        rc = fail_errno(err, "cannot write %s", path);
done:
    if (rc)
        unlink(unfinished);
    return rc;
}
