/* `packhouse upstream`: the registries that packages come from. */
#include "server/commands/client_config.h"
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BODY_MAX = 64 << 10 };

static const struct output_column columns[] = {
    {"name",           "UPSTREAM"  },
    {"format",         "FORMAT"    },
    {"url",            "URL"       },
    {"names",          "NAMES"     },
    {"file_hosts",     "FILE HOSTS"},
    {"offline",        "OFFLINE"   },
    {"may_be_private", "PRIVATE"   },
    {"state",          "STATE"     },
    {0},
};

static const struct output_column lines[] = {
    {"name",              "UPSTREAM"    },
    {"format",            "FORMAT"      },
    {"url",               "URL"         },
    {"names",             "NAMES"       },
    {"file_hosts",        "FILE HOSTS"  },
    {"may_be_private",    "PRIVATE"     },
    {"state",             "STATE"       },
    {"last_success_at",   "LAST ANSWER" },
    {"last_error_at",     "LAST FAILURE"},
    {"last_error",        "BECAUSE"     },
    {"requests",          "REQUESTS"    },
    {"errors",            "FAILURES"    },
    {"hits_percent",      "HITS %"      },
    {"documents",         "DOCUMENTS"   },
    {"stale_documents",   "OF THEM OLD" },
    {"oldest_checked_at", "OLDEST OF"   },
    {"newest_checked_at", "NEWEST OF"   },
    {"answers",           "KEYS, PROOFS"},
    {"keys_changed_at",   "KEYS CHANGED"},
    {"created_at",        "CREATED"     },
    {0},
};

/* Whose address: --url, or what this machine's client asks. */
static enum status choose_url(const struct command_call *call, const char **out, struct error *err)
{
    const char *url = command_option(call, "url"), *format = call->arguments[0];
    bool from_config = command_option(call, "from-client-config") != NULL;

    if (strcmp(format, "npm") && strcmp(format, "pypi"))
        return fail(err, STATUS_INVALID, "", "an upstream is npm or pypi, not '%.40s'", format);
    if (!url == !from_config)
        return fail(err, STATUS_INVALID, "", "give --url URL or --from-client-config");
    *out = url;
    return url ? STATUS_OK : client_config_registry(format, call->arena, out, err);
}

/* The file is read on the server's machine, so its path must mean the same there. */
static enum status credential_path(const struct command_call *call, const char **out,
                                   struct error *err)
{
    const char *given = command_option(call, "credential-file");
    char *path;

    *out = given;
    if (!given || *given == '/')
        return STATUS_OK;
    if (!(path = realpath(given, NULL)))
        return fail(err, STATUS_INVALID, "", "there is no file %.200s", given);
    *out = arena_copy(call->arena, path);
    free(path);
    return STATUS_OK;
}

static int add(struct command_call *call)
{
    const char *org, *repository, *url, *file;
    struct client_answer answer = {0};
    struct strbuf body;
    struct error err = {0};
    enum status rc;
    int code;

    if ((rc = client_repository(call, &org, &repository, &err)) || (rc = choose_url(call, &url, &err)) ||
        (rc = credential_path(call, &file, &err)))
        return rc == STATUS_INVALID ? command_usage(call, "%s", err.message) : command_fail(call, &err);
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "repository", repository);
    output_member(&body, "format", call->arguments[0]);
    output_member(&body, "url", url);
    output_member(&body, "name", command_option(call, "name"));
    output_member_list(&body, "names", command_option_list(call, "names"));
    output_member_list(&body, "file_hosts", command_option_list(call, "file-host"));
    output_member(&body, "credential_file", file);
    strbuf_char(&body, '}');
    if (client_ask(call, "POST", client_path(call, "/api/v1/orgs/%s/upstreams", org), &body, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json, "%s/%s now looks at %s for %s packages (upstream %s%s).", org,
                           repository, json_text(json_get(answer.json, "url")), call->arguments[0],
                           json_text(json_get(answer.json, "name")),
                           json_bool(json_get(answer.json, "may_be_private"), false)
                               ? "; its address may be a private one"
                               : "");
    client_answer_clear(&answer);
    return code;
}

static int list(struct command_call *call)
{
    const char *org, *repository;
    struct error err = {0};

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    return output_list(call, client_path(call, "/api/v1/orgs/%s/upstreams", org), "", columns);
}

static int ask_about(struct command_call *call, const char *method, const char *suffix,
                     const struct strbuf *body)
{
    const char *org, *repository, *name = call->arguments[0];
    struct client_answer answer = {0};
    struct error err = {0};
    int code;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    if (client_ask(call, method,
                   arena_format(call->arena, "%s%s",
                                client_path(call, "/api/v1/orgs/%s/upstreams/%s", org, name), suffix),
                   body, &answer, &err))
        code = command_fail(call, &err);
    else if (!strcmp(method, "DELETE"))
        code = output_done(call, answer.json,
                           "The upstream %s is gone, and what it had brought. Names that it owned stay its own until "
                           "packhouse owner set moves them.",
                           name);
    else
        code = output_object(call, answer.json, lines);
    client_answer_clear(&answer);
    return code;
}

static int show(struct command_call *call)
{
    return ask_about(call, "GET", "", NULL);
}

static int refresh(struct command_call *call)
{
    struct strbuf nothing; /* a POST says how long its body is */

    strbuf_init(&nothing, call->arena, BODY_MAX);
    return ask_about(call, "POST", "/refresh", &nothing);
}

static int take_away(struct command_call *call)
{
    return ask_about(call, "DELETE", "", NULL);
}

static int set_offline(struct command_call *call, bool is_offline)
{
    struct strbuf body;

    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member_bool(&body, "offline", is_offline);
    strbuf_char(&body, '}');
    return ask_about(call, "PATCH", "", &body);
}

static int offline(struct command_call *call)
{
    return set_offline(call, true);
}

static int online(struct command_call *call)
{
    return set_offline(call, false);
}

static const char *keys_path(struct command_call *call, const char *org)
{
    return client_path(call, "/api/v1/orgs/%s/upstreams/%s/keys", org, call->arguments[0]);
}

static const char *id_of(const struct json *key)
{
    const char *id = json_text(json_get(key, "keyid"));

    return id ? id : "";
}

static bool has_id(const struct json *ids, const char *id)
{
    for (size_t i = 0; i < json_count(ids); i++)
        if (!strcmp(json_text(json_at(ids, i)), id))
            return true;
    return false;
}

static void print_key(struct command_call *call, const struct json *key, const char *what)
{
    const char *expires = json_text(json_get(key, "expires"));

    printf("  %s%s%s  %s\n", output_cell(call, json_get(key, "keyid")), expires ? "  until " : "",
           expires ? output_cell(call, json_get(key, "expires")) : "", what);
}

/* What is pinned, and what of it the upstream says otherwise now. */
static void print_keys(struct command_call *call, const struct json *keys)
{
    const struct json *pinned = json_get(keys, "pinned"), *said = json_get(keys, "said");
    const struct json *added = json_get(keys, "added"), *replaced = json_get(keys, "replaced");
    const struct json *renewed = json_get(keys, "expiry_changed"), *gone = json_get(keys, "gone");

    printf("%s is held to these keys:\n", call->arguments[0]);
    for (size_t i = 0; i < json_count(pinned); i++) {
        const char *id = id_of(json_at(pinned, i));

        print_key(call, json_at(pinned, i),
                  !said                  ? ""
                  : has_id(gone, id)     ? "GONE: it no longer says this one"
                  : has_id(replaced, id) ? "REPLACED: it says another key under this id"
                  : has_id(renewed, id)  ? "it says another end"
                                         : "as it says now");
    }
    if (!json_count(pinned))
        puts("  none: it was not asked yet, or has none");
    if (!said) {
        printf("It does not say its keys now: %s\n", output_cell(call, json_get(keys, "trouble")));
        return;
    }
    if (json_count(added))
        puts("It says these besides:");
    for (size_t i = 0; i < json_count(said); i++)
        if (has_id(added, id_of(json_at(said, i))))
            print_key(call, json_at(said, i), "NEW");
}

static bool accept_is_confirmed(const struct command_call *call)
{
    int answer;

    if (command_option(call, "yes") || !isatty(STDIN_FILENO))
        return true;
    fprintf(stderr, "Hold %s to the keys that it says now? [y/N] ", call->arguments[0]);
    answer = getchar();
    return answer == 'y' || answer == 'Y';
}

/* What was shown is named, so that no other keys are taken. */
static enum status accept_shown(struct command_call *call, const char *path, const struct json *shown,
                                struct client_answer *answer, struct error *err)
{
    struct strbuf body;

    if (!json_get(shown, "said"))
        return fail(err, STATUS_UPSTREAM_AWAY, "", "%s does not say its keys now: %s", call->arguments[0],
                    output_cell(call, json_get(shown, "trouble")));
    strbuf_init(&body, call->arena, BODY_MAX);
    strbuf_char(&body, '{');
    output_member(&body, "said_sha256", json_text(json_get(shown, "said_sha256")));
    output_member(&body, "reason", command_option(call, "reason"));
    strbuf_char(&body, '}');
    return client_ask(call, "POST", path, &body, answer, err);
}

static int keys(struct command_call *call)
{
    bool accepts = command_option(call, "accept") != NULL;
    struct client_answer shown = {0}, answer = {0};
    const char *org, *repository, *path;
    struct error err = {0};
    int code = EXIT_DONE;

    if (client_repository(call, &org, &repository, &err))
        return command_usage(call, "%s", err.message);
    if (accepts && !command_option(call, "reason"))
        return command_usage(call, "why? Give --reason TEXT");
    path = keys_path(call, org);
    if (client_ask(call, "GET", path, NULL, &shown, &err)) {
        code = command_fail(call, &err);
        goto done;
    }
    if (!call->json)
        print_keys(call, shown.json);
    if (!accepts) {
        code = call->json ? output_object(call, shown.json, lines) : EXIT_DONE;
    } else if (!accept_is_confirmed(call)) {
        fputs("Nothing was changed.\n", stderr);
        code = EXIT_REFUSED;
    } else if (accept_shown(call, path, shown.json, &answer, &err)) {
        code = command_fail(call, &err);
    } else {
        code = output_done(call, answer.json,
                           "From now on %s is held to the keys that it says now. Files that had failed by the ones "
                           "before, and are judged again when they are next asked for: %lld.",
                           call->arguments[0], (long long)json_int(json_get(answer.json, "judged_again"), 0));
    }
done:
    client_answer_clear(&shown);
    client_answer_clear(&answer);
    return code;
}

/* clang-format off */
static const struct command_option keys_options[] = {
    {"accept", NULL, "hold it to the keys that it says now, from now on"},
    {"reason", "TEXT", "why they are right; it stands in the audit"},
    {"yes", NULL, "do not ask"},
    {0},
};

static const struct command_option add_options[] = {
    {"url", "URL", "the registry, or the index with its /simple"},
    {"from-client-config", NULL, "the one that this machine's npm or pip asks; no credential is read"},
    {"name", "NAME", "what it is called (npm or pypi)"},
    {"names", "GLOB", "names that this upstream alone is asked for, such as '@partner/*'"},
    {"file-host", "HOST", "another host that its files may be on"},
    {"credential-file", "FILE", "on the server's machine: a token, or a whole Authorization value"},
    {0},
};

const struct command upstream_commands[] = {
    {"upstream", "add", "FORMAT", "Lets packages come from another registry",
     "It becomes the last source of --repo. FORMAT is npm or pypi. Give --url or --from-client-config: the\n"
     "server is then the profile's, or PACKHOUSE_URL's.\n\n"
     "packhouse upstream add npm --from-client-config --repo acme/main\n"
     "packhouse upstream add npm --url URL --names '@partner/*' --repo acme/main",
     add_options, SETTING_CLIENT, add},
    {"upstream", "list", NULL, "Lists the upstreams of the org", NULL, NULL, SETTING_CLIENT, list},
    {"upstream", "show", "NAME", "Tells how an upstream does", NULL, NULL, SETTING_CLIENT, show},
    {"upstream", "keys", "NAME", "Shows which signing keys an npm upstream is held to, and what it says now",
     "Keys are held to when they are first seen: one that becomes another, or goes, is told in the log and the\n"
     "audit, and not taken. --accept takes what is shown; what had failed by the keys before is judged again.\n\n"
     "packhouse upstream keys npm --accept --reason 'announced on their site' --repo acme/main", keys_options,
     SETTING_CLIENT, keys},
    {"upstream", "refresh", "NAME", "Asks anew for what it had not got, or is kept", NULL, NULL, SETTING_CLIENT, refresh},
    {"upstream", "offline", "NAME", "Asks it no more; what is kept is served", NULL, NULL, SETTING_CLIENT, offline},
    {"upstream", "online", "NAME", "Asks it again", NULL, NULL, SETTING_CLIENT, online},
    {"upstream", "remove", "NAME", "Removes an upstream and what it had brought", NULL, NULL, SETTING_CLIENT, take_away},
    {0},
};
