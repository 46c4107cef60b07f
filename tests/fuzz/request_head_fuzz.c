/* A head that passes the check means the same to a parser that takes every byte of it at its word:
 * whatever the lenient parser has passed over, the check has noticed. */
#include "server/request_head.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIELDS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Cuts a word off in place, and every blank and line end behind it. */
static char *cut_word(char **at, bool ends_line)
{
    char *word = *at;

    while (isgraph((unsigned char)**at))
        (*at)++;
    if (ends_line ? **at != '\r' && **at != '\n' : **at != ' ')
        return NULL;
    do
        *(*at)++ = '\0';
    while (isspace((unsigned char)**at));
    return word;
}

/* Cuts fields off until a line has no name. False where the library refuses. */
static bool cut_fields(char *at, struct header *fields, size_t *count)
{
    for (*count = 0; *count < FIELDS_MAX; (*count)++) {
        char *name = at;

        while (*at > ' ' && *at < 127 && *at != ':')
            at++;
        if (at == name)
            return true;
        while (*at == ' ')
            *at++ = '\0';
        if (*at != ':')
            return false;
        *at++ = '\0';
        at += strspn(at, " \t");
        fields[*count] = (struct header){name, at};
        at += strcspn(at, "\r\n");
        if (*at == '\r')
            *at++ = '\0';
        if (*at && *at != '\n')
            return false;
        if (*at)
            *at++ = '\0';
        if (!*at || *at == '\r' || *at == '\n') {
            (*count)++;
            return true;
        }
    }
    return true;
}

/* As lenient as the library is. */
static bool cut_head(char *text, struct request_head *head, struct header *fields)
{
    char *at = text, *query;

    for (; *at; at++)
        if (iscntrl((unsigned char)*at) && *at != '\r' && *at != '\n')
            return false;
    at = text;
    head->method = cut_word(&at, false);
    head->uri = head->method ? cut_word(&at, false) : NULL;
    head->version = head->uri ? cut_word(&at, true) : NULL;
    if (!head->version || strncmp(head->version, "HTTP/", 5) != 0 || !*head->uri)
        return false;
    head->version += 5;
    if (strcmp(head->version, "1.0") != 0 && strcmp(head->version, "1.1") != 0)
        return false;
    if ((query = strchr(head->uri, '?')))
        *query++ = '\0';
    head->target = head->uri;
    head->query = query;
    head->fields = fields;
    return cut_fields(at, fields, &head->field_count);
}

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* RFC 9112 2.1, 5: the same fields, each on a line of its own that ends with CRLF. */
static void hold_against_bytes(const char *text, const struct request_head *head)
{
    const char *end = strstr(text, "\r\n"), *name;

    must(end && strcspn(text, "\r\n") == (size_t)(end - text));
    for (size_t i = 0; i < head->field_count; i++) {
        const char *line = end + 2, *colon, *value;

        end = strstr(line, "\r\n");
        must(end && end > line && !memchr(line, '\n', (size_t)(end - line)) &&
             !memchr(line, '\r', (size_t)(end - line)));
        colon = memchr(line, ':', (size_t)(end - line));
        must(colon && colon > line);
        name = head->fields[i].name;
        must(strlen(name) == (size_t)(colon - line) && !strncmp(name, line, strlen(name)));
        value = colon + 1 + strspn(colon + 1, " \t");
        must(strlen(head->fields[i].value) == (size_t)(end > value ? end - value : 0));
    }
    must(!strncmp(end, "\r\n\r\n", 4));
}

static size_t count_fields(const struct request_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += !strcasecmp(head->fields[i].name, name);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *cut;
    struct header fields[FIELDS_MAX];
    struct request_head head = {0};
    struct request_framing framing;
    char *end;

    memcpy(text, data, size);
    text[size] = '\0';
    /* The library looks for an empty line first, and cuts the head at its last byte. */
    for (end = strchr(text, '\n'); end && end[1] != '\n' && strncmp(end, "\n\r\n", 3) != 0;)
        end = strchr(end + 1, '\n');
    if (end)
        end[end[1] == '\n' ? 2 : 3] = '\0';
    cut = strdup(text);
    if (end)
        cut[strlen(cut) - 1] = '\0';
    /* What the shim tells. */
    head.line_ends_well = !strncmp(text + strcspn(text, "\r\n"), "\r\n", 2);
    if (end && cut_head(cut, &head, fields) && !request_head_check(&head, &framing, NULL)) {
        if (head.field_count)
            hold_against_bytes(text, &head);
        else
            must(!framing.keep_alive); /* blanks may stand in it, so it must be the last */
        must(count_fields(&head, "Content-Length") + count_fields(&head, "Transfer-Encoding") <= 1);
        must(count_fields(&head, "Host") <= 1);
        must(framing.is_chunked == (framing.content_length < 0));
    }
    free(cut);
    free(text);
    return 0;
}
