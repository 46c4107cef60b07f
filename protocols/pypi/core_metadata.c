#include "protocols/pypi/core_metadata.h"

#include "policy/spdx.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/specifier.h"
#include "storage/memory/utf8.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { CLASSIFIERS_MAX = 16 };

static enum status bad_metadata(struct error *err, const char *reason)
{
    return fail(err, STATUS_INVALID, "invalid-metadata", "The wheel's METADATA %s", reason);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One header field, with its folded lines. */
struct field {
    const char *name;
    size_t name_length;
    char *value;
};

/* Copies the value of a field that may go on in lines that begin with a blank; blanks around go. */
static char *copy_value(const char *start, const char *end, struct arena *arena)
{
    char *value, *out;

    while (start < end && is_blank(*start))
        start++;
    while (end > start && (is_blank(end[-1]) || end[-1] == '\r' || end[-1] == '\n'))
        end--;
    value = out = arena_copy_bytes(arena, start, (size_t)(end - start));
    for (const char *in = value; *in; in++)
        if (*in != '\r' && *in != '\n')
            *out++ = *in;
    *out = '\0';
    return value;
}

/* Takes the field at *at; false at the blank line that ends the head, or at what is no field. */
static bool next_field(const char **at, struct arena *arena, struct field *out)
{
    size_t length = strcspn(*at, ": \t\r\n");
    const char *end;

    if (!length || (*at)[length] != ':')
        return false;
    end = *at + strcspn(*at, "\n");
    while (*end && is_blank(end[1]))
        end += 1 + strcspn(end + 1, "\n");
    out->name = *at;
    out->name_length = length;
    out->value = copy_value(*at + length + 1, end, arena);
    *at = *end ? end + 1 : end;
    return true;
}

static bool field_is(const struct field *field, const char *name)
{
    return field->name_length == strlen(name) &&
           !strncasecmp(field->name, name, field->name_length);
}

/* 1.0 to 1.2, and 2.1 on: 2.0 was never valid, and a newer minor one stays readable. */
static bool is_known(const char *version)
{
    size_t digits = strspn(version + 2, "0123456789");

    if (strncmp(version, "1.", 2) && strncmp(version, "2.", 2))
        return false;
    if (*version == '1')
        return digits == 1 && version[2] <= '2' && !version[3];
    return digits && digits < 4 && !version[2 + digits] && version[2] != '0';
}

static enum status check(const struct core_metadata *metadata, const char *metadata_version,
                         struct error *err)
{
    struct pypi_version version;

    if (!metadata_version || !metadata->name || !metadata->version)
        return bad_metadata(err, "lacks Metadata-Version, Name or Version");
    if (strnlen(metadata_version, 2) < 2 || !is_known(metadata_version))
        return fail(err, STATUS_INVALID, "invalid-metadata",
                    "'%.40s' is not a Metadata-Version that is known here", metadata_version);
    if (!project_name_is_valid(metadata->name))
        return bad_metadata(err, "has a Name that is none");
    if (!pypi_version_parse(metadata->version, &version))
        return bad_metadata(err, "has a Version that is not one of PEP 440");
    if (metadata->requires_python && !specifier_set_is_valid(metadata->requires_python))
        return fail(err, STATUS_INVALID, "invalid-metadata",
                    "'%.200s' is invalid for Requires-Python", metadata->requires_python);
    return STATUS_OK;
}

/* Fields that may come more than once, or in one of several forms. */
struct license_fields {
    const char *expression, *old, *classifiers[CLASSIFIERS_MAX];
    size_t count;
};

static void take_license(const struct field *field, struct license_fields *out)
{
    if (field_is(field, "License-Expression"))
        out->expression = field->value;
    else if (field_is(field, "License"))
        out->old = field->value;
    else if (field_is(field, "Classifier") && out->count < CLASSIFIERS_MAX &&
             !strncmp(field->value, "License ::", 10))
        out->classifiers[out->count++] = field->value;
}

/* PEP 639: the expression wins. What people wrote into License may be the whole text of it. */
static const char *find_license(const struct license_fields *fields, struct arena *arena)
{
    const char *license = NULL;

    if (fields->expression && spdx_is_valid(fields->expression))
        return fields->expression;
    if (fields->count)
        license = spdx_from_classifiers(fields->classifiers, fields->count, arena);
    if (!license && fields->old && spdx_is_valid(fields->old))
        license = fields->old;
    return license;
}

enum status core_metadata_parse(const char *text, size_t length, struct arena *arena,
                                struct core_metadata *out, struct error *err)
{
    const char *metadata_version = NULL;
    const struct {
        const char *name, **value;
    } wanted[] = {
        {"Metadata-Version", &metadata_version    },
        {"Name",             &out->name           },
        {"Version",          &out->version        },
        {"Requires-Python",  &out->requires_python},
    };
    struct license_fields license = {0};
    struct field field;

    *out = (struct core_metadata){0};
    if (memchr(text, '\0', length) || !utf8_is_valid(text))
        return bad_metadata(err, "is not UTF-8");
    while (next_field(&text, arena, &field)) {
        take_license(&field, &license);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            if (!field_is(&field, wanted[i].name))
                continue;
            if (*wanted[i].value)
                return fail(err, STATUS_INVALID, "invalid-metadata",
                            "The wheel's METADATA has %s twice", wanted[i].name);
            *wanted[i].value = field.value;
        }
    }
    out->license = find_license(&license, arena);
    if (out->requires_python && !*out->requires_python)
        out->requires_python = NULL;
    return check(out, metadata_version, err);
}

bool core_metadata_each(const char *text, struct arena *arena,
                        void (*visit)(void *context, const char *name, const char *value), void *context)
{
    struct field field;

    while (next_field(&text, arena, &field))
        visit(context, arena_copy_bytes(arena, field.name, field.name_length), field.value);
    return strchr("\r\n", *text);
}
