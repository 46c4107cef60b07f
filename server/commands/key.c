/* `packhouse key`: the key with which the server signs its npm packages. */
#include "server/commands/nouns.h"
#include "server/commands/output.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

enum { BODY_MAX = 1024 };

static int list(struct command_call *call)
{
    static const struct output_column columns[] = {
        {"keyid",      "KEY"    },
        {"state",      "STATE"  },
        {"created_at", "CREATED"},
        {"expires_at", "EXPIRES"},
        {"because",    "BECAUSE"},
        {0},
    };

    return output_list(call, "/api/v1/signing-keys", "", columns);
}

static int rotate(struct command_call *call)
{
    struct client_answer answer = {0};
    struct error err = {0};
    struct strbuf nothing; /* a POST says how long its body is */
    int code;

    strbuf_init(&nothing, call->arena, BODY_MAX);
    if (client_ask(call, "POST", "/api/v1/signing-keys", &nothing, &answer, &err))
        code = command_fail(call, &err);
    else
        code = output_done(call, answer.json,
                           "From now on %s signs. What was signed before stays valid: the key before it is listed "
                           "with the time of its end.",
                           json_text(json_get(json_at(json_get(answer.json, "items"), 0), "keyid")));
    client_answer_clear(&answer);
    return code;
}

/* clang-format off */
const struct command key_commands[] = {
    {"key", "list", NULL, "Lists the keys with which the server signs, and has signed, npm packages",
     "BECAUSE says why a key was made: first; rotated; lost, for the file of the one before was gone; replaced,\n"
     "for another file was put there.", NULL, SETTING_CLIENT, list},
    {"key", "rotate", NULL, "Makes a new key; the one before stays listed, with the time of its end",
     "For the instance's owner. What was signed stays valid.", NULL, SETTING_CLIENT, rotate},
    {0},
};
