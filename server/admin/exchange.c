#include "server/admin/exchange.h"

#include "config/clock.h"
#include "storage/memory/arena.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 8 << 20, TEXTS_MAX = 64 };

struct actor admin_actor(const struct request *req)
{
    return (struct actor){req->principal, req->peer, req->id};
}

enum status admin_about(struct request *req, const char *member, enum status rc)
{
    if (rc == STATUS_INVALID)
        request_fact(req, "field", member);
    return rc;
}

enum status admin_invalid(struct request *req, const char *member, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return admin_about(req, member,
                       fail(&req->error, STATUS_INVALID, "invalid-value", "%s: %s", member, text));
}

enum status admin_body(struct request *req, const char *const *members, size_t count,
                       struct json **out)
{
    size_t length;
    enum status rc;
    char *text;

    *out = NULL;
    if ((rc = request_body_text(req, JSON_SIZE_DEFAULT, &text, &length)))
        return rc;
    if ((rc = json_parse(text, length, 0, out, &req->error)))
        return rc;
    return json_only(*out, members, count, &req->error);
}

enum status admin_need_text(struct request *req, const struct json *body, const char *member,
                            const char **out)
{
    return admin_about(req, member, json_need_text(body, member, out, &req->error));
}

enum status admin_get_text(struct request *req, const struct json *body, const char *member,
                           const char **out)
{
    return admin_about(req, member, json_get_text(body, member, out, &req->error));
}

enum status admin_get_int(struct request *req, const struct json *body, const char *member,
                          int64_t *out)
{
    return admin_about(req, member, json_get_int(body, member, out, &req->error));
}

enum status admin_get_bool(struct request *req, const struct json *body, const char *member,
                           bool *out)
{
    return admin_about(req, member, json_get_bool(body, member, out, &req->error));
}

enum status admin_get_texts(struct request *req, const struct json *body, const char *member,
                            const char *const **out, size_t *count)
{
    const struct json *array = NULL;
    const char **texts;
    enum status rc;

    *out = NULL;
    *count = 0;
    if ((rc = json_get_array(body, member, &array, &req->error)))
        return admin_about(req, member, rc);
    if (!array)
        return STATUS_OK;
    if (json_count(array) > TEXTS_MAX)
        return admin_invalid(req, member, "at most %d", TEXTS_MAX);
    texts = arena_array(req->arena, json_count(array) + 1, sizeof *texts);
    for (size_t i = 0; i < json_count(array); i++) {
        const char *text = json_text(json_at(array, i));

        if (!text)
            return admin_invalid(req, member, "holds something that is no text");
        texts[i] = arena_copy(req->arena, text);
    }
    *out = texts;
    *count = json_count(array);
    return STATUS_OK;
}

/* A number of digits alone; -1 for anything else. */
static int64_t parse_digits(const char *text)
{
    if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 18)
        return -1;
    return strtoll(text, NULL, 10);
}

enum status admin_page(struct request *req, bool by_id, struct page *out)
{
    const char *cursor = request_query(req, "cursor"), *limit = request_query(req, "limit");
    int64_t number;

    *out = (struct page){.after = cursor ? cursor : "", .limit = PAGE_DEFAULT};
    if (limit) {
        number = parse_digits(limit);
        if (number < 1 || number > PAGE_MAX)
            return admin_invalid(req, "limit", "from 1 to %d", PAGE_MAX);
        out->limit = (size_t)number;
    }
    if (by_id && *out->after && (out->id = parse_digits(out->after)) < 1)
        return admin_invalid(req, "cursor", "is not one that a list gave");
    return STATUS_OK;
}

enum status admin_path_id(struct request *req, int64_t *out)
{
    const char *text = request_param(req, "id");

    if ((*out = parse_digits(text)) < 1)
        return fail(&req->error, STATUS_NOT_FOUND, "", "there is nothing with the id %s", text);
    return STATUS_OK;
}

/* A comma, unless it is the first, and the name. */
static void write_name(struct strbuf *out, const char *name)
{
    if (out->length && !strchr("{[", out->data[out->length - 1]))
        strbuf_char(out, ',');
    if (name) {
        strbuf_json(out, name);
        strbuf_char(out, ':');
    }
}

void write_begin(struct strbuf *out, struct request *req)
{
    strbuf_init(out, req->arena, ANSWER_MAX);
}

void write_open(struct strbuf *out, const char *name, char bracket)
{
    write_name(out, name);
    strbuf_char(out, bracket);
}

void write_close(struct strbuf *out, char bracket)
{
    strbuf_char(out, bracket);
}

void write_text(struct strbuf *out, const char *name, const char *text)
{
    write_name(out, name);
    strbuf_json(out, text);
}

void write_int(struct strbuf *out, const char *name, int64_t value)
{
    write_name(out, name);
    strbuf_format(out, "%lld", (long long)value);
}

void write_bool(struct strbuf *out, const char *name, bool value)
{
    write_name(out, name);
    strbuf_text(out, value ? "true" : "false");
}

void write_time(struct strbuf *out, const char *name, int64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];

    if (time_us)
        clock_format_iso(time_us, text);
    write_text(out, name, time_us ? text : NULL);
}

void write_json(struct strbuf *out, const char *name, const char *json)
{
    write_name(out, name);
    strbuf_text(out, json && *json ? json : "null");
}

void write_actions(struct strbuf *out, const char *name, unsigned actions)
{
    write_open(out, name, '[');
    for (unsigned action = 1; action <= ACTIONS_ALL; action <<= 1)
        if (actions & action)
            write_text(out, NULL, action_name((enum action)action));
    write_close(out, ']');
}

void write_texts(struct strbuf *out, const char *name, const char *const *texts, size_t count)
{
    if (!texts) {
        write_text(out, name, NULL);
        return;
    }
    write_open(out, name, '[');
    for (size_t i = 0; i < count; i++)
        write_text(out, NULL, texts[i]);
    write_close(out, ']');
}

void write_next(struct strbuf *out, const char *cursor)
{
    write_close(out, ']');
    write_text(out, "next", cursor);
    write_close(out, '}');
}

enum status admin_respond(struct request *req, struct response *res, int code,
                          const struct strbuf *out)
{
    response_header(req, res, "Cache-Control", "no-store");
    return respond_strbuf(req, res, code, "application/json", out);
}

enum status admin_org(struct request *req, struct org *out)
{
    const char *name = request_param(req, "org");
    enum status rc = catalog_find_org(req->service->catalog, name, req->arena, out, &req->error);

    return rc == STATUS_NOT_FOUND || rc == STATUS_INVALID ? gate_no_org(req, name) : rc;
}

enum status admin_repository(struct request *req, const char *name, struct repository *out)
{
    const char *org = request_param(req, "org");
    enum status rc;

    rc = catalog_find_repository(req->service->catalog, org, name, req->arena, out, &req->error);
    return rc == STATUS_NOT_FOUND || rc == STATUS_INVALID
               ? gate_no_repository(req, arena_format(req->arena, "%s/%s", org, name))
               : rc;
}

enum format admin_format(const char *word)
{
    for (enum format format = FORMAT_NPM; format <= FORMAT_PYPI; format++)
        if (!strcmp(word, format_name(format)))
            return format;
    return 0;
}

enum status admin_package(struct request *req, const char *member, const char *text,
                          enum format *format, const char **name_norm)
{
    size_t length = strcspn(text ? text : "", ":");

    *format = text ? admin_format(arena_copy_bytes(req->arena, text, length)) : 0;
    if (!*format || !text[length] || !text[length + 1])
        return admin_invalid(req, member, "a package is written npm:NAME or pypi:NAME");
    *name_norm = admin_package_glob(req, text) + length + 1;
    return STATUS_OK;
}

enum status admin_find_visible(struct request *req, const char *path, struct repository *out)
{
    const char *slash = strchr(path, '/');
    enum status rc;

    if (!slash || slash == path || !slash[1] || strchr(slash + 1, '/'))
        return fail(&req->error, STATUS_INVALID, "invalid-value",
                    "a repository is written ORG/NAME, not %s", path);
    rc = catalog_find_repository(req->service->catalog,
                                 arena_copy_bytes(req->arena, path, (size_t)(slash - path)),
                                 slash + 1, req->arena, out, &req->error);
    if (rc && rc != STATUS_NOT_FOUND && rc != STATUS_INVALID)
        return rc;
    if (rc || !access_sees(req->principal, out))
        return gate_no_repository(req, path);
    return STATUS_OK;
}

const char *admin_package_glob(struct request *req, const char *glob)
{
    char *text, *to;

    if (strncmp(glob, "pypi:", 5))
        return glob;
    text = to = arena_copy(req->arena, glob);
    for (const char *at = glob; *at; at++)
        if (!strchr("-_.", *at))
            *to++ = (char)tolower((unsigned char)*at);
        else if (to[-1] != '-')
            *to++ = '-';
    *to = '\0';
    return text;
}

enum status admin_actions(struct request *req, const struct json *body, const char **role,
                          unsigned *actions)
{
    const char *const *names;
    size_t count;
    enum status rc;

    *role = NULL;
    *actions = 0;
    if ((rc = admin_get_text(req, body, "role", role)) ||
        (rc = admin_get_texts(req, body, "actions", &names, &count)))
        return rc;
    if (*role && names)
        return admin_invalid(req, "actions", "either a role or actions, not both");
    if (*role && !(*actions = role_actions(*role)))
        return admin_invalid(req, "role",
                             "reader, stager, publisher, maintainer, approver, admin, security or "
                             "org-admin");
    for (size_t i = 0; i < count; i++) {
        unsigned action = action_from_name(names[i]);

        if (!action)
            return admin_invalid(req, "actions", "%s is no action", names[i]);
        *actions |= action;
    }
    if (names && !count)
        return admin_invalid(req, "actions", "at least one");
    return STATUS_OK;
}
