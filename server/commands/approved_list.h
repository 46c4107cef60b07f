/* Puts entries under `approved:` of a policy's text, and keeps all that a person wrote there. */
#pragma once
#include "config/error.h"
#include <stddef.h>

struct strbuf;

/* Adds the text with those entries that it has not got yet, behind those that it has, and says whence
 * they came in a comment. STATUS_INVALID where the list is written in a way that it cannot be added to. */
enum status approved_list_add(const char *text, const char *const *entries, size_t count,
                              const char *whence, struct strbuf *out, size_t *added,
                              struct error *err);
