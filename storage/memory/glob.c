#include "storage/memory/glob.h"

#include <stddef.h>

/* On a mismatch only the last star moves on, and a '**' is never given up for a '*' behind it. */
bool glob_matches(const char *glob, const char *text)
{
    const char *star = NULL, *star_text = NULL, *deep = NULL, *deep_text = NULL;

    while (*text) {
        if (glob[0] == '*' && glob[1] == '*') {
            deep = glob += 2;
            deep_text = text;
            star = NULL;
        } else if (*glob == '*') {
            star = ++glob;
            star_text = text;
        } else if (*glob == *text) {
            glob++;
            text++;
        } else if (star && *star_text != '/') {
            glob = star;
            text = ++star_text;
        } else if (deep) {
            star = NULL;
            glob = deep;
            text = ++deep_text;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return !*glob;
}
