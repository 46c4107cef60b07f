#include "protocols/pypi/project_info.h"

#include "protocols/http/request.h"
#include "protocols/pypi/core_metadata.h"
#include "storage/catalog/repository.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>
#include <strings.h>

enum { LIST_MAX = 512 };

/* Fields that come once, and those that come often. */
static const struct {
    const char *field, *member;
} texts[] = {
    {"Name",                     "name"                    },
    {"Summary",                  "summary"                 },
    {"Description-Content-Type", "description_content_type"},
    {"Keywords",                 "keywords"                },
    {"License",                  "license"                 },
    {"License-Expression",       "license_expression"      },
    {"Author",                   "author"                  },
    {"Author-email",             "author_email"            },
    {"Maintainer",               "maintainer"              },
    {"Maintainer-email",         "maintainer_email"        },
    {"Home-page",                "home_page"               },
    {"Download-URL",             "download_url"            },
    {"Requires-Python",          "requires_python"         },
};
static const struct {
    const char *field, *member;
} lists[] = {
    {"Classifier",     "classifiers"   },
    {"License-File",   "license_files" },
    {"Requires-Dist",  "requires_dist" },
    {"Provides-Extra", "provides_extra"},
    {"Dynamic",        "dynamic"       },
    {"Project-URL",    "project_urls"  },
};
enum {
    TEXTS = sizeof texts / sizeof *texts,
    LISTS = sizeof lists / sizeof *lists,
    NAME = 0,
    REQUIRES_PYTHON = TEXTS - 1,
    PROJECT_URLS = LISTS - 1,
};

struct parts {
    const char *text[TEXTS];
    const char *list[LISTS][LIST_MAX];
    size_t count[LISTS];
};

static void take(void *context, const char *name, const char *value)
{
    struct parts *parts = context;

    for (size_t i = 0; i < TEXTS; i++)
        if (!strcasecmp(name, texts[i].field) && !parts->text[i])
            parts->text[i] = value;
    for (size_t i = 0; i < LISTS; i++)
        if (!strcasecmp(name, lists[i].field) && parts->count[i] < LIST_MAX)
            parts->list[i][parts->count[i]++] = value;
}

static void put(struct strbuf *out, const char *name, const char *value)
{
    strbuf_format(out, "\"%s\":", name);
    if (value)
        strbuf_json(out, value);
    else
        strbuf_text(out, "null");
    strbuf_char(out, ',');
}

/* Poetry resolves from requires_dist where it is not null: an empty list says that nothing is
 * required. */
static void put_list(struct strbuf *out, const struct parts *parts, size_t which, bool is_known)
{
    bool is_requires = !strcmp(lists[which].member, "requires_dist");

    strbuf_format(out, "\"%s\":", lists[which].member);
    if (!parts->count[which] && !(is_requires && is_known) &&
        strcmp(lists[which].member, "classifiers")) {
        strbuf_text(out, "null,");
        return;
    }
    strbuf_char(out, '[');
    for (size_t i = 0; i < parts->count[which]; i++) {
        strbuf_text(out, i ? "," : "");
        strbuf_json(out, parts->list[which][i]);
    }
    strbuf_text(out, "],");
}

static bool has_label(const char *const *list, size_t count, const char *entry, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strcspn(list[i], ",") == length && !strncmp(list[i], entry, length))
            return true;
    return false;
}

/* "Label, URL"; of two with one label the first counts. */
static void put_project_urls(struct strbuf *out, const struct parts *parts, struct arena *arena)
{
    const char *const *list = parts->list[PROJECT_URLS];
    bool is_first = true;

    strbuf_text(out, "\"project_urls\":");
    if (!parts->count[PROJECT_URLS]) {
        strbuf_text(out, "null,");
        return;
    }
    strbuf_char(out, '{');
    for (size_t i = 0; i < parts->count[PROJECT_URLS]; i++) {
        size_t length = strcspn(list[i], ",");

        if (!list[i][length] || has_label(list, i, list[i], length))
            continue;
        strbuf_text(out, is_first ? "" : ",");
        strbuf_json(out, arena_copy_bytes(arena, list[i], length));
        strbuf_char(out, ':');
        strbuf_json(out, list[i] + length + 1 + strspn(list[i] + length + 1, " \t"));
        is_first = false;
    }
    strbuf_text(out, "},");
}

static void put_address(struct strbuf *out, const struct request *req, const char *member,
                        const struct project_info *info)
{
    strbuf_format(out, "\"%s\":\"%s/pypi/%s/%s/simple/", member, req->service->public_url,
                  req->repository->org, req->repository->name);
    strbuf_url(out, info->project);
    strbuf_text(out, "/\",");
}

void project_info_write(struct request *req, const struct project_info *info, struct strbuf *out)
{
    struct parts *parts = arena_alloc(req->arena, sizeof *parts);
    const char *body = info->metadata ? strstr(info->metadata, "\n\n") : NULL;

    *parts = (struct parts){0};
    if (info->metadata)
        core_metadata_each(info->metadata, req->arena, take, parts);
    if (!parts->text[NAME])
        parts->text[NAME] = info->project;
    if (info->requires_python)
        parts->text[REQUIRES_PYTHON] = info->requires_python;
    strbuf_char(out, '{');
    for (size_t i = 0; i < TEXTS; i++)
        put(out, texts[i].member, parts->text[i]);
    for (size_t i = 0; i < PROJECT_URLS; i++)
        put_list(out, parts, i, info->metadata);
    put_project_urls(out, parts, req->arena);
    put(out, "description", body ? body + 2 : NULL);
    put(out, "version", info->version);
    put(out, "platform", NULL);
    put(out, "docs_url", NULL);
    put(out, "bugtrack_url", NULL);
    put_address(out, req, "package_url", info);
    put_address(out, req, "project_url", info);
    put_address(out, req, "release_url", info);
    strbuf_text(out, "\"downloads\":{\"last_day\":-1,\"last_week\":-1,\"last_month\":-1},");
    put(out, "yanked_reason",
        info->yanked_reason && *info->yanked_reason ? info->yanked_reason : NULL);
    strbuf_format(out, "\"yanked\":%s}", info->is_yanked ? "true" : "false");
}
