/* A text file that belongs to a person, read whole and replaced whole. */
#pragma once
#include "config/error.h"
#include <sys/types.h>

struct arena;

struct text_file {
    char *text;  /* "" where there is no file */
    mode_t mode; /* its permissions; 0: there is no file */
};

/* STATUS_INVALID, with a sentence, for a symbolic link, for what is no file, and for what is no text. */
enum status text_file_read(const char *path, struct arena *arena, struct text_file *out,
                           struct error *err);
/* Replaces it by rename, and makes the folders that are missing for its owner alone. mode 0: as the
 * file has it, or as the umask says. A failure leaves what was there. */
enum status text_file_write(const char *path, const char *text, size_t length, mode_t mode,
                            struct arena *arena, struct error *err);
