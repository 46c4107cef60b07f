#include "protocols/lockfile/toml.h"

#include <ctype.h>
#include <string.h>

enum { PATH_MAX_BYTES = 2048, VALUES_DEEP_MAX = 64 };

struct toml {
    struct reading *reading;
    const char *at, *end; /* *end is NUL */
    toml_visit visit;
    void *context;
    char path[PATH_MAX_BYTES];
    size_t path_length;
};

static enum status take_value(struct toml *toml, unsigned depth, struct error *err);

static enum status broken(struct toml *toml, struct error *err, const char *what)
{
    return reading_fail(toml->reading,
                        reading_line(toml->reading, (size_t)(toml->at - toml->reading->text)), err,
                        "%s", what);
}

static void skip_blanks(struct toml *toml)
{
    toml->at += strspn(toml->at, " \t");
}

static void skip_comment(struct toml *toml)
{
    if (*toml->at == '#')
        toml->at += strcspn(toml->at, "\n");
}

/* Blanks, comments and ends of lines, as between the elements of an array. */
static void skip_lines(struct toml *toml)
{
    const char *before;

    do {
        before = toml->at;
        toml->at += strspn(toml->at, " \t\r\n");
        skip_comment(toml);
    } while (toml->at != before);
}

static enum status end_line(struct toml *toml, struct error *err)
{
    skip_blanks(toml);
    skip_comment(toml);
    if (*toml->at == '\r')
        toml->at++;
    if (*toml->at == '\n')
        toml->at++;
    else if (toml->at != toml->end)
        return broken(toml, err, "expected the end of the line");
    return STATUS_OK;
}

static void add_code_point(struct strbuf *out, unsigned long code)
{
    char bytes[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (size_t i = length; i-- > 1; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(length == 1 ? code : (0xF00 >> length | code));
    strbuf_bytes(out, bytes, length);
}

static enum status take_escape(struct toml *toml, struct strbuf *out, struct error *err)
{
    static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
    const char *letter = *toml->at ? strchr(letters, *toml->at) : NULL;
    size_t digits = *toml->at == 'u' ? 4 : *toml->at == 'U' ? 8 : 0;
    unsigned long code = 0;

    if (letter) {
        strbuf_char(out, meanings[letter - letters]);
        toml->at++;
        return STATUS_OK;
    }
    if (!digits)
        return broken(toml, err, "a string has an escape that TOML has not");
    toml->at++;
    for (; digits && isxdigit((unsigned char)*toml->at); digits--, toml->at++)
        code = code << 4 |
               (unsigned long)(isdigit((unsigned char)*toml->at) ? *toml->at - '0'
                                                                 : (*toml->at | 32) - 'a' + 10);
    if (digits || !code || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return broken(toml, err, "a string has an escape that is no character");
    add_code_point(out, code);
    return STATUS_OK;
}

/* A '\' at the end of a line of a """string""": it and all blanks behind it are not there. */
static bool skip_line_end(struct toml *toml)
{
    const char *at = toml->at + strspn(toml->at, " \t\r");

    if (*at != '\n')
        return false;
    toml->at = at + strspn(at, " \t\r\n");
    return true;
}

/* The quote is at toml->at. The text is good until the next one. */
static enum status take_string(struct toml *toml, const char **out, struct error *err)
{
    char quote = *toml->at;
    const char delimiter[] = {quote, quote, quote, '\0'};
    bool is_long = !strncmp(toml->at, delimiter, 3);
    struct strbuf *text = &toml->reading->scratch;
    enum status rc;

    strbuf_clear(text);
    toml->at += is_long ? 3 : 1;
    if (is_long)
        toml->at += *toml->at == '\n' ? 1 : !strncmp(toml->at, "\r\n", 2) ? 2 : 0;
    for (;;) {
        if (is_long && !strncmp(toml->at, delimiter, 3)) {
            /* Up to two more quotes belong to the text: """"x"""". */
            for (int i = 0; i < 2 && toml->at[3] == quote; i++, toml->at++)
                strbuf_char(text, quote);
            break;
        }
        if (!is_long && *toml->at == quote)
            break;
        if (toml->at == toml->end || (!is_long && *toml->at == '\n'))
            return broken(toml, err, "a string has no end");
        if ((unsigned char)*toml->at < ' ' && !strchr(is_long ? "\t\r\n" : "\t", *toml->at))
            return broken(toml, err, "a string has a control character");
        if (*toml->at == '\\' && quote == '"') {
            toml->at++;
            if (!(is_long && skip_line_end(toml)) && (rc = take_escape(toml, text, err)))
                return rc;
        } else {
            strbuf_char(text, *toml->at++);
        }
    }
    toml->at += is_long ? 3 : 1;
    *out = text->data;
    return strbuf_failed(text) ? broken(toml, err, "a string is longer than 1 MiB") : STATUS_OK;
}

static enum status add_key(struct toml *toml, const char *key, size_t length, struct error *err)
{
    if (toml->path_length + length + 2 > sizeof toml->path)
        return broken(toml, err, "the keys are too long");
    if (toml->path_length)
        toml->path[toml->path_length++] = '.';
    for (size_t i = 0; i < length; i++)
        toml->path[toml->path_length++] = key[i] == '.' ? '\1' : key[i];
    toml->path[toml->path_length] = '\0';
    return STATUS_OK;
}

/* Adds a, b and c of "a.b.c" to the path. */
static enum status take_keys(struct toml *toml, struct error *err)
{
    enum status rc;

    for (;;) {
        const char *key;
        size_t length;

        skip_blanks(toml);
        if (*toml->at == '"' || *toml->at == '\'') {
            if ((rc = take_string(toml, &key, err)))
                return rc;
            length = strlen(key);
        } else {
            for (key = toml->at;
                 isalnum((unsigned char)*toml->at) || *toml->at == '_' || *toml->at == '-';
                 toml->at++)
                continue;
            if (!(length = (size_t)(toml->at - key)))
                return broken(toml, err, "expected a key");
        }
        if ((rc = add_key(toml, key, length, err)))
            return rc;
        skip_blanks(toml);
        if (*toml->at != '.')
            return STATUS_OK;
        toml->at++;
    }
}

static void cut_path(struct toml *toml, size_t length)
{
    toml->path_length = length;
    toml->path[length] = '\0';
}

static enum status take_pair(struct toml *toml, unsigned depth, struct error *err)
{
    size_t above = toml->path_length;
    enum status rc;

    if ((rc = take_keys(toml, err)))
        return rc;
    if (*toml->at != '=')
        return broken(toml, err, "expected '=' behind a key");
    toml->at++;
    skip_blanks(toml);
    rc = take_value(toml, depth, err);
    cut_path(toml, above);
    return rc;
}

static enum status tell_element(struct toml *toml, struct error *err)
{
    size_t place = (size_t)(toml->at - toml->reading->text);
    struct toml_item item = {.path = toml->path, .is_element = true, .start = place, .end = place};

    return toml->visit(toml->context, &item, err);
}

static enum status take_array(struct toml *toml, unsigned depth, struct error *err)
{
    enum status rc;

    toml->at++;
    for (skip_lines(toml); *toml->at != ']'; skip_lines(toml)) {
        if (*toml->at == '{' && (rc = tell_element(toml, err)))
            return rc;
        if ((rc = take_value(toml, depth + 1, err)))
            return rc;
        skip_lines(toml);
        if (*toml->at == ',')
            toml->at++;
        else if (*toml->at != ']')
            return broken(toml, err, "expected ',' or ']' in an array");
    }
    toml->at++;
    return STATUS_OK;
}

/* Line ends and a last comma, which TOML 1.1 allows here, are taken. */
static enum status take_inline_table(struct toml *toml, unsigned depth, struct error *err)
{
    enum status rc;

    toml->at++;
    for (skip_lines(toml); *toml->at != '}'; skip_lines(toml)) {
        if ((rc = take_pair(toml, depth + 1, err)))
            return rc;
        skip_lines(toml);
        if (*toml->at == ',')
            toml->at++;
        else if (*toml->at != '}')
            return broken(toml, err, "expected ',' or '}' in a table");
    }
    toml->at++;
    return STATUS_OK;
}

/* true, 12, 1e6, inf, 1979-05-27T07:32:00Z: only that it may be one. */
static enum status take_word(struct toml *toml, struct error *err)
{
    const char *start = toml->at;
    size_t length;

    while (isalnum((unsigned char)*toml->at) || (*toml->at && strchr("+-_.:", *toml->at)))
        toml->at++;
    length = (size_t)(toml->at - start);
    if (length == 10 && start[4] == '-' && start[7] == '-' && *toml->at == ' ' &&
        isdigit((unsigned char)toml->at[1]))
        for (toml->at++;
             isdigit((unsigned char)*toml->at) || (*toml->at && strchr("+-.:Z", *toml->at));)
            toml->at++;
    if (length && (isdigit((unsigned char)*start) || *start == '+' || *start == '-'))
        return STATUS_OK;
    if ((length == 4 && !memcmp(start, "true", 4)) || (length == 5 && !memcmp(start, "false", 5)) ||
        (length == 3 && (!memcmp(start, "inf", 3) || !memcmp(start, "nan", 3))))
        return STATUS_OK;
    toml->at = start;
    return broken(toml, err, "expected a value");
}

static enum status take_value(struct toml *toml, unsigned depth, struct error *err)
{
    const char *start = toml->at;
    struct toml_item item = {.path = toml->path};
    enum status rc;

    if (depth > VALUES_DEEP_MAX)
        return broken(toml, err, "arrays and tables are too deep in one another");
    if (*start == '[')
        return take_array(toml, depth, err);
    if (*start == '{')
        return take_inline_table(toml, depth, err);
    rc =
        *start == '"' || *start == '\'' ? take_string(toml, &item.text, err) : take_word(toml, err);
    if (rc)
        return rc;
    item.start = (size_t)(start - toml->reading->text);
    item.end = (size_t)(toml->at - toml->reading->text);
    return toml->visit(toml->context, &item, err);
}

/* "[a.b]" or "[[a.b]]": what the pairs below stand in. */
static enum status take_header(struct toml *toml, struct error *err)
{
    bool is_array = toml->at[1] == '[';
    enum status rc;

    toml->at += is_array ? 2 : 1;
    cut_path(toml, 0);
    if ((rc = take_keys(toml, err)))
        return rc;
    if (*toml->at != ']' || (is_array && toml->at[1] != ']'))
        return broken(toml, err, "expected the end of a table's name");
    toml->at += is_array ? 2 : 1;
    return is_array ? tell_element(toml, err) : STATUS_OK;
}

enum status toml_read(struct reading *reading, toml_visit visit, void *context, struct error *err)
{
    struct toml toml = {
        .reading = reading,
        .at = reading->text,
        .end = reading->text + reading->length,
        .visit = visit,
        .context = context,
    };
    enum status rc = STATUS_OK;

    if (!strncmp(toml.at, "\xEF\xBB\xBF", 3))
        toml.at += 3;
    for (skip_lines(&toml); !rc && toml.at != toml.end; skip_lines(&toml)) {
        rc = *toml.at == '[' ? take_header(&toml, err) : take_pair(&toml, 0, err);
        if (!rc)
            rc = end_line(&toml, err);
    }
    return rc;
}
