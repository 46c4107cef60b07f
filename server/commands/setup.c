/* `packhouse setup`: makes a client ask Packhouse, and nobody else. */
#include "server/commands/setup.h"

#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/setup_lockfiles.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MAX = 16 << 20 };

static const struct setup_client *find_client(const char *name)
{
    static const struct setup_client *const lists[] = {setup_npm_clients, setup_python_clients};

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (const struct setup_client *client = lists[i]; client->name; client++)
            if (!strcmp(client->name, name))
                return client;
    return NULL;
}

/* npm's scopes: what npm itself takes for one is judged by the server, in the end. */
static bool scope_is_right(const char *scope)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.~";

    return scope[0] == '@' && scope[1] && strspn(scope + 1, letters) == strlen(scope + 1);
}

static enum status read_options(struct setup *setup, const struct setup_client *client,
                                struct error *err)
{
    const struct command_call *call = setup->call;
    bool is_anonymous = command_option(call, "anonymous") != NULL;
    const char *org, *name;
    enum status rc;

    if ((rc = client_repository(call, &org, &name, err)))
        return rc;
    setup->scope = command_option(call, "scope");
    setup->is_user = command_option(call, "user") != NULL;
    setup->token = is_anonymous ? NULL : call->settings->token;
    setup->home = getenv("HOME");
    if (!setup->home || *setup->home != '/')
        return fail(err, STATUS_INVALID, "", "HOME does not say where your own files are");
    if (setup->scope && !client->speaks_npm)
        return fail(err, STATUS_INVALID, "", "%s has no scopes; --scope is for npm, pnpm, yarn and bun",
                    client->name);
    if (setup->scope && !scope_is_right(setup->scope))
        return fail(err, STATUS_INVALID, "", "'%.80s' is no scope; write it as @acme", setup->scope);
    if (setup->token && !*setup->token)
        return fail(err, STATUS_INVALID, "",
                    "which token? Give --token, set PACKHOUSE_TOKEN, or use packhouse login once; "
                    "--anonymous is for a repository that everybody may read");
    if (setup->token && strpbrk(setup->token, " \t\r\n\"\\#"))
        return fail(err, STATUS_INVALID, "", "the token has characters that no token has");
    return STATUS_OK;
}

/* The addresses are the server's to say: they may be others than the one it is called by here. */
static enum status ask_addresses(struct setup *setup, struct error *err)
{
    const struct command_call *call = setup->call;
    struct client_answer answer = {0};
    const struct json *urls;
    const char *org, *name;
    enum status rc;

    if ((rc = client_repository(call, &org, &name, err)))
        return rc;
    rc = client_ask(call, "GET", client_path(call, "/api/v1/orgs/%s/repositories/%s", org, name), NULL,
                    &answer, err);
    if (rc)
        goto done;
    urls = json_get(answer.json, "urls");
    setup->registry = arena_copy(setup->arena, json_text(json_get(urls, "npm")));
    setup->index = arena_copy(setup->arena, json_text(json_get(urls, "pypi")));
    if (!setup->registry || !setup->index || strpbrk(setup->registry, "\"\\\n") ||
        strpbrk(setup->index, "\"\\\n"))
        rc = fail(err, STATUS_INTERNAL, "", "%s does not say where clients find the repository",
                  call->settings->url);
done:
    client_answer_clear(&answer);
    return rc;
}

/* Makes the plan, and makes it again on top of itself: a file in which nothing is found again has
 * something open in it, a string or a bracket, and is no place to write to. */
static enum status make_plan(struct setup *setup, const struct setup_client *client, struct error *err)
{
    const char *texts[SETUP_FILES_MAX] = {0};
    enum status rc;

    if ((rc = client->plan(setup, err)) || (rc = setup_exempt(setup, client, err)))
        return rc;
    for (size_t i = 0; i < setup->count; i++) {
        texts[i] = setup->files[i].edit.text;
        strbuf_clear(&setup->files[i].edit.put);
    }
    setup->note_count = 0;
    if ((rc = client->plan(setup, err)) || (rc = setup_exempt(setup, client, err)))
        return rc;
    for (size_t i = 0; i < setup->count; i++)
        if (strcmp(texts[i], setup->files[i].edit.text))
            return fail(err, STATUS_INVALID, "", "%s is broken: what is put into it is not found again",
                        setup->files[i].path);
    return STATUS_OK;
}

/* Whether a file is, or would be, in the folder or below it. */
static bool is_within(const char *folder, const char *path, struct arena *arena)
{
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    char *parent = slash > path ? arena_copy_bytes(arena, path, (size_t)(slash - path))
                                : arena_copy(arena, slash ? "/" : ".");
    size_t length = strlen(folder);

    while (!realpath(parent, real)) { /* a folder that is still to be made */
        char *last = strrchr(parent, '/');

        if (!last || last == parent)
            return false;
        *last = '\0';
    }
    return length == 1 || (!strncmp(real, folder, length) && (!real[length] || real[length] == '/'));
}

/* What lies in a project's folder is copied, committed and published. */
static enum status keep_secrets_out(struct setup *setup, struct error *err)
{
    char here[PATH_MAX];
    bool is_home;

    if (!realpath(".", here))
        return fail_errno(err, "cannot tell which folder this is");
    is_home = is_within(here, setup_path(setup, setup->home, "x"), setup->arena);
    if (setup->is_user && is_home)
        return STATUS_OK;
    for (size_t i = 0; i < setup->count; i++) {
        if (!setup->files[i].has_secret || !is_within(here, setup->files[i].path, setup->arena))
            continue;
        if (is_home)
            return fail(err, STATUS_INVALID, "",
                        "this folder holds your home, so the token would lie in the project; stand in the "
                        "project's own folder, or set up all of your projects with --user");
        return fail(err, STATUS_INVALID, "", "%s is in the project's folder, where no token is written",
                    setup->files[i].path);
    }
    return STATUS_OK;
}

/* Secrets first: with the address alone, a client would be refused. */
static enum status write_files(struct setup *setup, struct error *err)
{
    enum status rc;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < setup->count; i++) {
            struct setup_file *file = &setup->files[i];

            if (file->has_secret == (pass != 0) || !setup_must_write(file))
                continue;
            rc = text_file_write(file->path, file->edit.text, strlen(file->edit.text),
                                 file->has_secret ? 0600 : 0, setup->arena, err);
            if (rc)
                return rc;
        }
    return STATUS_OK;
}

/* What is put into a file, each line set in, and of the token no more than its kind. */
static void print_lines(const struct setup *setup, const char *text)
{
    bool shows = command_option(setup->call, "show-token") != NULL;
    size_t length = setup->token ? strlen(setup->token) : 0;

    fputs("    ", stdout);
    while (*text) {
        if (length && !shows && !strncmp(text, setup->token, length)) {
            printf("%.*s…", (int)(strcspn(setup->token, "_") + 1), setup->token);
            text += length;
            continue;
        }
        putchar(*text);
        if (*text++ == '\n' && *text)
            fputs("    ", stdout);
    }
}

static void print_plan(const struct setup *setup, bool is_written)
{
    bool is_needed = false;

    for (size_t i = 0; i < setup->count; i++) {
        const struct setup_file *file = &setup->files[i];
        const char *state = !setup_must_write(file) ? "has it already" : is_written ? "written" : "to be written";

        printf("%s: %s%s\n", setup_shown_path(setup, file->path), state,
               file->has_secret ? "; yours alone" : "");
        print_lines(setup, file->edit.put.data);
        putchar('\n');
        is_needed = is_needed || setup_must_write(file);
    }
    if (is_needed && !is_written)
        printf("Nothing is written yet. The same with --write does it%s.\n",
               setup->token && !command_option(setup->call, "show-token") ? "; --show-token shows the token" : "");
    else if (!is_needed)
        puts("There is nothing to write.");
}

static void add_notes(struct setup *setup, const struct setup_client *client)
{
    bool is_plain = !strncmp(setup->index, "http://", 7);
    const char *host = setup_host(setup, setup->index);

    if (client->speaks_npm && !setup->is_user && access("package.json", F_OK))
        setup_note(setup, "there is no package.json here, and %s reads the files of the folder that has one",
                   client->name);
    for (const char *const *name = client->variables; *name; name++)
        if (getenv(*name) && *getenv(*name))
            setup_note(setup, "%s is set in this shell, and wins over what the files say", *name);
    if (is_plain && !strcmp(client->name, "pip") && strcmp(host, "localhost") && strncmp(host, "127.", 4))
        setup_note(setup, "pip reads nothing over plain http from another machine; serve it over https");
}

static void write_json(const struct setup *setup, const struct setup_client *client, bool is_written,
                       const struct setup_lockfiles *lockfiles, struct strbuf *out)
{
    strbuf_char(out, '{');
    output_member(out, "client", client->name);
    output_member(out, "url", client->speaks_npm ? setup->registry : setup->index);
    output_member_bool(out, "written", is_written);
    strbuf_text(out, ",\"files\":[");
    for (size_t i = 0; i < setup->count; i++) {
        const struct setup_file *file = &setup->files[i];

        strbuf_text(out, i ? ",{" : "{");
        output_member(out, "path", file->path);
        output_member_bool(out, "secret", file->has_secret);
        output_member_bool(out, "changed", setup_must_write(file));
        strbuf_char(out, '}');
    }
    strbuf_text(out, "],\"notes\":[");
    for (size_t i = 0; i < setup->note_count; i++) {
        strbuf_text(out, i ? "," : "");
        strbuf_json(out, setup->notes[i]);
    }
    strbuf_text(out, "],\"lockfiles\":");
    setup_lockfiles_json(lockfiles, out);
    strbuf_text(out, "}\n");
}

static int report(struct setup *setup, const struct setup_client *client, bool is_written,
                  const struct setup_lockfiles *lockfiles)
{
    struct strbuf out;

    if (!setup->call->json) {
        print_plan(setup, is_written);
        for (size_t i = 0; i < setup->note_count; i++)
            printf("Note: %s.\n", setup->notes[i]);
        setup_lockfiles_print(lockfiles);
        return EXIT_DONE;
    }
    strbuf_init(&out, setup->arena, OUTPUT_MAX);
    write_json(setup, client, is_written, lockfiles, &out);
    fputs(out.data, stdout);
    return EXIT_DONE;
}

static int run(struct command_call *call)
{
    const struct setup_client *client = find_client(call->arguments[0]);
    struct setup setup = {.call = call, .arena = call->arena};
    bool writes = command_option(call, "write") != NULL;
    struct setup_lockfiles *lockfiles;
    struct error err = {0};

    if (!client)
        return command_usage(call, "'%.40s' is no client that is known here: npm, pnpm, yarn, bun, pip, "
                             "uv or poetry",
                             call->arguments[0]);
    if (read_options(&setup, client, &err))
        return command_usage(call, "%s", err.message);
    if (ask_addresses(&setup, &err) || setup_find_own_names(&setup, client, &err) ||
        make_plan(&setup, client, &err) || keep_secrets_out(&setup, &err) ||
        (writes && write_files(&setup, &err)) ||
        setup_lockfiles_find(&setup, client, command_option(call, "fix") != NULL, &lockfiles, &err))
        return command_fail(call, &err);
    add_notes(&setup, client);
    return report(&setup, client, writes, lockfiles);
}

/* clang-format off */
static const struct command_option options[] = {
    {"write", NULL, "write it; without this it is only shown"},
    {"fix", NULL, "let lockfiles that name another host name Packhouse; a digest is never changed"},
    {"scope", "@SCOPE", "for the packages of one scope, where the rest comes from elsewhere"},
    {"user", NULL, "for all of your projects: the address goes into your own files, too"},
    {"anonymous", NULL, "without a token, for a repository that everybody may read"},
    {"show-token", NULL, "show the whole token"},
    {0},
};

const struct command setup_commands[] = {
    {"setup", NULL, "CLIENT", "Makes a client ask Packhouse, in the project that you stand in",
     "CLIENT is npm, pnpm, yarn, bun, pip, uv or poetry. The address goes into the project's file, the token\n"
     "into a file of your own that nobody else can read; what else is in them stays. Names that are your org's\n"
     "own are exempt from the client's cooldown, if it has one. Lockfiles that name another host would go round\n"
     "Packhouse: they are listed.\n\n"
     "packhouse setup npm --repo acme/main --write",
     options, SETTING_CLIENT, run},
    {0},
};
