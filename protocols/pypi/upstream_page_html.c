#include "protocols/pypi/upstream_page.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { BUFFER_SIZE = 16 * 1024, NAME_MAX_LENGTH = 40, ATTRIBUTES_MAX = 16, TITLE_MAX = 512 };

struct attribute {
    const char *name, *value; /* entities resolved */
};

/* The few elements that an index is made of; all else is passed over. */
struct html {
    struct upstream_reading *reading;
    unsigned char *buffer;
    size_t at, end;
    enum status rc; /* of the reader */
    struct error *err;

    char tag[NAME_MAX_LENGTH + 1]; /* in lower case, cut where it is longer */
    struct attribute attributes[ATTRIBUTES_MAX];
    size_t attribute_count;
    struct strbuf value, text, title;

    struct upstream_raw raw; /* of the anchor that is open */
    bool in_anchor, in_title, is_index, has_base, is_overlong;
};

/* The next byte, or -1 at the end or a failure. */
static int next(struct html *html)
{
    if (html->at == html->end) {
        html->at = html->end = 0;
        if (!html->rc)
            html->rc = reader_read(html->reading->document, html->buffer, BUFFER_SIZE, &html->end,
                                   html->err);
        if (html->rc || !html->end)
            return -1;
    }
    return html->buffer[html->at++];
}

/* Gives back the byte that next() gave last. */
static void back(struct html *html, int c)
{
    if (c >= 0)
        html->at--;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static int skip_blanks(struct html *html)
{
    int c;

    while (is_blank(c = next(html)))
        ;
    return c;
}

static void skip_past(struct html *html, const char *end)
{
    size_t found = 0, length = strlen(end);
    int c;

    while (found < length && (c = next(html)) >= 0)
        if (end[found] == (c >= 'A' && c <= 'Z' ? c + 32 : c))
            found++;
        else if (found != 2 || c != end[0] || c != end[1]) /* "--->" ends a comment too */
            found = c == end[0];
}

static void add_utf8(struct strbuf *out, unsigned long c)
{
    if (c < 0x80) {
        strbuf_char(out, (char)c);
    } else if (c < 0x800) {
        strbuf_char(out, (char)(0xc0 | c >> 6));
        strbuf_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        strbuf_char(out, (char)(0xe0 | c >> 12));
        strbuf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        strbuf_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        strbuf_char(out, (char)(0xf0 | c >> 18));
        strbuf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        strbuf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        strbuf_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* A reference such as "&#x3E;" at text; 0 and *length 0 where there is none that means a character.
 */
static unsigned long read_number(const char *text, size_t *length)
{
    bool is_hex = text[2] == 'x' || text[2] == 'X';
    const char *digits = text + 2 + is_hex;
    size_t count = strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789");
    unsigned long c;

    *length = 0;
    if (!count || count > 8 || digits[count] != ';')
        return 0;
    c = strtoul(digits, NULL, is_hex ? 16 : 10);
    if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    *length = (size_t)(digits + count + 1 - text);
    return c;
}

static unsigned long read_reference(const char *text, size_t *length)
{
    static const struct {
        const char *text;
        unsigned long c;
    } names[] = {
        {"&amp;",  '&' },
        {"&lt;",   '<' },
        {"&gt;",   '>' },
        {"&quot;", '"' },
        {"&apos;", '\''},
        {"&nbsp;", 0xa0},
    };

    if (text[1] == '#')
        return read_number(text, length);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(text, names[i].text, *length = strlen(names[i].text)))
            return names[i].c;
    *length = 0;
    return 0;
}

/* Resolves references once: "&amp;gt;" is the text "&gt;". What is none stays as it is. */
static const char *unescape(struct arena *arena, const struct strbuf *text)
{
    struct strbuf out;
    unsigned long c;
    size_t length;

    if (!memchr(text->data, '&', text->length))
        return arena_copy(arena, text->data);
    strbuf_init(&out, arena, text->length + 16);
    for (const char *at = text->data; *at; at += length) {
        length = 0;
        if (*at == '&' && (c = read_reference(at, &length)))
            add_utf8(&out, c);
        if (!length)
            strbuf_bytes(&out, at, length = 1);
    }
    return out.data;
}

/* Adds a byte where there is room; false where not. U+0000 is none of HTML's. */
static bool add_byte(struct strbuf *out, int c)
{
    bool fits = c && out->length < out->cap;

    if (fits)
        strbuf_char(out, (char)c);
    return fits;
}

/* Reads up to a byte of these, which it gives back, in lower case; what does not fit is cut. */
static void read_name(struct html *html, const char *ends, char out[NAME_MAX_LENGTH + 1])
{
    size_t length = 0;
    int c;

    while ((c = next(html)) >= 0 && !is_blank(c) && (!c || !strchr(ends, c)))
        if (length < NAME_MAX_LENGTH)
            out[length++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    out[length] = '\0';
    back(html, c);
}

static void read_value(struct html *html, bool is_kept)
{
    int c = skip_blanks(html), quote = c == '"' || c == '\'' ? c : 0;
    bool fits = true;

    if (quote)
        c = next(html);
    while (c >= 0 && (quote ? c != quote : !is_blank(c) && c != '>')) {
        fits &= !is_kept || add_byte(&html->value, c);
        c = next(html);
    }
    if (!quote)
        back(html, c);
    html->is_overlong |= !fits;
}

/* One attribute; of two with one name the first counts, as HTML has it. */
static void read_attribute(struct html *html, bool is_kept)
{
    struct attribute *attribute = &html->attributes[html->attribute_count];
    char name[NAME_MAX_LENGTH + 1];
    int c;

    read_name(html, "=/>", name);
    strbuf_clear(&html->value);
    is_kept &= html->attribute_count < ATTRIBUTES_MAX;
    if ((c = skip_blanks(html)) == '=')
        read_value(html, is_kept);
    else
        back(html, c);
    if (!is_kept)
        return;
    *attribute = (struct attribute){arena_copy(html->reading->each, name),
                                    unescape(html->reading->each, &html->value)};
    html->attribute_count++;
}

static const char *attribute(const struct html *html, const char *name)
{
    for (size_t i = 0; i < html->attribute_count; i++)
        if (!strcmp(html->attributes[i].name, name))
            return html->attributes[i].value;
    return NULL;
}

static void read_attributes(struct html *html, bool is_kept)
{
    int c;

    html->attribute_count = 0;
    while ((c = skip_blanks(html)) >= 0 && c != '>')
        if (c != '/') {
            if (c == '=') { /* a name may begin with it */
                read_value(html, false);
                continue;
            }
            back(html, c);
            read_attribute(html, is_kept);
        }
}

/* "sha256=00&egg=x": each pair that names a digest. */
static void read_fragment(struct html *html, const char *link)
{
    const char *at = strchr(link, '#');
    char kind[16], hex[DIGEST_HEX_MAX];

    while (at) {
        if (sscanf(at + 1, "%15[a-z0-9_]=%128[0-9A-Fa-f]", kind, hex) == 2)
            upstream_raw_digest(&html->raw, kind, hex);
        at = strchr(at + 1, '&');
    }
}

/* PEP 714: the new spelling before the old one. */
static void read_metadata(struct html *html)
{
    const char *value = attribute(html, "data-core-metadata");

    if (!value)
        value = attribute(html, "data-dist-info-metadata");
    if (!value || !strcmp(value, "false"))
        return;
    html->raw.file.has_metadata = true;
    if (!strncmp(value, "sha256=", 7))
        html->raw.file.metadata_sha256 = value + 7;
}

static int64_t read_size(const char *text)
{
    size_t digits = text ? strspn(text, "0123456789") : 0;

    return digits && digits < 18 && !text[digits] ? strtoll(text, NULL, 10) : -1;
}

static void begin_anchor(struct html *html)
{
    const char *link = attribute(html, "href");
    struct upstream_file *file = &html->raw.file;

    upstream_raw_begin(&html->raw);
    strbuf_clear(&html->text);
    html->in_anchor = true;
    if (!link)
        return;
    file->url = link;
    file->requires_python = attribute(html, "data-requires-python");
    file->yanked = attribute(html, "data-yanked");
    file->uploaded = attribute(html, "data-upload-time");
    file->provenance = attribute(html, "data-provenance");
    file->size = read_size(attribute(html, "data-size"));
    read_fragment(html, link);
    read_metadata(html);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The last part of the link's path, decoded: what pip and uv take for the file's name. */
static const char *name_in_link(struct html *html, const char *link)
{
    size_t length = strcspn(link, "?#"), start = length;
    char *name, *out;

    while (start && link[start - 1] != '/')
        start--;
    name = out = arena_copy_bytes(html->reading->each, link + start, length - start);
    for (const char *in = name; *in; in++)
        if (*in == '%' && hex_value(in[1]) >= 0 && hex_value(in[2]) >= 0) {
            *out++ = (char)(hex_value(in[1]) * 16 + hex_value(in[2]));
            in += 2;
        } else {
            *out++ = *in;
        }
    *out = '\0';
    return name;
}

/* The text without blanks around it. */
static const char *name_in_text(struct html *html)
{
    const char *text = unescape(html->reading->each, &html->text);
    size_t length;

    text += strspn(text, " \t\r\n\f");
    length = strlen(text);
    while (length && is_blank(text[length - 1]))
        length--;
    return arena_copy_bytes(html->reading->each, text, length);
}

static enum status end_anchor(struct html *html)
{
    struct upstream_file *file = &html->raw.file;

    if (!html->in_anchor)
        return STATUS_OK;
    html->in_anchor = false;
    if (file->url) {
        file->name = name_in_link(html, file->url);
        if (!upstream_file_is_known(html->reading, file->name))
            file->name = name_in_text(html);
    }
    html->raw.is_unusable = html->is_overlong;
    return upstream_raw_end(html->reading, &html->raw, html->err);
}

/* HTML 4.2.3: the first base counts. */
static void read_base(struct html *html)
{
    const char *link = attribute(html, "href");
    const char *url = link && !html->has_base
                          ? url_resolve(html->reading->arena, html->reading->url, link)
                          : NULL;

    html->has_base |= !!link;
    if (url)
        html->reading->url = url;
}

static enum status read_meta(struct html *html)
{
    const char *name = attribute(html, "name"), *content = attribute(html, "content");
    struct upstream_page *out = html->reading->out;

    if (!name || !content)
        return STATUS_OK;
    if (!strcmp(name, "pypi:repository-version")) {
        html->is_index = true;
        if (strncmp(content, "1.", 2))
            return fail(html->err, STATUS_BAD_UPSTREAM, "api-version",
                        "the upstream's page of %s has API version %.20s, and 1 can be read",
                        html->reading->project, content);
    } else if (!strcmp(name, "pypi:project-status")) {
        snprintf(out->status, sizeof out->status, "%s", content);
    } else if (!strcmp(name, "pypi:project-status-reason") && !out->reason) {
        out->reason = arena_copy(html->reading->arena, content);
    }
    return STATUS_OK;
}

static bool tag_is(const struct html *html, const char *name)
{
    return !strcmp(html->tag, name);
}

static enum status read_start(struct html *html)
{
    bool is_kept;
    enum status rc = STATUS_OK;

    read_name(html, "/>", html->tag);
    if (tag_is(html, "a") && (rc = end_anchor(html)))
        return rc;
    is_kept =
        tag_is(html, "a") || (!html->in_anchor && (tag_is(html, "base") || tag_is(html, "meta")));
    if (is_kept) {
        arena_reset(html->reading->each);
        html->is_overlong = false;
    }
    read_attributes(html, is_kept);
    if (tag_is(html, "a"))
        begin_anchor(html);
    else if (is_kept && tag_is(html, "base"))
        read_base(html);
    else if (is_kept)
        rc = read_meta(html);
    else if (tag_is(html, "script"))
        skip_past(html, "</script");
    else if (tag_is(html, "style"))
        skip_past(html, "</style");
    else if (tag_is(html, "title") || tag_is(html, "h1"))
        html->in_title = true;
    return rc;
}

static enum status read_end(struct html *html)
{
    read_name(html, "/>", html->tag);
    read_attributes(html, false);
    if (tag_is(html, "title") || tag_is(html, "h1")) {
        html->in_title = false;
        add_byte(&html->title, '\n');
    }
    return tag_is(html, "a") ? end_anchor(html) : STATUS_OK;
}

static void read_comment(struct html *html)
{
    int c = next(html), second;

    if (c != '-') {
        back(html, c);
        skip_past(html, ">");
        return;
    }
    if ((second = next(html)) == '-') {
        skip_past(html, "-->");
        return;
    }
    back(html, second);
    skip_past(html, ">");
}

static enum status read_markup(struct html *html)
{
    int c = next(html);

    if (c == '/')
        return read_end(html);
    if (c == '!') {
        read_comment(html);
        return STATUS_OK;
    }
    if (c == '?') {
        skip_past(html, ">");
        return STATUS_OK;
    }
    back(html, c);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? read_start(html) : STATUS_OK;
}

/* An index without a file of the project still says what it is; a sign-in page says something else.
 */
static bool is_index(const struct html *html)
{
    static const char *const titles[] = {"links for", "simple index", "index of",
                                         "directory listing for"};

    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcasestr(html->title.data, titles[i]))
            return true;
    return html->is_index || html->reading->out->files;
}

enum status upstream_page_read_html(struct upstream_reading *reading, struct error *err)
{
    struct html html = {.reading = reading, .err = err};
    enum status rc = STATUS_OK;
    int c;

    html.buffer = arena_alloc(reading->arena, BUFFER_SIZE);
    strbuf_init(&html.value, reading->arena, UPSTREAM_TEXT_MAX);
    strbuf_init(&html.text, reading->arena, UPSTREAM_TEXT_MAX);
    strbuf_init(&html.title, reading->arena, TITLE_MAX);
    while (!rc && (c = next(&html)) >= 0)
        if (c == '<')
            rc = read_markup(&html);
        else if (html.in_anchor)
            add_byte(&html.text, c);
        else if (html.in_title)
            add_byte(&html.title, c);
    if (!rc)
        rc = html.rc;
    if (!rc)
        rc = end_anchor(&html);
    if (rc || is_index(&html))
        return rc;
    return fail(err, STATUS_BAD_UPSTREAM, "not-an-index",
                "the upstream's page of %s is HTML, but no index", reading->project);
}
