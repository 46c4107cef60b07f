/* `packhouse hold`: what policy holds back. */
#include "policy/format.h"
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "server/commands/policy_set.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

enum { ROW_MAX = 64 << 10 };

/* Versions of one package that the same rules hold until the same time. */
struct group {
    const char *package, *repository, *verdict, *rules, *until;
    const char *newest, *last;
    size_t count;
};

struct groups {
    const struct command_call *call;
    struct group *list;
    size_t count, capacity;
};

static enum format format_of(const char *package)
{
    return format_from_name(package, strcspn(package, ":"));
}

/* The list is in order of package, so that only its end can be of the same one. */
static struct group *find_group(struct groups *groups, const struct group *like)
{
    for (size_t i = groups->count; i && !strcmp(groups->list[i - 1].package, like->package); i--) {
        struct group *group = &groups->list[i - 1];

        if (!strcmp(group->repository, like->repository) && !strcmp(group->verdict, like->verdict) &&
            !strcmp(group->rules, like->rules) && !strcmp(group->until, like->until))
            return group;
    }
    return NULL;
}

static void add_hold(void *context, const struct json *item)
{
    struct groups *groups = context;
    const struct command_call *call = groups->call;
    const char *version = output_cell(call, json_get(item, "version")), *last = output_cell(call, json_get(item, "last_at"));
    const struct group like = {
        .package = output_cell(call, json_get(item, "package")),
        .repository = output_cell(call, json_get(item, "repository")),
        .verdict = output_cell(call, json_get(item, "verdict")),
        .rules = output_cell(call, json_get(item, "rules")),
        .until = output_cell(call, json_get(item, "until")),
        .newest = version,
        .last = last,
        .count = 1,
    };
    struct group *group = find_group(groups, &like);

    if (!group) {
        groups->list = arena_grow(call->arena, groups->list, groups->count, &groups->capacity, sizeof *groups->list);
        groups->list[groups->count++] = like;
        return;
    }
    group->count++;
    if (format_compare_versions(format_of(group->package), version, group->newest) > 0)
        group->newest = version;
    if (strcmp(last, group->last) > 0)
        group->last = last;
}

static enum status print_groups(const struct groups *groups, struct error *err)
{
    static const struct output_column columns[] = {
        {"package",    "PACKAGE"   },
        {"versions",   "VERSIONS"  },
        {"newest",     "NEWEST"    },
        {"repository", "REPOSITORY"},
        {"verdict",    "VERDICT"   },
        {"rules",      "BY"        },
        {"until",      "UNTIL"     },
        {"last",       "LAST ASKED"},
        {0},
    };
    const struct command_call *call = groups->call;
    const struct json **rows = arena_array(call->arena, groups->count + 1, sizeof *rows);
    struct json **parsed = arena_array(call->arena, groups->count + 1, sizeof *parsed);
    enum status rc = STATUS_OK;

    for (size_t i = 0; i < groups->count && !rc; i++) {
        const struct group *group = &groups->list[i];
        struct strbuf row;

        strbuf_init(&row, call->arena, ROW_MAX);
        strbuf_char(&row, '{');
        output_member(&row, "package", group->package);
        strbuf_format(&row, ",\"versions\":%zu", group->count);
        output_member(&row, "newest", group->newest);
        output_member(&row, "repository", group->repository);
        output_member(&row, "verdict", group->verdict);
        output_member(&row, "rules", group->rules);
        output_member(&row, "until", *group->until ? group->until : "until approved");
        output_member(&row, "last", group->last);
        strbuf_char(&row, '}');
        rc = json_parse(row.data, row.length, ROW_MAX, &parsed[i], err);
        rows[i] = parsed[i];
    }
    if (!rc && groups->count)
        output_table(call, rows, groups->count, columns);
    else if (!rc)
        puts("There are none.");
    for (size_t i = 0; i < groups->count; i++)
        json_free(parsed[i]);
    return rc;
}

static int list_grouped(const struct command_call *call, const char *path, const char *query)
{
    struct groups groups = {.call = call};
    struct error err = {0};
    enum status rc;

    if (!(rc = output_each(call, path, query, add_hold, &groups, &err)))
        rc = print_groups(&groups, &err);
    return rc ? command_fail(call, &err) : EXIT_DONE;
}

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"package",    "PACKAGE"   },
        {"version",    "VERSION"   },
        {"repository", "REPOSITORY"},
        {"verdict",    "VERDICT"   },
        {"rules",      "BY"        },
        {"until",      "UNTIL"     },
        {"last_at",    "LAST ASKED"},
        {0},
    };
    const char *package = command_option(call, "package"), *verdict = command_option(call, "verdict"), *org;
    struct error err = {0};
    const char *query = "", *path;

    if (client_org(call, &org, &err))
        return command_usage(call, "%s", err.message);
    if (package)
        query = arena_format(call->arena, "?package=%s", client_path(call, "%s", package));
    if (verdict)
        query = arena_format(call->arena, "%s%sverdict=%s", query, *query ? "&" : "?",
                             client_path(call, "%s", verdict));
    path = client_path(call, "/api/v1/orgs/%s/holds", org);
    return call->json || command_option(call, "versions") ? output_list(call, path, query, columns)
                                                          : list_grouped(call, path, query);
}

static const struct command_option options[] = {
    {"org",      "ORG",     "whose; without it the org of --repo, PACKHOUSE_REPO or the profile"},
    {"package",  "PACKAGE", "npm:NAME or pypi:NAME"                                             },
    {"verdict",  "VERDICT", "hold or deny"                                                      },
    {"versions", NULL,      "a line for each version, as --json has them"                       },
    {0},
};

const struct command hold_commands[] = {
    {"hold", "list", NULL, "Lists what policy held back from somebody",
     "packhouse hold list --org acme\n\n"
     "A line stands for all versions of a package that the same rules hold until the same time. What is held comes\n"
     "through by itself at its end, or when a request for it is approved.",
     options, SETTING_CLIENT, list},
    {0},
};
