/* The `packhouse` commands. Each noun has a file with its rows; table.c names the files. A row says
 * what the command line looks like, so that --help and the checks are the same for all. */
#pragma once
#include "config/error.h"
#include "config/settings.h"
#include <stddef.h>

struct arena;
struct command_call;

struct command_option {
    const char *name;  /* without "--" */
    const char *value; /* what stands for its value in --help; NULL: a switch */
    const char *help;
};

struct command {
    const char *noun, *verb; /* verb NULL: the noun stands alone */
    const char *arguments;   /* "NAME [ROLE]"; in brackets: may be left out; NULL: none; a last
                                "NAME..." may be given many times */
    const char *summary;     /* one line, for the list of commands */
    const char *details;     /* more lines of --help; NULL: none */
    const struct command_option *options;  /* ends with a row without a name; NULL: none */
    enum setting_group settings;           /* what flags it takes beside its own; 0: none */
    int (*run)(struct command_call *call); /* returns an exit code */
};

/* How a command ends. Documented in docs/commands.md; scripts rely on it. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1,     /* what was asked is not possible; verify: there are findings */
    EXIT_USAGE = 2,       /* the command line or a setting is wrong; verify: could not look */
    EXIT_DENIED = 3,      /* no token, a bad one, or one that may not do this */
    EXIT_ABSENT = 4,      /* no such thing, or not for this token's eyes */
    EXIT_TAKEN = 5,       /* it exists already */
    EXIT_UNREACHABLE = 6, /* the server does not answer, or cannot just now */
    EXIT_READ_ONLY = 70,  /* serve: a flush of the disk failed, so the server stopped */
};

enum { COMMAND_ARGUMENTS_MAX = 16, COMMAND_OPTIONS_MAX = 64 };

/* One command line, taken apart. */
struct command_call {
    const struct command *command;
    const struct settings *settings; /* of command->settings */
    struct arena *arena;
    const char *arguments[COMMAND_ARGUMENTS_MAX + 1]; /* ends with NULL */
    size_t argument_count;
    bool json;           /* --json: one document on stdout, nothing on stderr */
    const char *profile; /* --profile; NULL: not given */
    struct {
        const char *name, *value;
    } options[COMMAND_OPTIONS_MAX];
    size_t option_count;
};

/* The value of an option, the last one where it was given twice; "" for a switch; NULL: not given.
 */
const char *command_option(const struct command_call *call, const char *name);
/* The values of an option that may be given many times, or with commas, in order; ends with NULL.
 */
const char **command_option_list(const struct command_call *call, const char *name);
/* Says why on standard error, and returns the exit code of the error's status. */
int command_fail(const struct command_call *call, const struct error *err);
/* The same for a wrong command line: a sentence, then where to find help. */
int command_usage(const struct command_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All rows: a list of nouns, each ending with a row without a noun. Ends with NULL. */
extern const struct command *const command_table[];

/* Runs a command line. environment is as in environ(7). */
int command_run(int argc, const char **argv, const char *const *environment);
