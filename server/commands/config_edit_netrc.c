/* ~/.netrc: words, of which `machine HOST` begins an account. */
#include "server/commands/config_edit_text.h"
#include "storage/memory/arena.h"

#include <string.h>

enum { NETRC_MAX = 16 << 20 };

struct word {
    const char *text;
    size_t length;
};

static const char blanks[] = " \t\r\n";

/* A word that begins with '#' begins a comment, up to the line's end. */
static bool next_word(const char **at, struct word *word)
{
    for (;;) {
        *at += strspn(*at, blanks);
        if (**at != '#')
            break;
        *at += strcspn(*at, "\n");
    }
    word->text = *at;
    word->length = strcspn(*at, blanks);
    *at += word->length;
    return word->length > 0;
}

static bool word_is(const struct word *word, const char *text)
{
    return strlen(text) == word->length && !memcmp(word->text, text, word->length);
}

/* A macro goes to the next empty line. False where there is none. */
static bool skip_macro(const char **at)
{
    const char *end = strstr(*at, "\n\n");

    *at = end ? end + 2 : *at + strlen(*at);
    return end != NULL;
}

/* What a netrc says about one host. */
struct account {
    struct word login, password; /* text NULL: it says none */
    bool is_there, ends_in_macro;
    const char *before_default; /* where a new account goes: behind `default` nothing is read */
};

static void find_account(const char *text, const char *host, struct account *out)
{
    struct word word, value;
    bool is_within = false;
    const char *at = text;

    *out = (struct account){0};
    while (next_word(&at, &word)) {
        if (word_is(&word, "macdef")) {
            is_within = false;
            out->ends_in_macro = !skip_macro(&at);
        } else if (word_is(&word, "default")) {
            is_within = false;
            if (!out->before_default)
                out->before_default = word.text;
        } else if (word_is(&word, "machine") && next_word(&at, &value)) {
            is_within = !out->is_there && word_is(&value, host); /* the first one counts */
            out->is_there = out->is_there || is_within;
        } else if ((word_is(&word, "login") || word_is(&word, "password") ||
                    word_is(&word, "account")) &&
                   next_word(&at, &value)) {
            if (is_within && word_is(&word, "login"))
                out->login = value;
            if (is_within && word_is(&word, "password"))
                out->password = value;
        }
    }
}

enum status netrc_put(struct config_edit *edit, const char *host, const char *login,
                      const char *password, struct error *err)
{
    const char *line =
        arena_format(edit->arena, "machine %s login %s password %s", host, login, password);
    struct account account;
    const char *at, *gap;

    if (strlen(edit->text) > NETRC_MAX)
        return fail(err, STATUS_INVALID, "", "the netrc file is larger than %d MiB", NETRC_MAX >> 20);
    find_account(edit->text, host, &account);
    strbuf_format(&edit->put, "%s\n", line);
    if (!account.is_there) {
        at = account.before_default ? account.before_default : edit->text + strlen(edit->text);
        gap = at > edit->text && at[-1] != '\n' ? "\n" : "";
        if (account.ends_in_macro && !*at)
            gap = "\n\n";
        config_edit_splice(edit, at, at, arena_format(edit->arena, "%s%s\n", gap, line));
        return STATUS_OK;
    }
    if (!account.login.text || !account.password.text ||
        (!word_is(&account.login, login) && strncmp(account.password.text, "pkh", 3)))
        return fail(err, STATUS_INVALID, "",
                    "the netrc file has another account for %s, which is left alone; take it away, or give "
                    "it the token as its password",
                    host);
    config_edit_splice(edit, account.password.text, account.password.text + account.password.length, password);
    return STATUS_OK;
}
