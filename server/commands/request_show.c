#include "server/commands/request_show.h"

#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "server/commands/progress.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DOCUMENT_MAX = 64 << 20 };

static const struct output_column lines[] = {
    {"id",         "REQUEST"   },
    {"package",    "PACKAGE"   },
    {"version",    "VERSION"   },
    {"repository", "REPOSITORY"},
    {"rules",      "HELD BY"   },
    {"grave",      "GRAVE"     },
    {"state",      "STATE"     },
    {"created_at", "ASKED"     },
    {"decided_by", "DECIDED BY"},
    {"decided_at", "DECIDED"   },
    {"comment",    "COMMENT"   },
    {"exception",  "EXCEPTION" },
    {0},
};

static const struct output_column fact_lines[] = {
    {"file",                "FILE"            },
    {"published_us",        "PUBLISHED"       },
    {"size_bytes",          "BYTES"           },
    {"license",             "LICENCE"         },
    {"publisher",           "PUBLISHER"       },
    {"scripts",             "SCRIPTS"         },
    {"install_scripts",     "INSTALL SCRIPTS" },
    {"new_install_scripts", "NEW SCRIPTS"     },
    {"provenance",          "PROVENANCE"      },
    {"signature",           "SIGNATURE"       },
    {"trust_downgrade",     "TRUST DOWNGRADE" },
    {"publisher_change",    "PUBLISHER CHANGE"},
    {"deprecated",          "DEPRECATED"      },
    {"bytes_changed",       "BYTES CHANGED"   },
    {"manifest_mismatch",   "MISMATCH"        },
    {"digests",             "DIGESTS"         },
    {0},
};

static const struct output_column reason_lines[] = {
    {"by",     "BY"    },
    {"reason", "REASON"},
    {0},
};

char *request_path(struct command_call *call, const char *suffix)
{
    struct error err = {0};
    const char *org;

    if (client_org(call, &org, &err)) {
        command_usage(call, "%s", err.message);
        return NULL;
    }
    return arena_format(call->arena, "%s%s",
                        client_path(call, "/api/v1/orgs/%s/requests/%s", org, call->arguments[0]),
                        suffix);
}

static void print_each(const struct command_call *call, const struct json *items,
                       const struct output_column *columns)
{
    for (size_t i = 0; i < json_count(items); i++) {
        putchar('\n');
        output_object(call, json_at(items, i), columns);
    }
}

static int64_t count_of(const struct json *object, const char *key)
{
    return json_int(json_get(object, key), 0);
}

static char sign_of(const struct json *item)
{
    const char *change = json_text(json_get(item, "change"));

    return !change ? '?' : !strcmp(change, "added") ? '+' : !strcmp(change, "removed") ? '-' : '~';
}

/* "+ postinstall: node x.js (runs when it is installed)" */
static void print_item(const struct command_call *call, const char *kind, const struct json *item)
{
    const struct json *before = json_get(item, "old"), *after = json_get(item, "new");
    const char *old = output_cell(call, before), *new = output_cell(call, after);
    bool has_value = *old || *new;

    printf("  %c %s%s%s%s", sign_of(item), kind, *kind ? " " : "", output_cell(call, json_get(item, "name")),
           has_value ? ": " : "");
    if (before && after)
        printf("%s -> %s", *old ? old : "nothing", *new ? new : "nothing");
    else
        printf("%s", *new ? new : old);
    puts(json_bool(json_get(item, "runs"), false) ? " (runs when it is installed)" : "");
}

static void print_rest(const struct json *list, const char *how)
{
    int64_t rest = count_of(list, "rest");

    if (rest)
        printf("  and %" PRId64 " more%s\n", rest, how);
}

/* Kinds are told where they tell more than the title. */
static void print_list(const struct command_call *call, const struct json *diff, const char *key,
                       const char *title)
{
    const struct json *list = json_get(diff, key), *items = json_get(list, "items");
    bool has_kinds = strcmp(key, "about") != 0 && strcmp(key, "scripts") != 0;

    if (!json_count(items))
        return;
    printf("\n%s\n", title);
    for (size_t i = 0; i < json_count(items); i++) {
        const struct json *item = json_at(items, i);

        print_item(call, has_kinds ? output_cell(call, json_get(item, "kind")) : "", item);
    }
    print_rest(list, "");
}

static const char *size_text(const struct command_call *call, const struct json *size)
{
    char text[PROGRESS_SIZE_TEXT];

    progress_size(json_int(size, 0), text);
    return arena_copy(call->arena, text);
}

static void print_file(const struct command_call *call, const struct json *item)
{
    const struct json *before = json_get(item, "old_size"), *after = json_get(item, "new_size");

    printf("  %c %s  ", sign_of(item), output_cell(call, json_get(item, "path")));
    if (before && after)
        printf("%s -> %s", size_text(call, before), size_text(call, after));
    else
        printf("%s", size_text(call, after ? after : before));
    printf("%s%s%s\n", json_bool(json_get(item, "runs"), false) ? ", runs when it is installed" : "",
           json_bool(json_get(item, "executable"), false) ? ", a program" : "",
           json_bool(json_get(item, "link"), false) ? ", a link" : "");
}

static void print_files(const struct command_call *call, const struct json *diff)
{
    const struct json *files = json_get(diff, "files"), *items = json_get(files, "items");

    printf("\nFILES: %" PRId64 " added, %" PRId64 " removed, %" PRId64 " changed, %" PRId64 " the same\n",
           count_of(files, "added"), count_of(files, "removed"), count_of(files, "changed"),
           count_of(files, "same"));
    for (size_t i = 0; i < json_count(items); i++)
        print_file(call, json_at(items, i));
    print_rest(files, command_option(call, "files") ? "" : "; up to 2000 are listed with --files 2000");
}

static void print_size(const struct command_call *call, const struct json *diff, const char *key,
                       const char *title)
{
    const struct json *size = json_get(diff, key), *old = json_get(size, "old"), *new = json_get(size, "new");

    if (new)
        printf("%s %s%s%s\n", title, size_text(call, new), old ? ", was " : "", old ? size_text(call, old) : "");
}

static void print_compared(const struct command_call *call, const struct json *diff)
{
    const struct json *against = json_get(diff, "against"), *findings = json_get(diff, "findings");
    const struct json *others = json_get(diff, "other_files");
    const char *by = json_text(json_get(against, "by"));

    printf("\nCOMPARED: %s", output_cell(call, json_get(diff, "file")));
    if (against)
        printf(" with %s, which %s lets through", output_cell(call, json_get(against, "file")),
               by && !strcmp(by, "exception")
                   ? arena_format(call->arena, "exception %" PRId64, count_of(against, "exception"))
                   : "policy");
    putchar('\n');
    if (json_get(diff, "says"))
        printf("%s.\n", output_cell(call, json_get(diff, "says")));
    for (size_t i = 0; i < json_count(findings); i++)
        printf("FINDING: %s: %s\n", output_cell(call, json_get(json_at(findings, i), "code")),
               output_cell(call, json_get(json_at(findings, i), "says")));
    if (json_count(others))
        printf("NOT COMPARED: %s; compare one with --file NAME\n", output_cell(call, others));
}

static void print_diff(const struct command_call *call, const struct json *diff)
{
    print_compared(call, diff);
    print_size(call, diff, "archive_bytes", "ARCHIVE: ");
    print_size(call, diff, "unpacked_bytes", "UNPACKED:");
    print_list(call, diff, "about", "ABOUT");
    print_list(call, diff, "scripts", "SCRIPTS");
    print_list(call, diff, "dependencies", "DEPENDENCIES");
    print_list(call, diff, "commands", "COMMANDS");
    print_list(call, diff, "people", "PEOPLE");
    if (json_get(json_get(diff, "unpacked_bytes"), "new"))
        print_files(call, diff);
}

/* What is known already, with what came of the comparison; one document. */
static void print_document(const struct json *request, const struct json *diff, const struct error *err)
{
    struct strbuf out;

    strbuf_init(&out, NULL, DOCUMENT_MAX);
    output_json(&out, request);
    out.data[--out.length] = '\0'; /* its last bracket */
    if (diff) {
        strbuf_text(&out, ",\"diff\":");
        output_json(&out, diff);
    } else if (*err->message) {
        strbuf_text(&out, ",\"diff\":null,\"no_diff\":");
        strbuf_json(&out, err->message);
    }
    strbuf_char(&out, '}');
    puts(out.data);
    strbuf_free(&out);
}

/* Where it cannot be made, what is known is shown all the same, and why there is no more of it. */
static enum status get_diff(struct command_call *call, struct client_answer *answer, struct error *err)
{
    const char *files = command_option(call, "files"), *file = command_option(call, "file");
    char *path = request_path(call, "/diff");

    *answer = (struct client_answer){0};
    if (!path || command_option(call, "no-diff"))
        return STATUS_NOT_FOUND;
    if (files)
        path = arena_format(call->arena, "%s?files=%s", path, client_path(call, "%s", files));
    if (file)
        path = arena_format(call->arena, "%s%cfile=%s", path, files ? '&' : '?', client_path(call, "%s", file));
    if (!call->json) {
        fflush(stdout);
        fputs("Getting both archives, where they are not kept, to compare them; --no-diff goes without ...\n", stderr);
    }
    return client_ask_slow(call, path, answer, err);
}

int request_show(struct command_call *call)
{
    struct client_answer answer = {0}, diff = {0};
    char *path = request_path(call, "");
    struct error err = {0};
    int code = EXIT_DONE;
    enum status rc;

    if (!path)
        return EXIT_USAGE;
    if (client_ask(call, "GET", path, NULL, &answer, &err)) {
        code = command_fail(call, &err);
        goto done;
    }
    if (!call->json) {
        output_object(call, answer.json, lines);
        print_each(call, json_get(answer.json, "facts"), fact_lines);
        print_each(call, json_get(answer.json, "reasons"), reason_lines);
    }
    if ((rc = get_diff(call, &diff, &err))) {
        json_free(diff.json);
        diff.json = NULL;
    }
    if (rc == STATUS_INVALID) /* a wrong option, which nothing that is known makes up for */
        code = command_fail(call, &err);
    else if (call->json)
        print_document(answer.json, diff.json, &err);
    else if (diff.json)
        print_diff(call, diff.json);
    else if (*err.message)
        printf("\nNOT COMPARED: %s\n", err.message);
done:
    client_answer_clear(&answer);
    client_answer_clear(&diff);
    return code;
}

const struct command_option request_show_options[] = {
    {"org",     "ORG",    "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"      },
    {"no-diff", NULL,     "nothing is fetched and compared: only what is known already"             },
    {"file",    "NAME",   "compare this file of the version, where it has more than one"            },
    {"files",   "NUMBER", "list up to so many changed files; 200 where it is not given, at most 2000"},
    {0},
};
