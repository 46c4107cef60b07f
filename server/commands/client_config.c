#include "server/commands/client_config.h"

#include "storage/memory/arena.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 8192 };

static const char ASK_NPM[] = "npm config get registry 2>/dev/null";
/* What pip would ask: the environment, its files, else what it was made with, which no command of it
 * tells. */
static const char ASK_PIP[] =
    "for pip in pip3 pip 'python3 -m pip'; do\n"
    "  from=$($pip --version 2>/dev/null | sed -n 's/^pip [^ ]* from \\(.*\\)\\/pip (.*/\\1/p')\n"
    "  [ -z \"$from\" ] || break\n"
    "done\n"
    "[ -n \"$from\" ] || exit 1\n"
    "if [ -n \"$PIP_INDEX_URL\" ]; then printf '%s\\n' \"$PIP_INDEX_URL\"; exit; fi\n"
    "$pip config get global.index-url 2>/dev/null || PYTHONPATH=$from python3 -c '"
    "from pip._internal.models.index import PyPI; print(PyPI.simple_url)' 2>/dev/null";

char *client_config_first_line(const char *command, struct arena *arena)
{
    char *line = arena_alloc(arena, LINE_MAX_BYTES);
    FILE *pipe = popen(command, "re");

    if (!pipe)
        return line;
    if (!fgets(line, LINE_MAX_BYTES, pipe))
        line[0] = '\0';
    if (pclose(pipe))
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* "https://user:password@host/" without the user: what is not ours to know is not passed on. */
static const char *without_user(const char *url, struct arena *arena)
{
    const char *host = strstr(url, "://") + 3;
    size_t length = strcspn(host, "/");
    const char *at = host + length;

    while (at > host && at[-1] != '@')
        at--;
    return at == host ? url : arena_format(arena, "%.*s%s", (int)(host - url), url, at);
}

enum status client_config_registry(const char *format, struct arena *arena, const char **out,
                                   struct error *err)
{
    bool is_npm = !strcmp(format, "npm");
    char *url = client_config_first_line(is_npm ? ASK_NPM : ASK_PIP, arena);

    if (strncmp(url, "https://", 8) && strncmp(url, "http://", 7))
        return fail(err, STATUS_NOT_FOUND, "",
                    "no %s on this machine tells its registry. Add it later: packhouse upstream add %s --url URL",
                    is_npm ? "npm" : "pip", format);
    *out = without_user(url, arena);
    return STATUS_OK;
}
