#include "server/commands/help.h"

#include "server/commands/client.h"

#include <string.h>

/* "org create NAME" */
static int write_form(const struct command *row, FILE *out)
{
    return fprintf(out, "%s%s%s%s%s", row->noun, row->verb ? " " : "", row->verb ? row->verb : "",
                   row->arguments ? " " : "", row->arguments ? row->arguments : "");
}

static void write_row(const struct command *row, FILE *out)
{
    int width;

    fputs("  ", out);
    width = write_form(row, out);
    fprintf(out, "%*s %s\n", width < 40 ? 40 - width : 0, "", row->summary);
}

static void write_group(const char *title, bool of_client, FILE *out)
{
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; command_table[i]; i++)
        for (const struct command *row = command_table[i]; row->noun; row++)
            if ((row->settings == SETTING_CLIENT) == of_client)
                write_row(row, out);
}

void help_all(FILE *out)
{
    fputs("Packhouse: a private server for npm, Python packages and build artifacts.\n\n"
          "usage: packhouse COMMAND [ARGUMENTS] [OPTIONS]\n",
          out);
    write_group("On the server's machine, or without a server", false, out);
    write_group("From anywhere, with a token", true, out);
    fputs("\nEach command explains itself: packhouse COMMAND --help.\n"
          "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 not allowed, 4 not found, 5 exists\n"
          "already, 6 server not reachable.\n",
          out);
}

void help_noun(const struct command *rows, FILE *out)
{
    fprintf(out, "usage: packhouse %s VERB [ARGUMENTS] [OPTIONS]\n\n", rows->noun);
    for (const struct command *row = rows; row->noun; row++)
        write_row(row, out);
    fprintf(out, "\nMore: packhouse %s VERB --help\n", rows->noun);
}

static void write_options(const struct command_option *options, FILE *out)
{
    for (; options && options->name; options++) {
        int width = fprintf(out, "  --%s%s%s", options->name, options->value ? " " : "",
                            options->value ? options->value : "");

        fprintf(out, "%*s %s\n", width < 26 ? 26 - width : 0, "", options->help);
    }
}

static bool has_option(const struct command *command, const char *name)
{
    for (const struct command_option *row = command->options; row && row->name; row++)
        if (!strcmp(row->name, name))
            return true;
    return false;
}

void help_command(const struct command *command, FILE *out)
{
    static const struct command_option common[] = {
        {"json",                                               NULL, "one JSON document on standard output, for scripts"},
        {0},
    };

    fputs("usage: packhouse ", out);
    write_form(command, out);
    fprintf(out, " [OPTIONS]\n\n%s.\n", command->summary);
    if (command->details)
        fprintf(out, "\n%s\n", command->details);
    fputs("\noptions:\n", out);
    write_options(command->options, out);
    write_options(common, out);
    if (command->settings == SETTING_CLIENT) {
        write_options(client_options, out);
        settings_write_flags(SETTING_CLIENT, has_option(command, "repo") ? "repo" : NULL, out);
    }
    if (command->settings == SETTING_SERVER) {
        fputs("\nsettings, each also a line of the file --config FILE or a variable "
              "(PACKHOUSE_LISTEN=…):\n",
              out);
        settings_write_flags(SETTING_SERVER, NULL, out);
    }
}
