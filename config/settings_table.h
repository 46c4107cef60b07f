/* A row of the table of settings, for those who read, check and print them. */
#pragma once
#include "config/settings.h"
#include <stddef.h>

enum setting_type {
    SETTING_TEXT,
    SETTING_PATH,
    SETTING_SECRET, /* a text that is never shown, and may stand in a file: NAME_file */
    SETTING_WORD,   /* one of the words in `words`; its number is kept */
    SETTING_INTEGER,
    SETTING_SIZE,     /* bytes */
    SETTING_DURATION, /* milliseconds */
    SETTING_BOOL,
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset; /* of its field in struct settings */
    const char *fallback;
    int64_t least, most;
    const char *decides; /* a sentence; its first word is not a name */
    const char *words;   /* of SETTING_WORD: "debug|info" */
    /* What its form must be beyond its type; NULL: nothing. Answers a sentence, or NULL. */
    const char *(*complaint)(const char *text);
    enum setting_group group; /* 0: SETTING_SERVER */
};

extern const struct setting settings_table[];
extern const size_t settings_count;

/* The row of a name; '-' in it counts as '_'. A secret is found as NAME_file too, and then *in_file
 * is true. NULL for none. */
const struct setting *setting_find(enum setting_group group, const char *name, size_t length,
                                   bool *in_file);
/* The failure of a name without a row: says which one may have been meant. */
enum status setting_unknown(enum setting_group group, const char *name, struct error *err);
/* Checks the text and keeps it. The sentence of a failure begins with the setting's name. */
enum status setting_set(const struct setting *setting, struct settings *settings,
                        enum setting_origin origin, const char *text, struct error *err);
enum setting_group setting_group(const struct setting *setting);
/* The value as it would be written in a file; secrets too. */
void setting_format(const struct setting *setting, const struct settings *settings, char *out,
                    size_t size);
