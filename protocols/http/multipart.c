#include "protocols/http/multipart.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { WINDOW_SIZE = 32 * 1024, BOUNDARY_MAX = 70 /* RFC 2046 5.1.1 */ };

/* The bytes in the window from start to end are read but not yet handed on. A part ends before the
 * delimiter, CR LF "--" boundary; since the body is taken to begin with CR LF, the first one is
 * found in the same way. */
struct multipart {
    struct reader reader; /* of the current part */
    struct reader *source;
    struct multipart_limits limits;
    struct multipart_part part;
    char delimiter[BOUNDARY_MAX + 5];
    size_t delimiter_length;
    char *window, *head;
    size_t start, end;
    size_t clear; /* bytes from start that are known to be the part's */
    size_t parts, total_text;
    bool source_ended;
    bool at_delimiter; /* the part's bytes are all handed on */
    bool is_over;      /* the last delimiter has been read */
};

static enum status malformed(struct error *err, const char *reason)
{
    return fail(err, STATUS_INVALID, "invalid-form", "The form is malformed: %s", reason);
}

static enum status cut_off(struct error *err)
{
    return fail(err, STATUS_INVALID, "incomplete-form", "The form ends before its last boundary");
}

/* Adds bytes to the window, after moving what is there to its front. */
static enum status fill(struct multipart *form, struct error *err)
{
    size_t got;
    enum status rc;

    memmove(form->window, form->window + form->start, form->end - form->start);
    form->end -= form->start;
    form->start = 0;
    if ((rc = reader_read(form->source, form->window + form->end, WINDOW_SIZE - form->end, &got,
                          err)))
        return rc;
    form->end += got;
    form->source_ended = !got;
    return STATUS_OK;
}

/* Makes clear count what is surely the part's: all before the delimiter, or before what may become
 * one when more is read. */
static void find_delimiter(struct multipart *form)
{
    const char *at = form->window + form->start;
    size_t ready = form->end - form->start;
    const char *found = memmem(at, ready, form->delimiter, form->delimiter_length);

    if (found) {
        form->clear = (size_t)(found - at);
        form->at_delimiter = found == at;
    } else if (ready >= form->delimiter_length) {
        form->clear = ready - (form->delimiter_length - 1);
    }
}

/* Waits until there is something clear, or the part has ended. */
static enum status advance(struct multipart *form, struct error *err)
{
    enum status rc;

    while (!form->clear && !form->at_delimiter) {
        find_delimiter(form);
        if (form->clear || form->at_delimiter)
            break;
        if (form->source_ended)
            return cut_off(err);
        if ((rc = fill(form, err)))
            return rc;
    }
    return STATUS_OK;
}

static void consume(struct multipart *form, size_t count)
{
    form->start += count;
    form->clear -= count;
}

static enum status read_part(struct reader *reader, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct multipart *form = (struct multipart *)reader;
    enum status rc;

    *got = 0;
    if ((rc = advance(form, err)))
        return rc;
    *got = form->clear < size ? form->clear : size;
    memcpy(buffer, form->window + form->start, *got);
    consume(form, *got);
    return STATUS_OK;
}

static enum status skip_part(struct multipart *form, struct error *err)
{
    enum status rc;

    do {
        consume(form, form->clear);
        if ((rc = advance(form, err)))
            return rc;
    } while (form->clear);
    return STATUS_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at))
        at++;
    return at;
}

/* RFC 9110 5.6.2. */
static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(const char *at)
{
    size_t length = 0;

    while (is_token_char(at[length]))
        length++;
    return length;
}

/* One parameter of a header, name=value, with value unquoted. */
struct parameter {
    const char *name;
    size_t name_length;
    char *value;
};

static bool parameter_is(const struct parameter *parameter, const char *name)
{
    return parameter->name_length == strlen(name) &&
           !strncasecmp(parameter->name, name, parameter->name_length);
}

/* Reads the "; name=value" at *at and goes behind it; false for what is none. The value is moved
 * one byte to the front, over '=' or the quote, which leaves room for its NUL. */
static bool next_parameter(char **at, struct parameter *out)
{
    char *in = skip_blanks(*at), *value;
    size_t length;

    if (*in != ';')
        return false;
    out->name = in = skip_blanks(in + 1);
    out->name_length = token_length(in);
    in = skip_blanks(in + out->name_length);
    if (!out->name_length || *in != '=')
        return false;
    in = skip_blanks(in + 1);
    if (*in != '"') {
        if (!(length = token_length(in)))
            return false;
        out->value = memmove(in - 1, in, length);
        out->value[length] = '\0';
        *at = skip_blanks(in + length);
        return true;
    }
    out->value = value = in;
    for (in++; *in != '"'; in++) {
        if (*in == '\\')
            in++;
        if (!*in)
            return false;
        *value++ = *in;
    }
    *value = '\0';
    *at = skip_blanks(in + 1);
    return true;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* RFC 8187 3.2, UTF-8'language'text with percent-encoding, as older Python clients send a file
 * name outside ASCII. Decodes in place; NULL for anything else. */
static char *decode_extended(char *value)
{
    char *quote, *out;

    if (strncasecmp(value, "utf-8'", 6) || !(quote = strchr(value + 6, '\'')))
        return NULL;
    value = out = quote + 1;
    for (const char *in = value; *in; in++)
        if (*in == '%') {
            int high = hex_value(in[1]), low = high < 0 ? -1 : hex_value(in[2]);

            if (low < 0 || !(high | low))
                return NULL;
            *out++ = (char)(high << 4 | low);
            in += 2;
        } else {
            *out++ = *in;
        }
    *out = '\0';
    return value;
}

/* RFC 7578 4.2: form-data; name="..."; filename="...". */
static enum status read_disposition(struct multipart *form, char *value, struct error *err)
{
    size_t length = token_length(value);
    struct parameter parameter;
    char *file_name = NULL;

    if (length != strlen("form-data") || strncasecmp(value, "form-data", length))
        return malformed(err, "a part's Content-Disposition is not form-data");
    if (form->part.name)
        return malformed(err, "a part has two Content-Disposition lines");
    for (value = skip_blanks(value + length); *value;) {
        if (!next_parameter(&value, &parameter))
            return malformed(err, "a part's Content-Disposition cannot be read");
        if (parameter_is(&parameter, "name")) {
            if (form->part.name)
                return malformed(err, "a part has two names");
            form->part.name = parameter.value;
        } else if (parameter_is(&parameter, "filename")) {
            if (form->part.file_name)
                return malformed(err, "a part has two file names");
            form->part.file_name = parameter.value;
        } else if (parameter_is(&parameter, "filename*")) {
            if (file_name || !(file_name = decode_extended(parameter.value)))
                return malformed(err, "a part's file name cannot be read");
        }
    }
    if (file_name)
        form->part.file_name = file_name;
    return form->part.name ? STATUS_OK : malformed(err, "a part has no name");
}

static bool header_is(const char *line, size_t length, const char *name)
{
    return length == strlen(name) && !strncasecmp(line, name, length);
}

static enum status read_header(struct multipart *form, char *line, struct error *err)
{
    size_t length = token_length(line);
    char *value = skip_blanks(line + length + (line[length] == ':'));

    if (!length || line[length] != ':')
        return malformed(err, "a part's header line has no name");
    if (header_is(line, length, "content-disposition"))
        return read_disposition(form, value, err);
    if (header_is(line, length, "content-type"))
        form->part.content_type = value;
    /* RFC 7578 4.7: deprecated, and what is not sent as it is would be stored wrongly. */
    if (header_is(line, length, "content-transfer-encoding") && strcasecmp(value, "binary") &&
        strcasecmp(value, "8bit") && strcasecmp(value, "7bit"))
        return malformed(err, "a part has a Content-Transfer-Encoding");
    return STATUS_OK;
}

/* Takes the line at the window's start, of at most room bytes with its end. */
static enum status take_line(struct multipart *form, size_t room, const char **line, size_t *length,
                             struct error *err)
{
    enum status rc;

    for (;;) {
        const char *at = form->window + form->start;
        size_t ready = form->end - form->start;
        const char *feed = memchr(at, '\n', ready);

        if (feed ? (size_t)(feed - at) >= room : ready > room)
            return fail(err, STATUS_TOO_LARGE, "form-too-large",
                        "The header lines of a part are over %zu bytes", form->limits.head);
        if (feed) {
            if (feed == at || feed[-1] != '\r')
                return malformed(err, "a line does not end with CR LF");
            *line = at;
            *length = (size_t)(feed - 1 - at);
            form->start += *length + 2;
            return STATUS_OK;
        }
        if (form->source_ended)
            return cut_off(err);
        if ((rc = fill(form, err)))
            return rc;
    }
}

/* Copies the part's header lines to head, where they stay while the part is read. */
static enum status read_head(struct multipart *form, struct error *err)
{
    char *head = form->head;
    const char *line;
    size_t length;
    enum status rc;

    form->part = (struct multipart_part){.body = &form->reader};
    for (;;) {
        size_t room = form->limits.head - (size_t)(head - form->head);

        if ((rc = take_line(form, room, &line, &length, err)))
            return rc;
        if (!length)
            break;
        if (memchr(line, '\0', length) || memchr(line, '\r', length))
            return malformed(err, "a part's header line holds a control character");
        memcpy(head, line, length);
        head[length] = '\0';
        if ((rc = read_header(form, head, err)))
            return rc;
        head += length + 1;
    }
    return form->part.name ? STATUS_OK : malformed(err, "a part has no Content-Disposition");
}

/* RFC 2046 5.1.1's bchars. */
static bool is_boundary(const char *text)
{
    size_t length = strlen(text);

    for (const char *at = text; *at; at++)
        if (!is_token_char(*at) && !strchr("(),/:=? ", *at))
            return false;
    return length && length <= BOUNDARY_MAX && text[length - 1] != ' ';
}

static enum status read_boundary(struct arena *arena, const char *content_type,
                                 const char **boundary, struct error *err)
{
    static const char wanted[] = "multipart/form-data";
    char *at = arena_copy(arena, content_type ? content_type : "");
    struct parameter parameter;

    *boundary = NULL;
    if (strncasecmp(at, wanted, strlen(wanted)) || is_token_char(at[strlen(wanted)]))
        return fail(err, STATUS_UNSUPPORTED, "not-a-form", "The body must be %s", wanted);
    for (at = skip_blanks(at + strlen(wanted)); *at;) {
        if (!next_parameter(&at, &parameter))
            return malformed(err, "its Content-Type cannot be read");
        if (parameter_is(&parameter, "boundary")) {
            if (*boundary)
                return malformed(err, "its Content-Type has two boundaries");
            *boundary = parameter.value;
        }
    }
    if (!*boundary || !is_boundary(*boundary))
        return malformed(err, "its Content-Type has no good boundary");
    return STATUS_OK;
}

enum status multipart_open(struct arena *arena, struct reader *body, const char *content_type,
                           const struct multipart_limits *limits, struct multipart **out,
                           struct error *err)
{
    struct multipart *form;
    const char *boundary;
    enum status rc;

    if ((rc = read_boundary(arena, content_type, &boundary, err)))
        return rc;
    form = arena_alloc(arena, sizeof *form);
    *form = (struct multipart){
        .reader = {read_part, NULL},
          .source = body, .limits = *limits
    };
    if (form->limits.head > WINDOW_SIZE / 2)
        form->limits.head = WINDOW_SIZE / 2;
    form->window = arena_alloc(arena, WINDOW_SIZE);
    form->head = arena_alloc(arena, form->limits.head);
    form->delimiter_length =
        (size_t)snprintf(form->delimiter, sizeof form->delimiter, "\r\n--%s", boundary);
    memcpy(form->window, "\r\n", 2);
    form->end = 2;
    *out = form;
    return STATUS_OK;
}

/* Behind the delimiter: "--" for the last one, else the rest of its line, which is blank. */
static enum status pass_delimiter(struct multipart *form, struct error *err)
{
    const char *line;
    size_t length;
    enum status rc;

    form->start += form->delimiter_length;
    form->at_delimiter = false;
    while (form->end - form->start < 2) {
        if (form->source_ended)
            return cut_off(err);
        if ((rc = fill(form, err)))
            return rc;
    }
    if (!memcmp(form->window + form->start, "--", 2)) {
        form->is_over = true;
        return STATUS_OK;
    }
    if ((rc = take_line(form, form->limits.head, &line, &length, err)))
        return rc;
    while (length && is_blank(line[length - 1]))
        length--;
    return length ? malformed(err, "a boundary is followed by something else") : STATUS_OK;
}

/* RFC 2046 5.1.1: what follows the last boundary is to be ignored. */
static enum status drain(struct multipart *form, struct error *err)
{
    enum status rc;

    while (!form->source_ended) {
        form->start = form->end;
        if ((rc = fill(form, err)))
            return rc;
    }
    return STATUS_OK;
}

enum status multipart_next(struct multipart *form, const struct multipart_part **out,
                           struct error *err)
{
    enum status rc;

    *out = NULL;
    if (form->is_over)
        return STATUS_OK;
    if ((rc = skip_part(form, err)) || (rc = pass_delimiter(form, err)))
        return rc;
    if (form->is_over)
        return drain(form, err);
    if (form->parts++ == form->limits.parts)
        return fail(err, STATUS_TOO_LARGE, "form-too-large", "The form has over %zu parts",
                    form->limits.parts);
    if ((rc = read_head(form, err)))
        return rc;
    *out = &form->part;
    return STATUS_OK;
}

enum status multipart_text(struct multipart *form, struct arena *arena, char **text, size_t *length,
                           struct error *err)
{
    size_t left = form->limits.total_text - form->total_text;
    struct strbuf value;
    char piece[4096];
    size_t got;
    enum status rc;

    strbuf_init(&value, arena, left < form->limits.text ? left : form->limits.text);
    do {
        if ((rc = read_part(&form->reader, piece, sizeof piece, &got, err)))
            return rc;
        strbuf_bytes(&value, piece, got);
        if (strbuf_failed(&value))
            return fail(err, STATUS_TOO_LARGE, "form-too-large",
                        "The form's field '%.100s' is over %zu bytes", form->part.name, value.cap);
    } while (got);
    form->total_text += value.length;
    *text = value.data;
    *length = value.length;
    return STATUS_OK;
}
