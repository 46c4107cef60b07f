/* `packhouse login`: remembers a server and a token. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/profile.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { TOKEN_MAX = 512 };

/* Reads one line unseen. What interrupts ends the line as well, so that the terminal shows again what is typed
 * before the signal comes. */
static bool read_unseen(const struct termios *before, char line[TOKEN_MAX])
{
    struct termios unseen = *before;
    char interrupt = (char)before->c_cc[VINTR];
    ssize_t got;

    unseen.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    unseen.c_cc[VEOL] = before->c_cc[VINTR];
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
    fputs("Token (not shown): ", stderr);
    got = read(STDIN_FILENO, line, TOKEN_MAX - 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
    fputc('\n', stderr);
    line[got > 0 ? got : 0] = '\0';
    if (interrupt && strchr(line, interrupt)) {
        raise(SIGINT);
        return false; /* where whoever started this ignores it */
    }
    return got > 0;
}

static enum status ask_for_token(char line[TOKEN_MAX], struct error *err)
{
    struct termios before;
    bool got = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &before) ? read_unseen(&before, line)
                                                                         : fgets(line, TOKEN_MAX, stdin) != NULL;

    if (got)
        line[strcspn(line, "\r\n")] = '\0';
    if (!got || !*line)
        return fail(err, STATUS_INVALID, "",
                    "no token was given. Say packhouse login --url URL --token TOKEN, or send it in one line: "
                    "packhouse login --url URL <FILE; packhouse token create makes one");
    return STATUS_OK;
}

/* Which profile to make, and where it will be. */
static enum status name_profile(const struct command_call *call, const char **name, char **path,
                                struct error *err)
{
    const char *variable = getenv("PACKHOUSE_PROFILE");

    *name = call->profile ? call->profile : variable && *variable ? variable : "default";
    if (!strcmp(*name, "none"))
        return fail(err, STATUS_INVALID, "", "a profile cannot be called none");
    return profile_path(*name, call->arena, path, err);
}

/* Tries the token before it is kept. */
static int save(const struct command_call *call, const char *name, const char *path)
{
    struct client_answer me = {0};
    struct error err = {0};
    const char *account;
    int code;

    if (client_ask(call, "GET", "/api/v1/whoami", NULL, &me, &err) ||
        profile_write(name, call->settings, call->arena, &err)) {
        code = command_fail(call, &err);
    } else {
        account = json_text(json_get(me.json, "name"));
        code = output_done(call, me.json, "You are %s at %s. Kept in %s.",
                           account ? account : "known", call->settings->url, path);
    }
    client_answer_clear(&me);
    return code;
}

static int login(struct command_call *call)
{
    const struct settings *given = call->settings;
    struct settings settings = *given; /* its texts stay the call's */
    struct error err = {0};
    char line[TOKEN_MAX], *path;
    const char *name;
    int code;

    if (name_profile(call, &name, &path, &err))
        return command_usage(call, "%s", err.message);
    if (!*settings.token) {
        if (ask_for_token(line, &err))
            return command_usage(call, "%s", err.message);
        settings.token = line;
    }
    call->settings = &settings;
    code = save(call, name, path);
    call->settings = given;
    return code;
}

const struct command login_commands[] = {
    {"login", NULL, NULL, "Remembers a server and a token, so that no other command needs them",
     "The token is asked for, or read from standard input, where --token is not given; it is "
     "tried\n"
     "first. It is kept in $XDG_CONFIG_HOME/packhouse/NAME.yaml, which only you can read.\n\n"
     "packhouse login --url https://packages.example.com", NULL, SETTING_CLIENT, login},
    {0  },
};
