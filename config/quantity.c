#include "config/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, so that formatting finds the shortest number. */
static const struct unit sizes[] = {
    {"TiB", INT64_C(1) << 40},
    {"GiB", INT64_C(1) << 30},
    {"MiB", INT64_C(1) << 20},
    {"KiB", INT64_C(1) << 10},
    {"B",   1               },
    {NULL,  0               },
};
static const struct unit durations[] = {
    {"d",  INT64_C(86400000)},
    {"h",  INT64_C(3600000) },
    {"m",  INT64_C(60000)   },
    {"s",  INT64_C(1000)    },
    {"ms", 1                },
    {NULL, 0                },
};

/* Digits up to what int64_t holds; the rest of the text is left in *end. */
static enum status parse_digits(const char *text, int64_t *value, const char **end,
                                struct error *err)
{
    const char *at = text;

    *value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *at - '0', value))
            return fail(err, STATUS_INVALID, "", "'%.40s' is too large", text);
    if (at == text)
        return fail(err, STATUS_INVALID, "", "'%.40s' is no number", text);
    *end = at;
    return STATUS_OK;
}

/* example: what a right one looks like. */
static enum status parse(const char *text, const struct unit *units, const char *known,
                         const char *example, int64_t *value, struct error *err)
{
    const char *end;
    enum status rc;

    if (*text < '0' || *text > '9')
        return fail(err, STATUS_INVALID, "", "'%.40s' is no %s", text, example);
    if ((rc = parse_digits(text, value, &end, err)))
        return rc;
    while (*end == ' ')
        end++;
    for (; units->name; units++)
        if (!strcmp(end, units->name)) {
            if (__builtin_mul_overflow(*value, units->factor, value))
                return fail(err, STATUS_INVALID, "", "'%.40s' is too large", text);
            return STATUS_OK;
        }
    return fail(err, STATUS_INVALID, "", "'%.40s' has no unit that is known; write it with %s",
                text, known);
}

enum status quantity_parse_size(const char *text, int64_t *bytes, struct error *err)
{
    if (*text && text[strspn(text, "0123456789")] == '\0')
        return quantity_parse_integer(text, bytes, err);
    return parse(text, sizes, "B, KiB, MiB, GiB or TiB", "size; write it as 64 MiB or 2 GiB", bytes, err);
}

enum status quantity_parse_duration(const char *text, int64_t *ms, struct error *err)
{
    if (!strcmp(text, "0")) {
        *ms = 0;
        return STATUS_OK;
    }
    return parse(text, durations, "ms, s, m, h or d", "duration; write it as 30d, 12h or 90s", ms, err);
}

enum status quantity_parse_integer(const char *text, int64_t *value, struct error *err)
{
    int is_negative = *text == '-';
    const char *end;
    enum status rc;

    if ((rc = parse_digits(text + is_negative, value, &end, err)))
        return rc;
    if (*end)
        return fail(err, STATUS_INVALID, "", "'%.40s' is no whole number", text);
    if (is_negative)
        *value = -*value;
    return STATUS_OK;
}

static void format(int64_t value, const struct unit *units, char out[QUANTITY_TEXT_SIZE])
{
    while (units[1].name && (value % units->factor || !value))
        units++;
    snprintf(out, QUANTITY_TEXT_SIZE, "%" PRId64 "%s%s", value / units->factor,
             units->name[1] == 'i' ? " " : "", units->name);
}

void quantity_format_size(int64_t bytes, char out[QUANTITY_TEXT_SIZE])
{
    format(bytes, sizes, out);
}

void quantity_format_duration(int64_t ms, char out[QUANTITY_TEXT_SIZE])
{
    format(ms, durations, out);
}
