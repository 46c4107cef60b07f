/* Clients that wait for days before they take a new version would wait for the org's own packages, too. */
#include "server/commands/client.h"
#include "server/commands/client_config.h"
#include "server/commands/setup.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"

#include <stdlib.h>
#include <string.h>

/* What is put into files without being escaped: no name that is published today has another sign. */
static bool is_plain(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@/*";

    return *name && strspn(name, letters) == strlen(name);
}

/* With --scope, the rest comes from elsewhere, where these names are somebody else's. */
static bool is_of_scope(const struct setup *setup, const char *name)
{
    size_t length = setup->scope ? strlen(setup->scope) : 0;

    return !length || (!strncmp(name, setup->scope, length) && name[length] == '/');
}

static void take_names(struct setup *setup, const struct json *list, const char **names)
{
    for (size_t i = 0; i < json_count(list); i++) {
        const char *name = json_text(json_at(list, i));

        if (name && is_plain(name) && is_of_scope(setup, name))
            names[setup->own.count++] = arena_copy(setup->arena, name);
    }
}

static enum status ask_names(struct setup *setup, const struct setup_client *client, struct error *err)
{
    const struct command_call *call = setup->call;
    struct client_answer answer = {0};
    const char *org, *repository, **names;
    const struct json *patterns, *list;
    enum status rc;

    if ((rc = client_repository(call, &org, &repository, err)))
        return rc;
    rc = client_ask(call, "GET",
                    arena_format(setup->arena, "%s?format=%s%s",
                                 client_path(call, "/api/v1/orgs/%s/repositories/%s/own-names", org, repository),
                                 client->speaks_npm ? "npm" : "pypi", client->takes_patterns ? "" : "&patterns=no"),
                    NULL, &answer, err);
    if (rc == STATUS_NOT_FOUND) /* a server that is older than this command */
        rc = STATUS_OK;
    patterns = json_get(answer.json, "patterns");
    list = json_get(answer.json, "names");
    names = arena_array(setup->arena, json_count(patterns) + json_count(list) + 1, sizeof *names);
    if (!rc) {
        take_names(setup, patterns, names);
        take_names(setup, list, names);
        setup->own.names = names;
        setup->own.has_more = json_bool(json_get(answer.json, "more"), false);
    }
    client_answer_clear(&answer);
    return rc;
}

const char *setup_file_with(struct setup *setup, const char *const *paths, const char *word)
{
    struct text_file file;

    for (; *paths; paths++)
        if (!text_file_read(*paths, setup->arena, &file, NULL) && strstr(file.text, word))
            return *paths;
    return NULL;
}

/* "4.18.1" of "4.18.1+sha512.…"; NULL where it begins with no digit. */
static const char *release_of(struct setup *setup, const char *text)
{
    size_t length = strspn(text, "0123456789.");

    return length ? arena_copy_bytes(setup->arena, text, length) : NULL;
}

const char *setup_pinned_release(struct setup *setup, const char *client)
{
    size_t length = strlen(client);
    const char *pinned, *release = NULL;
    struct text_file file;
    struct json *json = NULL;

    if (text_file_read("package.json", setup->arena, &file, NULL) ||
        json_parse(file.text, strlen(file.text), 0, &json, NULL))
        return NULL;
    pinned = json_text(json_get(json, "packageManager"));
    if (pinned && !strncmp(pinned, client, length) && pinned[length] == '@')
        release = release_of(setup, pinned + length + 1);
    json_free(json);
    return release;
}

/* The Yarn that lies in the project: "yarnPath: .yarn/releases/yarn-4.18.1.cjs". */
static const char *release_in_project(struct setup *setup)
{
    struct text_file file;
    const char *at;

    if (text_file_read(".yarnrc.yml", setup->arena, &file, NULL) || !(at = strstr(file.text, "yarnPath:")))
        return NULL;
    at = strstr(arena_copy_bytes(setup->arena, at, strcspn(at, "\n")), "/yarn-");
    return at ? release_of(setup, at + strlen("/yarn-")) : NULL;
}

/* Asked outside of the project, whose own files could have another program answer, and without that a
 * launcher fetches one. */
static const char *ask_release(struct setup *setup, const struct setup_client *client)
{
    const char *line = client_config_first_line(
        arena_format(setup->arena, "cd / && COREPACK_ENABLE_NETWORK=0 %s --version 2>/dev/null </dev/null",
                     client->name),
        setup->arena);

    return release_of(setup, line + strcspn(line, "0123456789"));
}

static const char *find_release(struct setup *setup, const struct setup_client *client)
{
    bool is_yarn = !strcmp(client->name, "yarn");
    const char *release = NULL;

    if (!setup->is_user && (is_yarn || !strcmp(client->name, "pnpm")))
        release = setup_pinned_release(setup, client->name);
    if (!setup->is_user && is_yarn && !release)
        release = release_in_project(setup);
    return release ? release : ask_release(setup, client);
}

enum status setup_find_own_names(struct setup *setup, const struct setup_client *client, struct error *err)
{
    enum status rc = ask_names(setup, client, err);

    if (!rc && setup->own.count && client->exempts_since)
        setup->release = find_release(setup, client);
    return rc;
}

bool setup_reaches(const struct setup *setup, const char *release)
{
    const char *a = setup->release ? setup->release : "", *b = release;
    char *end;

    while (*b) {
        long has = strtol(a, &end, 10), wants;

        a = end + (*end == '.');
        wants = strtol(b, &end, 10);
        b = end + (*end == '.');
        if (has != wants)
            return has > wants;
    }
    return true;
}

enum status setup_exempt(struct setup *setup, const struct setup_client *client, struct error *err)
{
    enum status rc;

    if (!setup->own.count || !client->exempt || setup->never_waits)
        return STATUS_OK;
    if (client->exempts_since && !setup->release)
        setup_note(setup,
                   "%s does not run here, so whether it could exempt your own packages from its cooldown is not "
                   "known; run this again where it does",
                   client->name);
    if (client->exempts_since && !setup_reaches(setup, client->exempts_since))
        return STATUS_OK;
    rc = client->exempt(setup, err);
    if (rc == STATUS_INVALID) {
        setup_note(setup, "%s. Until then %s lets your own packages wait as it does others, if it waits",
                   err->message, client->name);
        rc = STATUS_OK;
    }
    if (!rc && setup->own.has_more)
        setup_note(setup, "there are more names of your own than one page lists; claim them, and a pattern will do");
    return rc;
}
