#include "protocols/lockfile/reading.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

enum { NAME_MAX_BYTES = 214, VERSION_MAX_BYTES = 256 };

size_t reading_line(struct reading *reading, size_t offset)
{
    if (offset > reading->length)
        offset = reading->length;
    if (offset < reading->line_offset)
        reading->line_offset = reading->line = 0;
    for (const char *at = reading->text + reading->line_offset, *end = reading->text + offset;
         (at = memchr(at, '\n', (size_t)(end - at))); at++)
        reading->line++;
    reading->line_offset = offset;
    return reading->line + 1;
}

enum status reading_fail(struct reading *reading, size_t line, struct error *err,
                         const char *format, ...)
{
    char sentence[400];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return fail(err, STATUS_INVALID, "lockfile-broken", "%s:%zu: %s", reading->name, line,
                sentence);
}

void reading_forget(struct reading *reading)
{
    arena_reset(reading->arena);
}

char *reading_copy(struct reading *reading, const char *text, size_t length)
{
    return arena_copy_bytes(reading->arena, text, length);
}

static bool consists_of(const char *text, const char *others, size_t max)
{
    size_t length = strlen(text);

    if (!length || length > max)
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(others, *text))
            return false;
    return true;
}

static bool is_npm_part(const char *text)
{
    return consists_of(text, "!'()*~._-", NAME_MAX_BYTES) && text[0] != '.';
}

/* What may stand in a path without leaving it; the registry judges the rest. */
static bool is_name(struct reading *reading, enum lockfile_format format, const char *name)
{
    const char *slash = strchr(name, '/');

    if (format == LOCKFILE_OF_PYPI)
        return consists_of(name, "._-", NAME_MAX_BYTES) && isalnum((unsigned char)name[0]);
    if (name[0] != '@')
        return is_npm_part(name);
    return slash && is_npm_part(reading_copy(reading, name + 1, (size_t)(slash - name - 1))) &&
           is_npm_part(slash + 1);
}

static bool is_version(enum lockfile_format format, const char *version)
{
    return consists_of(version, format == LOCKFILE_OF_NPM ? ".+-" : ".+-!_", VERSION_MAX_BYTES) &&
           (isdigit((unsigned char)version[0]) ||
            (format == LOCKFILE_OF_PYPI && version[0] == 'v'));
}

static bool is_place_of_url(const struct reading *reading, const struct lockfile_entry *entry)
{
    return entry->url && entry->url_length && entry->url_offset <= reading->length &&
           entry->url_length <= reading->length - entry->url_offset &&
           (entry->url_is_encoded ||
            (strlen(entry->url) == entry->url_length &&
             !memcmp(reading->text + entry->url_offset, entry->url, entry->url_length)));
}

enum status reading_tell(struct reading *reading, const struct lockfile_entry *entry,
                         struct error *err)
{
    struct lockfile_entry told = *entry;

    if (++reading->told > LOCKFILE_ENTRIES_MAX)
        return fail(err, STATUS_TOO_LARGE, "lockfile-too-large",
                    "%s names more than %d packages and files", reading->name,
                    LOCKFILE_ENTRIES_MAX);
    if (told.what == LOCKFILE_PACKAGE &&
        (!told.name || !is_name(reading, told.format, told.name))) {
        told.what = LOCKFILE_SKIPPED;
        told.why = "has a name that no registry has";
    } else if (told.what == LOCKFILE_PACKAGE &&
               (!told.version || !is_version(told.format, told.version))) {
        told.what = LOCKFILE_SKIPPED;
        told.why = "has no version that a registry could have";
    }
    if (!is_place_of_url(reading, &told))
        told.url_offset = told.url_length = 0;
    return reading->visit(reading->context, &told, err);
}

const char *why_not_of_registry(const char *version)
{
    static const struct {
        const char *begin, *why;
    } rows[] = {
        {"git:",       "comes from git"                            },
        {"git+",       "comes from git"                            },
        {"git@",       "comes from git"                            },
        {"github:",    "comes from git"                            },
        {"gitlab:",    "comes from git"                            },
        {"ssh:",       "comes from git"                            },
        {"bitbucket:", "comes from git"                            },
        {"gist:",      "comes from git"                            },
        {"file:",      "is a file or folder of this project"       },
        {"link:",      "is a folder of this project"               },
        {"portal:",    "is a folder of this project"               },
        {"workspace:", "is a part of this project"                 },
        {"root:",      "is this project"                           },
        {"patch:",     "is a patched copy, made here"              },
        {"exec:",      "is made by a program of this project"      },
        {"http:",      "comes from a URL of its own, no registry's"},
        {"https:",     "comes from a URL of its own, no registry's"},
        {"jsr:",       "comes from a registry of another kind"     },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strncmp(version, rows[i].begin, strlen(rows[i].begin)))
            return rows[i].why;
    return strchr(version, '/') ? "comes from git" : NULL; /* "someone/project" is GitHub's */
}

/* A registry's tarball has /-/ before its name, or the name and the version as its path. */
static bool is_url_of_registry(struct reading *reading, const struct lockfile_entry *entry)
{
    return strstr(entry->url, "/-/") || !entry->name || !entry->version ||
           strstr(entry->url, arena_format(reading->arena, "/%s/%s/", entry->name, entry->version));
}

enum status reading_tell_npm(struct reading *reading, struct lockfile_entry entry,
                             struct error *err)
{
    const char *at;

    entry.what = LOCKFILE_PACKAGE;
    entry.format = LOCKFILE_OF_NPM;
    if (entry.version && !strncmp(entry.version, "npm:", 4)) {
        const char *real = entry.version + 4;

        if (*real && (at = strchr(real + 1, '@'))) {
            entry.name = reading_copy(reading, real, (size_t)(at - real));
            entry.version = at + 1;
        } else { /* "npm:1.0.0" is the version of the same name */
            entry.version = real;
        }
    }
    if (!entry.why && entry.version)
        entry.why = why_not_of_registry(entry.version);
    if (!entry.why && entry.url && strncmp(entry.url, "http://", 7) &&
        strncmp(entry.url, "https://", 8)) {
        /* A name without a scheme is a file of Yarn's offline mirror, and as good as none. */
        entry.why = strchr(entry.url, ':') ? why_not_of_registry(entry.url) : NULL;
        entry.url = NULL;
    }
    if (!entry.why && entry.url && !is_url_of_registry(reading, &entry))
        entry.why = why_not_of_registry("https:");
    if (entry.why) {
        entry.what = LOCKFILE_SKIPPED;
        entry.url = NULL;
    }
    return reading_tell(reading, &entry, err);
}

void reading_place(struct lockfile_entry *entry, size_t start, size_t end, bool is_quoted)
{
    size_t quote = is_quoted ? 1 : 0;

    if (end < start + 2 * quote)
        return;
    entry->url_offset = start + quote;
    entry->url_length = end - start - 2 * quote;
}

enum status reading_json_text(struct reading *reading, struct json_cursor *cursor, const char **out,
                              struct json_range *range, struct error *err)
{
    enum token_kind kind;
    enum status rc;

    *out = NULL;
    if ((rc = json_peek(cursor, &kind, err)))
        return rc;
    if (kind != TOKEN_STRING)
        return json_skip_value(cursor, err);
    strbuf_clear(&reading->scratch);
    if (!(rc = json_take_string(cursor, &reading->scratch, err)))
        *out = reading_copy(reading, reading->scratch.data, reading->scratch.length);
    if (range)
        *range = cursor->range;
    return rc;
}

enum status reading_json_failed(struct reading *reading, const struct json_cursor *cursor,
                                enum status rc, struct error *err)
{
    const struct json_tokens *tokens = &cursor->tokens;
    char sentence[sizeof err->message];

    if (rc != STATUS_INVALID || !err || strncmp(err->code, "json-", 5))
        return rc;
    memcpy(sentence, err->message, sizeof sentence);
    return reading_fail(reading,
                        reading_line(reading, (size_t)(tokens->chunk_offset +
                                                       (uint64_t)(tokens->at - tokens->chunk))),
                        err, "%s", sentence);
}
