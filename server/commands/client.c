#include "server/commands/client.h"

#include "server/commands/profile.h"
#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/fetch.h"

#include <stdarg.h>
#include <string.h>

enum { ANSWER_MAX = 16 << 20, PATH_MAX_BYTES = 8192, SLOW_TIMEOUT_MS = 60 * 60 * 1000 };

const struct command_option client_options[] = {
    {"profile",                                                            "NAME", "the profile that packhouse login made [default]; none: no profile"},
    {0},
};

static const char *variable(const char *const *environment, const char *name)
{
    size_t length = strlen(name);

    for (; *environment; environment++)
        if (!strncmp(*environment, name, length) && (*environment)[length] == '=')
            return *environment + length + 1;
    return "";
}

/* Without a name the profile "default" is used where there is one. */
static enum status read_profile(const struct command_call *call, struct settings *settings,
                                const char *const *environment, struct error *err)
{
    const char *name = call->profile ? call->profile : variable(environment, "PACKHOUSE_PROFILE");
    struct error reason = {0};
    char *path;
    enum status rc;

    if (!strcmp(name, "none") || !strcmp(call->command->noun, "login"))
        return STATUS_OK; /* login makes the profile that it names */
    if (!*name && profile_path("default", call->arena, &path, NULL))
        return STATUS_OK; /* no home, so no profile either */
    rc = profile_read(*name ? name : "default", call->arena, settings, &reason);
    if (rc == STATUS_NOT_FOUND && !*name)
        return STATUS_OK;
    if (rc == STATUS_NOT_FOUND)
        return fail(err, rc, "", "there is no profile '%s'; packhouse login makes one", name);
    return rc ? fail(err, rc, "", "%s", reason.message) : STATUS_OK;
}

enum status client_load_settings(const struct command_call *call, struct settings *settings,
                                 int *argc, const char **argv, const char *const *environment,
                                 struct error *err)
{
    enum status rc;

    if ((rc = settings_read_environment(settings, SETTING_CLIENT, environment, err)) ||
        (rc = read_profile(call, settings, environment, err)) ||
        (rc = settings_read_flags(settings, SETTING_CLIENT, argc, argv, err)))
        return rc;
    if (settings_origin(settings, "url") == ORIGIN_FLAG &&
        settings_origin(settings, "token") == ORIGIN_PROFILE)
        return fail(err, STATUS_INVALID, "",
                    "--url needs --token too: the profile's token is for the profile's server");
    if (!*settings->url)
        return fail(err, STATUS_INVALID, "", "which server? Give --url, set PACKHOUSE_URL%s",
                    strcmp(call->command->noun, "login") ? ", or use packhouse login once" : "");
    return STATUS_OK;
}

void client_answer_clear(struct client_answer *answer)
{
    json_free(answer->json);
    *answer = (struct client_answer){0};
}

static enum status status_of(int code)
{
    switch (code) {
    case 401: return STATUS_UNAUTHENTICATED;
    case 403: return STATUS_FORBIDDEN;
    case 404:
    case 410: return STATUS_NOT_FOUND;
    case 409: return STATUS_CONFLICT;
    case 408:
    case 429:
    case 503: return STATUS_BUSY;
    default: return code >= 500 ? STATUS_INTERNAL : STATUS_INVALID;
    }
}

/* RFC 9457's detail is a sentence for a person. */
static enum status refusal(const struct client_answer *answer, const char *url, struct error *err)
{
    const char *detail = json_text(json_get(answer->json, "detail"));
    const char *code = json_text(json_get(answer->json, "code"));

    if (!detail)
        return fail(err, status_of(answer->code), "", "%s answered with status %d", url,
                    answer->code);
    return fail(err, status_of(answer->code), code ? code : "", "%s", detail);
}

static enum status read_body(const struct strbuf *text, const struct fetch_answer *head,
                             const char *url, struct client_answer *answer, struct error *err)
{
    enum status rc;

    if (!text->length)
        return STATUS_OK;
    rc = json_parse(text->data, text->length, ANSWER_MAX, &answer->json, NULL);
    if (rc && head->code < 300)
        return fail(err, STATUS_INTERNAL, "",
                    "%s answered with something that is no JSON: is it "
                    "Packhouse?",
                    url);
    return STATUS_OK;
}

/* timeout_ms 0: what fetch() takes. */
static enum status ask(const struct command_call *call, const char *method, const char *path,
                       int64_t revision, int64_t timeout_ms, const struct strbuf *body,
                       struct client_answer *answer, struct error *err)
{
    const char *url = call->settings->url, *token = call->settings->token;
    const char *headers[5] = {"Accept: application/json"};
    size_t count = 1;
    struct fetch_answer head = {0};
    struct strbuf text;
    enum status rc;

    *answer = (struct client_answer){0};
    strbuf_init(&text, NULL, ANSWER_MAX);
    if (*token)
        headers[count++] = arena_format(call->arena, "Authorization: Bearer %s", token);
    if (body)
        headers[count++] = "Content-Type: application/json";
    if (revision >= 0)
        headers[count++] = arena_format(call->arena, "If-Match: \"%lld\"", (long long)revision);
    if (body && strbuf_failed(body)) {
        rc = fail(err, STATUS_TOO_LARGE, "", "that is too much for one request");
        goto done;
    }
    const struct fetch_request request = {
        .method = method,
        .url = arena_format(call->arena, "%s%s", url, path),
        .headers = headers,
        .body = body ? body->data : NULL,
        .body_length = body ? body->length : 0,
        .timeout_ms = timeout_ms,
    };
    if ((rc = fetch(&request, &text, &head, err)))
        goto done;
    answer->code = head.code;
    if ((rc = read_body(&text, &head, url, answer, err)))
        goto done;
    if (head.code < 200 || head.code > 299)
        rc = refusal(answer, url, err);
done:
    strbuf_free(&text);
    return rc;
}

enum status client_ask(const struct command_call *call, const char *method, const char *path,
                       const struct strbuf *body, struct client_answer *answer, struct error *err)
{
    return ask(call, method, path, -1, 0, body, answer, err);
}

enum status client_ask_slow(const struct command_call *call, const char *path, struct client_answer *answer,
                            struct error *err)
{
    return ask(call, "GET", path, -1, SLOW_TIMEOUT_MS, NULL, answer, err);
}

enum status client_ask_if(const struct command_call *call, const char *method, const char *path,
                          int64_t revision, const struct strbuf *body, struct client_answer *answer,
                          struct error *err)
{
    return ask(call, method, path, revision, 0, body, answer, err);
}

char *client_path(const struct command_call *call, const char *format, ...)
{
    struct strbuf path;
    va_list args;

    strbuf_init(&path, call->arena, PATH_MAX_BYTES);
    va_start(args, format);
    for (; *format; format++)
        if (format[0] == '%' && format[1] == 's') {
            strbuf_url(&path, va_arg(args, const char *));
            format++;
        } else {
            strbuf_char(&path, *format);
        }
    va_end(args);
    return path.data;
}

enum status client_repository(const struct command_call *call, const char **org, const char **name,
                              struct error *err)
{
    if (!*call->settings->repo)
        return fail(err, STATUS_INVALID, "", "which repository? Give --repo ORG/NAME, or set PACKHOUSE_REPO");
    return client_split_repository(call, call->settings->repo, org, name, err);
}

enum status client_split_repository(const struct command_call *call, const char *text,
                                    const char **org, const char **name, struct error *err)
{
    const char *slash = strchr(text, '/');

    if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
        return fail(err, STATUS_INVALID, "", "'%.80s' is no repository; write it as ORG/NAME",
                    text);
    *org = arena_copy_bytes(call->arena, text, (size_t)(slash - text));
    *name = slash + 1;
    return STATUS_OK;
}
