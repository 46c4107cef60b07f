/* `packhouse config`: what is settled, what could be. */
#include "server/commands/nouns.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The settings have been read and checked before any command runs. */
static int check(struct command_call *call)
{
    const char *variable;
    size_t at = 0, count = 0;

    while ((variable = settings_unknown_variable((const char *const *)environ, &at))) {
        if (!call->json)
            printf("unknown variable: %.*s\n", (int)strcspn(variable, "="), variable);
        count++;
    }
    if (call->json)
        printf("{\"ok\":%s,\"unknown_variables\":%zu}\n", count ? "false" : "true", count);
    else if (!count)
        puts("The settings are right.");
    return count ? EXIT_REFUSED : EXIT_DONE;
}

static int show(struct command_call *call)
{
    settings_write_values(call->settings, call->json, stdout);
    return EXIT_DONE;
}

static int example(struct command_call *call)
{
    if (command_option(call, "page"))
        settings_write_page(stdout);
    else
        settings_write_example(stdout);
    return EXIT_DONE;
}

static const struct command_option example_options[] = {
    {"page",                              NULL, "as the table of docs/settings.md"},
    {0},
};

const struct command config_commands[] = {
    {"config",                                                                             "check", NULL, "Reads the settings and says what is wrong with them",
     "Give it the same --config, flags and environment as `packhouse serve`. Variables that are\n"
     "called PACKHOUSE_… but mean nothing are reported too. Exit code 0: all is right.", NULL, SETTING_SERVER, check},
    {"config",                                                                                "show", NULL, "Shows every setting and where its value came from", NULL, NULL,
     SETTING_SERVER, show},
    {"config", "example", NULL, "Prints a settings file with every default, to start from", NULL,
     example_options, SETTING_SERVER, example},
    {0                                                                     },
};
