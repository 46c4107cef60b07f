/* requirements.txt, as pip reads it: one requirement a line, with options. What it names elsewhere,
 * "-r other.txt", is told and not opened. */
#include "protocols/lockfile/reading.h"

#include <ctype.h>
#include <string.h>

struct requirement_line {
    struct reading *reading;
    const char *text; /* a copy of the file with blanks for comments and joined lines */
    size_t at, end;   /* offsets of what is left of the line, in the file as well */
    size_t number;
};

static const char *rest(const struct requirement_line *line)
{
    return line->text + line->at;
}

static void skip_blanks(struct requirement_line *line)
{
    while (line->at < line->end && isspace((unsigned char)line->text[line->at]))
        line->at++;
}

static bool starts_with(const struct requirement_line *line, const char *text)
{
    size_t length = strlen(text);

    return line->end - line->at >= length && !memcmp(rest(line), text, length);
}

/* The word that begins here, up to a blank; moves behind it. */
static const char *take_word(struct requirement_line *line, size_t *start)
{
    skip_blanks(line);
    *start = line->at;
    while (line->at < line->end && !isspace((unsigned char)line->text[line->at]))
        line->at++;
    return reading_copy(line->reading, line->text + *start, line->at - *start);
}

/* Joins lines that end in '\' and blanks out comments; a '#' within a word is none. */
static char *join_lines(struct reading *reading)
{
    char *text = reading_copy(reading, reading->text, reading->length);
    size_t start = 0, end, last;

    if (!strncmp(text, "\xEF\xBB\xBF", 3))
        memset(text, ' ', 3);
    for (; start < reading->length; start = end + 1) {
        end = start + strcspn(text + start, "\n");
        for (size_t i = start; i < end; i++)
            if (text[i] == '#' && (i == start || isspace((unsigned char)text[i - 1]))) {
                memset(text + i, ' ', end - i);
                break;
            }
        last = end > start && text[end - 1] == '\r' ? end - 1 : end;
        if (last > start && text[last - 1] == '\\') {
            text[last - 1] = ' ';
            if (end < reading->length)
                text[end] = ' ';
        }
    }
    return text;
}

static enum status tell_skipped(struct requirement_line *line, const char *name, const char *why,
                                struct error *err)
{
    struct lockfile_entry entry = {
        .what = LOCKFILE_SKIPPED,
        .format = LOCKFILE_OF_PYPI,
        .name = name,
        .why = why,
        .line = line->number,
    };

    return reading_tell(line->reading, &entry, err);
}

static enum status tell_index(struct requirement_line *line, const char *url, size_t offset,
                              struct error *err)
{
    struct lockfile_entry entry = {
        .what = LOCKFILE_REGISTRY,
        .format = LOCKFILE_OF_PYPI,
        .url = url,
        .url_offset = offset,
        .url_length = strlen(url),
        .line = line->number,
    };

    if (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))
        return STATUS_OK;
    return reading_tell(line->reading, &entry, err);
}

static const char *why_no_name(const char *place)
{
    if (!strncmp(place, "git+", 4))
        return "comes from git";
    return strstr(place, "://") ? "comes from a URL of its own, no index's"
                                : "is a file or folder of this project";
}

/* "--index-url=URL", "-r FILE": one option with its value. */
static enum status read_option(struct requirement_line *line, struct error *err)
{
    enum meaning { INDEX, OTHER_FILE, PROJECT };
    static const struct {
        const char *name;
        enum meaning meaning;
    } options[] = {
        {"--index-url",       INDEX     },
        {"--pypi-url",        INDEX     },
        {"--extra-index-url", INDEX     },
        {"--find-links",      INDEX     },
        {"-i",                INDEX     },
        {"-f",                INDEX     },
        {"--requirement",     OTHER_FILE},
        {"--constraint",      OTHER_FILE},
        {"-r",                OTHER_FILE},
        {"-c",                OTHER_FILE},
        {"--editable",        PROJECT   },
        {"-e",                PROJECT   },
    };
    const char *value;
    size_t offset;

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        size_t length = strlen(options[i].name);
        bool is_short = options[i].name[1] != '-';

        if (!starts_with(line, options[i].name) ||
            (!is_short && line->at + length < line->end && rest(line)[length] != '=' &&
             !isspace((unsigned char)rest(line)[length])))
            continue;
        line->at += length;
        if (line->at < line->end && *rest(line) == '=')
            line->at++;
        value = take_word(line, &offset);
        if (!*value)
            return reading_fail(line->reading, line->number, err, "%s lacks its value",
                                options[i].name);
        if (options[i].meaning == INDEX)
            return tell_index(line, value, offset, err);
        if (options[i].meaning == PROJECT)
            return tell_skipped(line, NULL, why_no_name(value), err);
        return tell_skipped(line, NULL,
                            arena_format(line->reading->arena,
                                         "is the file %.200s, which is not read from here", value),
                            err);
    }
    take_word(line, &offset); /* --pre, --no-binary :all: and others that name no place */
    return STATUS_OK;
}

/* The version of "==1.0" among "(>=1,==1.0)"; NULL without one. */
static const char *locked_version(struct reading *reading, const char *specifiers)
{
    const char *at = strstr(specifiers, "==");
    size_t length;

    if (!at)
        return NULL;
    if (at > specifiers && strchr("!<>~", at[-1]))
        return NULL;
    at += strspn(at, "=");
    at += strspn(at, " \t");
    length = strcspn(at, " \t,)*");
    return length && at[length] != '*' ? reading_copy(reading, at, length) : NULL;
}

static enum status tell_locked(struct requirement_line *line, struct lockfile_entry entry,
                               struct error *err)
{
    static const char option[] = "--hash";
    bool had_hash = false;
    size_t start;
    enum status rc = STATUS_OK;

    for (skip_blanks(line); !rc && line->at < line->end; skip_blanks(line)) {
        const char *word = take_word(line, &start);

        if (strncmp(word, option, sizeof option - 1))
            continue;
        word += sizeof option - 1;
        entry.digest = *word == '=' ? word + 1 : take_word(line, &start);
        if (!strchr(entry.digest, ':'))
            return reading_fail(line->reading, line->number, err, "--hash takes algorithm:digest");
        had_hash = true;
        rc = reading_tell(line->reading, &entry, err);
    }
    return rc || had_hash ? rc : reading_tell(line->reading, &entry, err);
}

static bool is_place(const char *word)
{
    const char *end = word + strlen(word);

    return strstr(word, "://") || strchr(word, '/') || word[0] == '.' ||
           (end - word > 4 && !strcmp(end - 4, ".whl"));
}

/* "name[extra] ==1.0 ; marker --hash=sha256:…", or "name @ URL", or a place alone. */
static enum status read_requirement(struct requirement_line *line, struct error *err)
{
    struct lockfile_entry entry = {
        .what = LOCKFILE_PACKAGE, .format = LOCKFILE_OF_PYPI, .line = line->number};
    size_t start = line->at, length, stop;
    const char *specifiers, *word = take_word(line, &start);

    if (is_place(word) && !strchr(word, '@') && !strchr(word, '='))
        return tell_skipped(line, NULL, why_no_name(word), err);
    if (strstr(word, "://") && strcspn(word, "@=<>!~[;") > strcspn(word, ":"))
        return tell_skipped(line, NULL, why_no_name(word), err);
    line->at = start;
    for (length = 0; start + length < line->end && (isalnum((unsigned char)rest(line)[length]) ||
                                                    strchr("._-", rest(line)[length]));
         length++)
        continue;
    if (!length)
        return reading_fail(line->reading, line->number, err, "expected the name of a project");
    entry.name = reading_copy(line->reading, rest(line), length);
    line->at += length;
    skip_blanks(line);
    if (line->at < line->end && *rest(line) == '[') {
        while (line->at < line->end && *rest(line) != ']')
            line->at++;
        if (line->at == line->end)
            return reading_fail(line->reading, line->number, err, "expected ']'");
        line->at++;
        skip_blanks(line);
    }
    if (line->at < line->end && *rest(line) == '@') {
        line->at++;
        return tell_skipped(line, entry.name, why_no_name(take_word(line, &start)), err);
    }
    if (line->at < line->end && !strchr("=<>!~(;-", *rest(line)))
        return reading_fail(line->reading, line->number, err,
                            "expected a version, ';' or '--hash' behind %s", entry.name);
    for (stop = line->at; stop < line->end && line->text[stop] != ';' &&
                          !(line->text[stop] == '-' && line->text[stop + 1] == '-');
         stop++)
        continue;
    specifiers = reading_copy(line->reading, rest(line), stop - line->at);
    line->at = stop;
    if (!(entry.version = locked_version(line->reading, specifiers)))
        return tell_skipped(line, entry.name, "is not locked to one version with ==", err);
    return tell_locked(line, entry, err);
}

enum status requirements_read(struct reading *reading, struct error *err)
{
    struct requirement_line line = {.reading = reading, .text = join_lines(reading)};
    enum status rc = STATUS_OK;

    for (size_t at = 0; !rc && at < reading->length;) {
        line.at = at;
        line.end = at + strcspn(line.text + at, "\n");
        at = line.end + 1;
        skip_blanks(&line);
        line.number = reading_line(reading, line.at);
        if (line.at < line.end && *rest(&line) != '-')
            rc = read_requirement(&line, err);
        else
            for (; !rc && line.at < line.end; skip_blanks(&line))
                rc = read_option(&line, err);
    }
    return rc;
}
