/* What `packhouse setup` is about to write for one client: the address into the project, the token into
 * a file of the person's own. */
#pragma once
#include "server/commands/config_edit.h"
#include "server/commands/text_file.h"
#include <stdbool.h>

struct command_call;

enum { SETUP_FILES_MAX = 6, SETUP_NOTES_MAX = 16 };

/* Names that are the org's own, for a client that waits before it takes a new version. */
struct setup_own_names {
    const char *const *names; /* patterns first; ends with NULL */
    size_t count;
    bool has_more; /* than the server lists */
};

struct setup_file {
    const char *path;
    bool has_secret; /* so it is the person's own, and nobody else may read it */
    struct text_file was;
    struct config_edit edit;
};

struct setup {
    const struct command_call *call;
    struct arena *arena;
    const char *registry; /* npm's address, with a final slash */
    const char *index;    /* pip's, with /simple/ */
    const char *token;    /* NULL: the repository is read without one */
    const char *scope;    /* "@acme"; NULL: for all packages */
    bool is_user;         /* --user: the address goes into the person's own files, too */
    const char *home;
    const char *source;   /* Poetry's name for the index; NULL: it is not Poetry */
    struct setup_own_names own;
    const char *release;  /* of the client, "11.19.1"; NULL: it is not known */
    bool never_waits;     /* the project is for a release that has no cooldown */
    struct setup_file files[SETUP_FILES_MAX];
    size_t count;
    const char *notes[SETUP_NOTES_MAX]; /* sentences that the person should read */
    size_t note_count;
};

struct setup_client {
    const char *name;
    bool speaks_npm;
    enum status (*plan)(struct setup *setup, struct error *err);
    const char *const *variables; /* of the environment, that win over its files; ends with NULL */
    const char *exempts_since;    /* the release that can exempt names from its cooldown: one before it would
                                     stumble over the setting. NULL: none can */
    bool takes_patterns;          /* and names with '*', too */
    /* Puts the own names in. Where its file is in a form that is not edited, a sentence is all that comes. */
    enum status (*exempt)(struct setup *setup, struct error *err);
};
extern const struct setup_client setup_npm_clients[], setup_python_clients[]; /* end without a name */

/* The file that the plan is about to change, read once. NULL, with err filled, where it cannot be. */
struct config_edit *setup_edit(struct setup *setup, const char *path, bool has_secret,
                               struct error *err);
/* Whether the plan changes the file, or whom it is open to. */
bool setup_must_write(const struct setup_file *file);
void setup_note(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Asks for the own names, and for the client's release where there are any. */
enum status setup_find_own_names(struct setup *setup, const struct setup_client *client, struct error *err);
/* Has the client take the own names as soon as they are published. */
enum status setup_exempt(struct setup *setup, const struct setup_client *client, struct error *err);
/* What package.json pins the client to: "4.18.1"; NULL: nothing. */
const char *setup_pinned_release(struct setup *setup, const char *client);
/* Whether the client is of this release, or a later one. */
bool setup_reaches(const struct setup *setup, const char *release);
/* The first of these files that has a word in it; NULL: none has. Ends with NULL. */
const char *setup_file_with(struct setup *setup, const char *const *paths, const char *word);
/* Joins a folder and a name; "" as the folder is the project's. */
const char *setup_path(struct setup *setup, const char *folder, const char *name);
/* $XDG_CONFIG_HOME, or ~/.config. */
const char *setup_config_folder(struct setup *setup);
/* "//host:port/npm/acme/main/", and the host alone without its port. */
const char *setup_without_scheme(const char *url);
const char *setup_host(struct setup *setup, const char *url);
/* With double quotes around. */
const char *setup_quoted(struct setup *setup, const char *text);
/* A path as a person writes it: with ~ where it is in the home folder. */
const char *setup_shown_path(const struct setup *setup, const char *path);
