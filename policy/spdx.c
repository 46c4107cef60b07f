#include "policy/spdx.h"

#include "storage/memory/arena.h"
#include "storage/memory/glob.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SPELLING_MAX = SPDX_LENGTH_MAX + sizeof "-or-later" };

static const char id_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";

/* Reads and judges at once: what a part of the expression is worth is whether a choice of it can be
 * made of licences that are all in the list, or all out of it. */
struct spdx_parser {
    const char *at;
    const char *const *list;
    size_t count;
    bool in, has_failed;
    int depth;
};

/* One licence in small letters, in its current spelling: GNU's say "only" or "or later" since
 * SPDX 3.0. */
static void spell(const char *id, size_t length, char out[SPELLING_MAX])
{
    static const char *const families[] = {"agpl-", "gpl-", "lgpl-", "gfdl-"};
    bool has_plus = length && id[length - 1] == '+';
    const char *numbers;

    for (size_t i = 0; i < length; i++)
        out[i] = id[i] >= 'A' && id[i] <= 'Z' ? (char)(id[i] - 'A' + 'a') : id[i];
    out[length] = '\0';
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        if (strncmp(out, families[i], strlen(families[i])))
            continue;
        numbers = out + strlen(families[i]);
        if (numbers + strspn(numbers, "0123456789.") + has_plus == out + length)
            snprintf(out + length - has_plus, sizeof "-or-later", "%s",
                     has_plus ? "-or-later" : "-only");
    }
}

static void skip_blanks(struct spdx_parser *parser)
{
    parser->at += strspn(parser->at, " \t\n\r");
}

/* The length of the next word, which is not taken. */
static size_t peek_word(struct spdx_parser *parser)
{
    size_t length;

    skip_blanks(parser);
    length = strspn(parser->at, id_characters);
    if (length && !strncasecmp(parser->at, "DocumentRef-", 12) && parser->at[length] == ':')
        length += 1 + strspn(parser->at + length + 1, id_characters);
    return length;
}

static bool take_word(struct spdx_parser *parser, const char *word)
{
    size_t length = peek_word(parser);

    if (length != strlen(word) || strncasecmp(parser->at, word, length))
        return false;
    parser->at += length;
    return true;
}

static bool is_operator(const char *word, size_t length)
{
    static const char *const operators[] = {"AND", "OR", "WITH"};

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (length == strlen(operators[i]) && !strncasecmp(word, operators[i], length))
            return true;
    return false;
}

static bool is_in_list(const struct spdx_parser *parser, const char *text)
{
    for (size_t i = 0; i < parser->count; i++)
        if (glob_matches(parser->list[i], text))
            return true;
    return false;
}

static bool license_is_in_list(const struct spdx_parser *parser, const char *id,
                               const char *exception, size_t exception_length)
{
    char with[2 * SPELLING_MAX + sizeof " with "], plain[SPELLING_MAX];
    size_t length = strlen(id);

    if (is_in_list(parser, id))
        return true;
    if (length && id[length - 1] == '+') {
        snprintf(plain, sizeof plain, "%.*s", (int)length - 1, id);
        if (is_in_list(parser, plain))
            return true;
    }
    if (!exception)
        return false;
    spell(exception, exception_length, plain);
    snprintf(with, sizeof with, "%s with %s", id, plain);
    return is_in_list(parser, with);
}

static bool failed(struct spdx_parser *parser)
{
    parser->has_failed = true;
    return false;
}

static bool take_license(struct spdx_parser *parser)
{
    size_t length = peek_word(parser), exception_length = 0;
    const char *exception = NULL;
    char id[SPELLING_MAX];

    if (!length || is_operator(parser->at, length))
        return failed(parser);
    length += parser->at[length] == '+';
    spell(parser->at, length, id);
    parser->at += length;
    if (*parser->at && !strchr(" \t\n\r()", *parser->at))
        return failed(parser);
    if (take_word(parser, "WITH")) {
        exception_length = peek_word(parser);
        exception = parser->at;
        if (!exception_length || is_operator(exception, exception_length))
            return failed(parser);
        parser->at += exception_length;
    }
    return license_is_in_list(parser, id, exception, exception_length) == parser->in;
}

static bool take_or(struct spdx_parser *parser);

static bool take_group(struct spdx_parser *parser)
{
    bool can;

    skip_blanks(parser);
    if (*parser->at != '(')
        return take_license(parser);
    if (++parser->depth > SPDX_DEPTH_MAX)
        return failed(parser);
    parser->at++;
    can = take_or(parser);
    skip_blanks(parser);
    if (*parser->at != ')')
        return failed(parser);
    parser->at++;
    parser->depth--;
    return can;
}

/* AND binds more tightly than OR. */
static bool take_and(struct spdx_parser *parser)
{
    bool can = take_group(parser);

    while (!parser->has_failed && take_word(parser, "AND"))
        can &= take_group(parser);
    return can;
}

static bool take_or(struct spdx_parser *parser)
{
    bool can = take_and(parser);

    while (!parser->has_failed && take_word(parser, "OR"))
        can |= take_and(parser);
    return can;
}

static bool judge(const char *text, const char *const *list, size_t count, bool in, bool *is_valid)
{
    struct spdx_parser parser = {.at = text, .list = list, .count = count, .in = in};
    bool can;

    *is_valid = strnlen(text, SPDX_LENGTH_MAX + 1) <= SPDX_LENGTH_MAX;
    if (!*is_valid)
        return false;
    can = take_or(&parser);
    skip_blanks(&parser);
    *is_valid = !parser.has_failed && !*parser.at;
    return *is_valid && can;
}

bool spdx_is_valid(const char *text)
{
    bool is_valid;

    judge(text, NULL, 0, true, &is_valid);
    return is_valid;
}

bool spdx_is_allowed(const char *text, const char *const *list, size_t count)
{
    bool is_valid;

    return judge(text, list, count, true, &is_valid);
}

bool spdx_avoids(const char *text, const char *const *list, size_t count)
{
    bool is_valid;

    return judge(text, list, count, false, &is_valid);
}

/* Letters of ids and stars. */
static size_t glob_length(const char *text)
{
    size_t length = strspn(text, id_characters);

    while (text[length] == '*')
        length += 1 + strspn(text + length + 1, id_characters);
    return length;
}

const char *spdx_list_entry(const char *text, struct arena *arena)
{
    size_t length = strnlen(text, SPDX_LENGTH_MAX + 1), id = glob_length(text);
    char first[SPELLING_MAX], second[SPELLING_MAX];

    if (!id || length > SPDX_LENGTH_MAX || is_operator(text, id))
        return NULL;
    id += text[id] == '+' && text[id - 1] != '*';
    spell(text, id, first);
    if (id == length)
        return arena_copy(arena, first);
    /* One blank on each side of the word, as license_is_in_list() has it. */
    if (strncasecmp(text + id, " WITH ", 6) || !text[id + 6])
        return NULL;
    text += id + 6;
    if (text[glob_length(text)])
        return NULL;
    spell(text, strlen(text), second);
    return arena_format(arena, "%s with %s", first, second);
}
