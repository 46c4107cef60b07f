/* `packhouse status`: whether the server is ready, and for whom. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <string.h>

static const char *account_of(const struct client_answer *me)
{
    return json_text(json_get(me->json, "name"));
}

/* The key that was lost, where the current one was made for that; else NULL. */
static const char *lost_key_of(const struct client_answer *keys)
{
    const struct json *items = json_get(keys->json, "items");
    const char *because = json_text(json_get(json_at(items, 0), "because"));

    return because && !strcmp(because, "lost") ? json_text(json_get(json_at(items, 1), "keyid")) : NULL;
}

static void print(const struct command_call *call, bool is_ready, const char *account,
                  const char *lost_key, const struct error *trouble)
{
    struct strbuf out;

    if (!call->json) {
        printf("%s is %s%s\n", call->settings->url,
               is_ready ? "ready" : "not ready: ", is_ready ? "" : trouble->message);
        printf(account ? "You are %s.\n" : "No token that it knows was given.\n", account);
        if (lost_key)
            printf("The file of the signing key %s was lost, so the server made another one. What it had signed "
                   "stays valid: see packhouse key list.\n", lost_key);
        return;
    }
    strbuf_init(&out, call->arena, 1 << 16);
    strbuf_char(&out, '{');
    output_member(&out, "url", call->settings->url);
    strbuf_format(&out, ",\"ready\":%s", is_ready ? "true" : "false");
    if (!is_ready)
        output_member(&out, "reason", trouble->message);
    output_member(&out, "account", account);
    output_member(&out, "lost_signing_key", lost_key);
    strbuf_char(&out, '}');
    puts(out.data);
}

static int status(struct command_call *call)
{
    struct client_answer health = {0}, me = {0}, keys = {0};
    struct error trouble = {0};
    enum status rc = client_ask(call, "GET", "/-/readyz", NULL, &health, &trouble);

    if (rc && !health.code) {
        command_fail(call, &trouble);
    } else {
        (void)client_ask(call, "GET", "/api/v1/whoami", NULL, &me, NULL); /* or nobody */
        if (account_of(&me))
            (void)client_ask(call, "GET", "/api/v1/signing-keys", NULL, &keys, NULL);
        print(call, !rc, account_of(&me), lost_key_of(&keys), &trouble);
    }
    client_answer_clear(&health);
    client_answer_clear(&me);
    client_answer_clear(&keys);
    return rc ? EXIT_UNREACHABLE : EXIT_DONE;
}

const struct command status_commands[] = {
    {"status", NULL, NULL, "Says whether the server is ready",
     "Exit code 0: it is; 6: it is not, or does not answer.", NULL, SETTING_CLIENT, status},
    {0   },
};
