/* The file that keeps the private half of the instance's signing key, npm-signing.key in the data directory. For
 * its owner's eyes alone. */
#pragma once
#include "config/error.h"

struct secret_pair;

#define KEY_FILE "npm-signing.key"

/* STATUS_NOT_FOUND without a message where there is no such file. Any other failure says what to do: what is
 * there is never replaced. */
enum status key_file_read(const char *data, struct secret_pair **out, struct error *err);
/* Puts the pair in the place of what was there, whole or not at all; durable when it returns. */
enum status key_file_write(const char *data, const struct secret_pair *pair, struct error *err);
