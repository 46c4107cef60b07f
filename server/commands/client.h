/* A client command's way to the server: whose URL and token, and calls to /api/v1. */
#pragma once
#include "server/commands/command.h"
#include <stdint.h>

struct json;
struct strbuf;

/* Options that every client command takes. */
extern const struct command_option client_options[];

/* Fills url, token and repo: flags win over the profile, the profile over the environment. A
 * profile gives its URL and token together, so no token ever goes to another's server. */
enum status client_load_settings(const struct command_call *call, struct settings *settings,
                                 int *argc, const char **argv, const char *const *environment,
                                 struct error *err);

/* What the server answered; client_answer_clear() gives it back. */
struct client_answer {
    int code;
    struct json *json; /* NULL where there is no body */
};
void client_answer_clear(struct client_answer *answer);

/* Asks the server. path begins with '/'; body is a JSON document, NULL for none. STATUS_OK only
 * where the answer's code is 2xx; else err has the server's own sentence. */
enum status client_ask(const struct command_call *call, const char *method, const char *path,
                       const struct strbuf *body, struct client_answer *answer, struct error *err);

/* A GET that may take as long as the server has to fetch what it answers with. */
enum status client_ask_slow(const struct command_call *call, const char *path, struct client_answer *answer,
                            struct error *err);

/* The same, where what is changed is still at this revision; below 0: whichever it is at. */
enum status client_ask_if(const struct command_call *call, const char *method, const char *path,
                          int64_t revision, const struct strbuf *body, struct client_answer *answer,
                          struct error *err);

/* "/api/v1/orgs/%s/…" with each text percent-encoded. In the call's arena. */
char *client_path(const struct command_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The org and name of --repo, PACKHOUSE_REPO or the profile; STATUS_INVALID where none is given. */
enum status client_repository(const struct command_call *call, const char **org, const char **name,
                              struct error *err);
/* Splits "ORG/NAME". STATUS_INVALID with a sentence where it is nothing like it. */
enum status client_split_repository(const struct command_call *call, const char *text,
                                    const char **org, const char **name, struct error *err);
