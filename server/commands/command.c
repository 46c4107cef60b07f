#include "server/commands/command.h"

#include "server/commands/client.h"
#include "server/commands/help.h"
#include "storage/memory/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct command_option common[] = {
    {"json",                                  NULL, "one JSON document on standard output"},
    {"help", NULL, "this text"},
    {0                                 },
};

const char *command_option(const struct command_call *call, const char *name)
{
    for (size_t i = call->option_count; i > 0; i--)
        if (!strcmp(call->options[i - 1].name, name))
            return call->options[i - 1].value;
    return NULL;
}

const char **command_option_list(const struct command_call *call, const char *name)
{
    size_t count = 1, used = 0;
    const char **list;

    for (size_t i = 0; i < call->option_count; i++) {
        count++;
        for (const char *at = call->options[i].value; (at = strchr(at, ',')); at++)
            count++;
    }
    list = arena_array(call->arena, count, sizeof *list);
    for (size_t i = 0; i < call->option_count; i++) {
        const char *at = call->options[i].value;

        if (strcmp(call->options[i].name, name))
            continue;
        while (*at) {
            size_t length = strcspn(at, ",");

            if (length)
                list[used++] = arena_copy_bytes(call->arena, at, length);
            at += length + (at[length] == ',');
        }
    }
    return list;
}

static enum exit_code exit_code(const struct command *command, enum status status)
{
    bool is_local = command->settings != SETTING_CLIENT;

    switch (status) {
    case STATUS_OK: return EXIT_DONE;
    case STATUS_UNAUTHENTICATED:
    case STATUS_FORBIDDEN: return EXIT_DENIED;
    case STATUS_NOT_FOUND: return EXIT_ABSENT;
    case STATUS_CONFLICT: return EXIT_TAKEN;
    case STATUS_BUSY:
    case STATUS_TIMEOUT:
    case STATUS_READ_ONLY:
    case STATUS_FULL:
    case STATUS_INTERNAL: return is_local ? EXIT_REFUSED : EXIT_UNREACHABLE;
    default: return EXIT_REFUSED;
    }
}

int command_fail(const struct command_call *call, const struct error *err)
{
    fprintf(stderr, "packhouse: %s\n", err->message[0] ? err->message : status_word(err->status));
    return exit_code(call->command, err->status);
}

int command_usage(const struct command_call *call, const char *format, ...)
{
    const struct command *command = call->command;
    va_list args;

    fputs("packhouse: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (command)
        fprintf(stderr, "\nTry: packhouse %s%s%s --help\n", command->noun, command->verb ? " " : "",
                command->verb ? command->verb : "");
    else
        fputs("\nTry: packhouse --help\n", stderr);
    return EXIT_USAGE;
}

static const struct command_option *find_option(const struct command_option *options,
                                                const char *name, size_t length)
{
    for (; options && options->name; options++)
        if (strlen(options->name) == length && !memcmp(options->name, name, length))
            return options;
    return NULL;
}

/* Takes one option at argv[*at], if it is one of the command's own. */
static enum status take_option(struct command_call *call, int argc, const char **argv, int *at,
                               bool *taken, struct error *err)
{
    const char *name = argv[*at] + 2, *value = strchr(name, '=');
    size_t length = value ? (size_t)(value - name) : strlen(name);
    const struct command_option *option = find_option(call->command->options, name, length);

    if (!option)
        option = find_option(common, name, length);
    if (!option && call->command->settings & SETTING_CLIENT)
        option = find_option(client_options, name, length);
    *taken = option != NULL;
    if (!option)
        return STATUS_OK;
    if (!option->value && value)
        return fail(err, STATUS_INVALID, "", "--%s takes no value", option->name);
    if (option->value && !value) {
        if (*at + 1 == argc)
            return fail(err, STATUS_INVALID, "", "--%s takes a value: %s", option->name,
                        option->value);
        value = argv[++*at];
    } else if (value) {
        value++;
    }
    if (call->option_count == COMMAND_OPTIONS_MAX)
        return fail(err, STATUS_INVALID, "", "more than %d options", COMMAND_OPTIONS_MAX);
    call->options[call->option_count].name = option->name;
    call->options[call->option_count++].value = value ? value : "";
    return STATUS_OK;
}

/* Takes the command's own options out of argv. */
static enum status take_options(struct command_call *call, int *argc, const char **argv,
                                struct error *err)
{
    int kept = 1;
    bool taken;
    enum status rc;

    for (int i = 1; i < *argc; i++) {
        taken = false;
        if (!strcmp(argv[i], "--")) {
            while (i < *argc)
                argv[kept++] = argv[i++];
            break;
        }
        if (!strncmp(argv[i], "--", 2) && (rc = take_option(call, *argc, argv, &i, &taken, err)))
            return rc;
        if (!taken)
            argv[kept++] = argv[i];
    }
    *argc = kept;
    argv[kept] = NULL;
    call->json = command_option(call, "json") != NULL;
    call->profile = command_option(call, "profile");
    return STATUS_OK;
}

/* What is left are the arguments: as many as the row names. */
static enum status take_arguments(struct command_call *call, int argc, const char **argv,
                                  struct error *err)
{
    const char *form = call->command->arguments ? call->command->arguments : "";
    size_t least = 0, most = 0;
    bool may_be_flag = true;

    for (const char *at = form; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        size_t bracket = *at == '[';
        bool has_more = length > 4 && !strncmp(at + length - 3 - bracket, "...", 3);

        least += !bracket;
        most = has_more ? COMMAND_ARGUMENTS_MAX : most + 1;
    }
    for (int i = 1; i < argc; i++) {
        if (may_be_flag && !strcmp(argv[i], "--")) {
            may_be_flag = false;
            continue;
        }
        if (may_be_flag && argv[i][0] == '-' && argv[i][1])
            return fail(err, STATUS_INVALID, "", "unknown option %s", argv[i]);
        if (call->argument_count == most)
            return fail(err, STATUS_INVALID, "",
                        most ? "'%s' is one argument too many; expected: %s"
                             : "takes no argument, but '%s' was given",
                        argv[i], form);
        call->arguments[call->argument_count++] = argv[i];
    }
    if (call->argument_count < least)
        return fail(err, STATUS_INVALID, "", "an argument is missing; expected: %s", form);
    return STATUS_OK;
}

static enum status load_settings(struct command_call *call, struct settings *settings, int *argc,
                                 const char **argv, const char *const *environment,
                                 struct error *err)
{
    if (call->command->settings == SETTING_SERVER)
        return settings_load(settings, argc, argv, environment, err);
    if (call->command->settings == SETTING_CLIENT)
        return client_load_settings(call, settings, argc, argv, environment, err);
    return STATUS_OK;
}

/* argv[0] stands for the command's name. */
static int run(const struct command *command, int argc, const char **argv,
               const char *const *environment)
{
    struct settings settings;
    struct command_call call = {.command = command, .settings = &settings};
    struct error err = {0};
    int code;

    if (command->settings != SETTING_CLIENT)
        umask(0027); /* what is stored is for this user, and at most for his group */
    settings_init(&settings);
    call.arena = arena_new();
    if (take_options(&call, &argc, argv, &err)) {
        code = command_usage(&call, "%s", err.message);
        goto done;
    }
    if (command_option(&call, "help")) {
        help_command(command, stdout);
        code = EXIT_DONE;
        goto done;
    }
    if (load_settings(&call, &settings, &argc, argv, environment, &err) ||
        take_arguments(&call, argc, argv, &err))
        code = command_usage(&call, "%s", err.message);
    else
        code = command->run(&call);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "packhouse: cannot write to standard output\n");
        code = code ? code : EXIT_REFUSED;
    }
done:
    settings_clear(&settings);
    arena_free(call.arena);
    return code;
}

static const struct command *find_noun(const char *noun)
{
    for (size_t i = 0; command_table[i]; i++)
        if (!strcmp(command_table[i]->noun, noun))
            return command_table[i];
    return NULL;
}

static bool asks_for_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

static int run_verb(const struct command *rows, int argc, const char **argv,
                    const char *const *environment)
{
    struct command_call none = {0};
    const char *verb = argc > 2 ? argv[2] : "";

    if (asks_for_help(verb)) {
        help_noun(rows, stdout);
        return EXIT_DONE;
    }
    for (const struct command *row = rows; row->noun; row++)
        if (!strcmp(row->verb, verb))
            return run(row, argc - 2, argv + 2, environment);
    if (!*verb) {
        help_noun(rows, stderr);
        return EXIT_USAGE;
    }
    return command_usage(&none, "%s has no command '%s'", rows->noun, verb);
}

int command_run(int argc, const char **argv, const char *const *environment)
{
    struct command_call none = {0};
    const struct command *rows;

    if (argc < 2) {
        help_all(stderr);
        return EXIT_USAGE;
    }
    if (asks_for_help(argv[1])) {
        help_all(stdout);
        return EXIT_DONE;
    }
    if (!(rows = find_noun(!strcmp(argv[1], "--version") ? "version" : argv[1])))
        return command_usage(&none, "there is no command '%s'", argv[1]);
    if (rows->verb)
        return run_verb(rows, argc, argv, environment);
    return run(rows, argc - 1, argv + 1, environment);
}
