/* The settings as a file, a page, a help text and a report: all from the one table. */
#include "config/quantity.h"
#include "config/settings_table.h"

#include <string.h>

enum { VALUE_SIZE = 4200, WIDTH = 96 };

static const char *const origin_names[] = {"default", "file", "environment", "profile", "flag"};

/* Prints text in lines of at most WIDTH columns, each behind the prefix. */
static void write_wrapped(FILE *out, const char *prefix, const char *text)
{
    size_t room = WIDTH - strlen(prefix);

    while (*text) {
        size_t length = strlen(text);

        if (length > room)
            for (length = room; length && text[length] != ' ';)
                length--;
        if (!length)
            length = strcspn(text, " ");
        fprintf(out, "%s%.*s\n", prefix, (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

/* "2 KiB to 256 KiB", "debug, info", "true or false", "text". */
static void format_limits(const struct setting *row, char *out, size_t size)
{
    char least[QUANTITY_TEXT_SIZE], most[QUANTITY_TEXT_SIZE];

    switch (row->type) {
    case SETTING_TEXT: snprintf(out, size, "text"); return;
    case SETTING_SECRET: snprintf(out, size, "secret"); return;
    case SETTING_PATH: snprintf(out, size, "path"); return;
    case SETTING_BOOL: snprintf(out, size, "true or false"); return;
    case SETTING_WORD:
        snprintf(out, size, "%s", row->words);
        for (char *bar = out; (bar = strchr(bar, '|')); bar++)
            *bar = ',';
        return;
    case SETTING_SIZE:
        quantity_format_size(row->least, least);
        quantity_format_size(row->most, most);
        break;
    case SETTING_DURATION:
        quantity_format_duration(row->least, least);
        quantity_format_duration(row->most, most);
        break;
    case SETTING_INTEGER:
        snprintf(least, sizeof least, "%lld", (long long)row->least);
        snprintf(most, sizeof most, "%lld", (long long)row->most);
        break;
    }
    snprintf(out, size, "%s to %s", least, most);
}

void settings_write_example(FILE *out)
{
    char limits[128];

    fputs("# Packhouse: every setting with its default. Remove the # of a line to change it.\n"
          "# Each may also be given as a variable (PACKHOUSE_LISTEN=…) or a flag (--listen …):\n"
          "# a flag wins over a variable, a variable over this file.\n"
          "# Start with: packhouse serve --config THIS-FILE. Check with: packhouse config check.\n",
          out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];

        if (setting_group(row) != SETTING_SERVER)
            continue;
        fputc('\n', out);
        write_wrapped(out, "# ", row->decides);
        format_limits(row, limits, sizeof limits);
        fprintf(out, "# (%s)\n#%s: %s\n", limits, row->name,
                *row->fallback ? row->fallback : "\"\"");
    }
}

void settings_write_page(FILE *out)
{
    char limits[128];

    fputs("| setting | default | may be | decides |\n| --- | --- | --- | --- |\n", out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];

        if (setting_group(row) != SETTING_SERVER)
            continue;
        format_limits(row, limits, sizeof limits);
        fprintf(out, "| `%s` | %s%s%s | %s | %s |\n", row->name, *row->fallback ? "`" : "",
                row->fallback, *row->fallback ? "`" : "", limits, row->decides);
    }
}

void settings_write_flags(enum setting_group group, const char *except, FILE *out)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];
        char flag[48];

        if (!(setting_group(row) & group) || (except && !strcmp(row->name, except)))
            continue;
        snprintf(flag, sizeof flag, "--%s", row->name);
        for (char *at = flag; (at = strchr(at, '_')); at++)
            *at = '-';
        fprintf(out, "  %-24s %s", flag, row->decides);
        if (*row->fallback)
            fprintf(out, " [%s]", row->fallback);
        fputc('\n', out);
        if (row->type == SETTING_SECRET)
            fprintf(out, "  %s-file%*s A file that holds it.\n", flag,
                    (int)(24 - strlen(flag) - strlen("-file")), "");
    }
}

/* RFC 8259 7; settings hold no control characters. */
static void write_json_text(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static bool is_number(const struct setting *row)
{
    return row->type == SETTING_INTEGER || row->type == SETTING_SIZE ||
           row->type == SETTING_DURATION;
}

static void write_json_value(FILE *out, const struct setting *row, const struct settings *settings,
                             const char *text)
{
    const void *field = (const char *)settings + row->offset;

    if (is_number(row))
        fprintf(out, "%lld", (long long)*(const int64_t *)field);
    else if (row->type == SETTING_BOOL)
        fputs(text, out);
    else
        write_json_text(out, text);
}

void settings_write_values(const struct settings *settings, bool as_json, FILE *out)
{
    char text[VALUE_SIZE];
    bool is_first = true;

    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];

        if (setting_group(row) != SETTING_SERVER)
            continue;
        setting_format(row, settings, text, sizeof text);
        if (as_json) {
            fprintf(out, "%s\n  \"%s\": {\"value\": ", is_first ? "{" : ",", row->name);
            write_json_value(out, row, settings, text);
            fprintf(out, ", \"from\": \"%s\"}", origin_names[settings->origins[i]]);
        } else {
            fprintf(out, "%s: %s", row->name, *text ? text : "\"\"");
            fprintf(out, "%*s# %s\n", (int)(48 - strlen(row->name) - strlen(text)), "",
                    origin_names[settings->origins[i]]);
        }
        is_first = false;
    }
    if (as_json)
        fputs("\n}\n", out);
}
