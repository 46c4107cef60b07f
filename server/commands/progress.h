/* How far a long command is: a bar on a terminal, a line every tenth of the way elsewhere. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;           /* NULL: nothing is shown */
    const char *verb;    /* "warmed" */
    const char *things;  /* "packages" */
    size_t total, tenth; /* tenth: told last */
    bool is_terminal, is_drawn;
    size_t drawn; /* packages and bytes that the bar shows */
    int64_t drawn_bytes;
};

/* A terminal that cannot move its cursor (TERM=dumb) counts as none. */
void progress_begin(struct progress *progress, FILE *out, const char *verb, const char *things,
                    size_t total);
void progress_show(struct progress *progress, size_t done, int64_t bytes);
/* Takes the bar away: what is printed next has the line for itself. */
void progress_end(struct progress *progress);

enum { PROGRESS_SIZE_TEXT = 32 };
/* "96.2 MiB" */
void progress_size(int64_t bytes, char out[PROGRESS_SIZE_TEXT]);
