/* The files of a plan, and what is to be said about it. */
#include "server/commands/setup.h"
#include "storage/memory/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config_edit *setup_edit(struct setup *setup, const char *path, bool has_secret,
                               struct error *err)
{
    struct setup_file *file = setup->files;

    while (file < setup->files + setup->count && strcmp(file->path, path))
        file++;
    if (file == setup->files + SETUP_FILES_MAX) {
        fail(err, STATUS_INTERNAL, "", "a plan of more than %d files", SETUP_FILES_MAX);
        return NULL;
    }
    if (file == setup->files + setup->count) {
        if (text_file_read(path, setup->arena, &file->was, err))
            return NULL;
        file->path = path;
        config_edit_init(&file->edit, setup->arena, file->was.text);
        setup->count++;
    }
    file->has_secret = file->has_secret || has_secret;
    return &file->edit;
}

bool setup_must_write(const struct setup_file *file)
{
    return strcmp(file->was.text, file->edit.text) || !file->was.mode ||
           (file->has_secret && file->was.mode & 077);
}

void setup_note(struct setup *setup, const char *format, ...)
{
    va_list args;
    char text[1024];

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (setup->note_count < SETUP_NOTES_MAX)
        setup->notes[setup->note_count++] = arena_copy(setup->arena, text);
}

const char *setup_path(struct setup *setup, const char *folder, const char *name)
{
    return *folder ? arena_format(setup->arena, "%s/%s", folder, name) : name;
}

/* XDG Base Directory Specification: a relative path is as good as none. */
const char *setup_config_folder(struct setup *setup)
{
    const char *given = getenv("XDG_CONFIG_HOME");

    return given && *given == '/' ? given : setup_path(setup, setup->home, ".config");
}

const char *setup_quoted(struct setup *setup, const char *text)
{
    return arena_format(setup->arena, "\"%s\"", text);
}

const char *setup_without_scheme(const char *url)
{
    const char *found = strstr(url, "://");

    return found ? found + 1 : url;
}

const char *setup_host(struct setup *setup, const char *url)
{
    const char *host = setup_without_scheme(url) + 2;
    size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");

    return arena_copy_bytes(setup->arena, host, length);
}

const char *setup_shown_path(const struct setup *setup, const char *path)
{
    size_t length = strlen(setup->home);

    if (length > 1 && !strncmp(path, setup->home, length) && path[length] == '/')
        return arena_format(setup->arena, "~%s", path + length);
    return path;
}
