#include "config/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct yaml_cursor {
    yaml_parser_t parser;
    yaml_event_t event; /* what the next call takes, if has_event and not is_taken */
    bool has_event, is_taken, is_strict;
    const char *name, *text;
    size_t length;
    size_t character, byte; /* a place in text, both ways; libyaml counts characters */
};

/* column 0: not known. */
static enum status fail_at(const struct yaml_cursor *cursor, size_t line, size_t column,
                           struct error *err, const char *format, va_list args)
{
    char sentence[400];

    vsnprintf(sentence, sizeof sentence, format, args);
    if (cursor->is_strict && column)
        return fail(err, STATUS_INVALID, "", "%s:%zu:%zu: %s", cursor->name, line, column,
                    sentence);
    return fail(err, STATUS_INVALID, "", "%s:%zu: %s", cursor->name, line, sentence);
}

enum status yaml_fail(const struct yaml_cursor *cursor, size_t line, struct error *err,
                      const char *format, ...)
{
    enum status rc;
    va_list args;

    va_start(args, format);
    rc = fail_at(cursor, line, 0, err, format, args);
    va_end(args);
    return rc;
}

enum status yaml_fail_at(const struct yaml_cursor *cursor, const struct yaml_text *text,
                         struct error *err, const char *format, ...)
{
    enum status rc;
    va_list args;

    va_start(args, format);
    rc = fail_at(cursor, text->line, text->column, err, format, args);
    va_end(args);
    return rc;
}

/* A failure at the event that is next, or where libyaml stumbled. */
static enum status fail_at_mark(const struct yaml_cursor *cursor, const yaml_mark_t *mark,
                                struct error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static enum status fail_at_mark(const struct yaml_cursor *cursor, const yaml_mark_t *mark,
                                struct error *err, const char *format, ...)
{
    enum status rc;
    va_list args;

    va_start(args, format);
    rc = fail_at(cursor, mark->line + 1, mark->column + 1, err, format, args);
    va_end(args);
    return rc;
}

enum status yaml_cursor_open(const char *name, const char *text, size_t length,
                             struct yaml_cursor **out, struct error *err)
{
    struct yaml_cursor *cursor = calloc(1, sizeof *cursor);

    *out = NULL;
    if (!cursor || !yaml_parser_initialize(&cursor->parser)) {
        free(cursor);
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    }
    cursor->name = name;
    cursor->text = text;
    cursor->length = length;
    /* Said, not guessed: offsets are then those of the bytes that were given. */
    yaml_parser_set_encoding(&cursor->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&cursor->parser, (const unsigned char *)text, length);
    *out = cursor;
    return STATUS_OK;
}

void yaml_cursor_close(struct yaml_cursor *cursor)
{
    if (!cursor)
        return;
    if (cursor->has_event)
        yaml_event_delete(&cursor->event);
    yaml_parser_delete(&cursor->parser);
    free(cursor);
}

/* Bytes that are no text stumble libyaml's reader, which knows their offset alone, and runs ahead of the marks. */
static yaml_mark_t stumbled_at(const struct yaml_cursor *cursor)
{
    const yaml_parser_t *parser = &cursor->parser;
    yaml_mark_t mark = {0};

    if (parser->error != YAML_READER_ERROR)
        return parser->problem_mark;
    for (size_t i = 0; i < parser->problem_offset && i < cursor->length; i++) {
        if (cursor->text[i] == '\n')
            mark = (yaml_mark_t){.line = mark.line + 1};
        else
            mark.column += ((unsigned char)cursor->text[i] & 0xc0) != 0x80; /* a character's first byte */
    }
    return mark;
}

/* What one text can mean twice, or two things at once, is not for strict readers. */
static enum status check_plain(struct yaml_cursor *cursor, struct error *err)
{
    const yaml_event_t *event = &cursor->event;
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT) {
        anchor = event->data.alias.anchor;
    } else if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (!anchor && !tag)
        return STATUS_OK;
    return fail_at_mark(cursor, &event->start_mark, err, "%s '%.40s' is not taken here",
                        tag ? "the tag" : "the anchor or alias", tag ? tag : anchor);
}

/* Makes the event current that is to be taken next. */
static enum status look(struct yaml_cursor *cursor, struct error *err)
{
    if (cursor->has_event && !cursor->is_taken)
        return STATUS_OK;
    if (cursor->has_event)
        yaml_event_delete(&cursor->event);
    cursor->has_event = cursor->is_taken = false;
    if (!yaml_parser_parse(&cursor->parser, &cursor->event)) {
        yaml_mark_t mark = stumbled_at(cursor);

        return fail_at_mark(cursor, &mark, err, "%s",
                            cursor->parser.problem ? cursor->parser.problem : "is no YAML");
    }
    cursor->has_event = true;
    return cursor->is_strict ? check_plain(cursor, err) : STATUS_OK;
}

static size_t line_of(const struct yaml_cursor *cursor)
{
    return cursor->event.start_mark.line + 1;
}

void yaml_cursor_be_strict(struct yaml_cursor *cursor)
{
    cursor->is_strict = true;
}

enum status yaml_next_document(struct yaml_cursor *cursor, bool *has, struct error *err)
{
    enum status rc;

    *has = false;
    for (;;) {
        if ((rc = look(cursor, err)))
            return rc;
        switch (cursor->event.type) {
        case YAML_STREAM_END_EVENT:
        case YAML_NO_EVENT: return STATUS_OK;
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_START_EVENT:
        case YAML_DOCUMENT_END_EVENT: cursor->is_taken = true; break;
        default: *has = true; return STATUS_OK;
        }
    }
}

enum status yaml_peek(struct yaml_cursor *cursor, enum yaml_kind *kind, size_t *line,
                      struct error *err)
{
    enum status rc;

    if ((rc = look(cursor, err)))
        return rc;
    if (line)
        *line = line_of(cursor);
    switch (cursor->event.type) {
    case YAML_SCALAR_EVENT: *kind = YAML_TEXT; return STATUS_OK;
    case YAML_SEQUENCE_START_EVENT: *kind = YAML_LIST; return STATUS_OK;
    case YAML_MAPPING_START_EVENT: *kind = YAML_MAPPING; return STATUS_OK;
    case YAML_ALIAS_EVENT: *kind = YAML_ALIAS; return STATUS_OK;
    default: return fail_at_mark(cursor, &cursor->event.start_mark, err, "there is no value");
    }
}

static enum status expect(struct yaml_cursor *cursor, enum yaml_kind expected, struct error *err)
{
    static const char *const words[] = {"a text", "a list", "a mapping", "an alias"};
    enum yaml_kind kind = expected;
    size_t line;
    enum status rc;

    if ((rc = yaml_peek(cursor, &kind, &line, err)))
        return rc;
    if (kind != expected)
        return fail_at_mark(cursor, &cursor->event.start_mark, err, "expected %s, found %s",
                            words[expected], words[kind]);
    cursor->is_taken = true;
    return STATUS_OK;
}

enum status yaml_enter(struct yaml_cursor *cursor, enum yaml_kind list_or_mapping,
                       struct error *err)
{
    return expect(cursor, list_or_mapping, err);
}

enum status yaml_has_more(struct yaml_cursor *cursor, bool *has, struct error *err)
{
    enum status rc;

    if ((rc = look(cursor, err)))
        return rc;
    *has = cursor->event.type != YAML_SEQUENCE_END_EVENT &&
           cursor->event.type != YAML_MAPPING_END_EVENT;
    cursor->is_taken = !*has;
    return STATUS_OK;
}

/* Where a character is. Asked front to back, but for an end and then the start behind it. */
static size_t byte_of(struct yaml_cursor *cursor, size_t character)
{
    while (cursor->character < character && cursor->byte < cursor->length) {
        cursor->byte++;
        while (cursor->byte < cursor->length && (cursor->text[cursor->byte] & 0xC0) == 0x80)
            cursor->byte++;
        cursor->character++;
    }
    while (cursor->character > character && cursor->byte) {
        cursor->byte--;
        while (cursor->byte && (cursor->text[cursor->byte] & 0xC0) == 0x80)
            cursor->byte--;
        cursor->character--;
    }
    return cursor->byte;
}

enum status yaml_take_text(struct yaml_cursor *cursor, struct yaml_text *out, struct error *err)
{
    enum status rc;

    if ((rc = expect(cursor, YAML_TEXT, err)))
        return rc;
    *out = (struct yaml_text){
        .text = (const char *)cursor->event.data.scalar.value,
        .length = cursor->event.data.scalar.length,
        .line = line_of(cursor),
        .column = cursor->event.start_mark.column + 1,
        .offset = byte_of(cursor, cursor->event.start_mark.index),
        .end = byte_of(cursor, cursor->event.end_mark.index),
        .is_quoted = cursor->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE,
    };
    if (strlen(out->text) != out->length)
        return yaml_fail_at(cursor, out, err, "a text has a control character");
    return STATUS_OK;
}

enum status yaml_skip(struct yaml_cursor *cursor, struct error *err)
{
    size_t depth = 0;
    enum status rc;

    do {
        if ((rc = look(cursor, err)))
            return rc;
        switch (cursor->event.type) {
        case YAML_SCALAR_EVENT:
        case YAML_ALIAS_EVENT: break;
        case YAML_SEQUENCE_START_EVENT:
        case YAML_MAPPING_START_EVENT: depth++; break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            if (depth--)
                break;
            /* fall through */
        default: return yaml_fail(cursor, line_of(cursor), err, "there is no value");
        }
        cursor->is_taken = true;
    } while (depth);
    return STATUS_OK;
}

const char *yaml_library_version(void)
{
    return yaml_get_version_string();
}
