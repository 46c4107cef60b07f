/* What the editors of all forms share: changes of a text, and lists in brackets. */
#pragma once
#include "server/commands/config_edit.h"

/* Puts a text in the place of what is between two places of edit->text. */
void config_edit_splice(struct config_edit *edit, const char *from, const char *to, const char *with);
/* Puts lines in here, behind a line that may not end with the text's last newline. */
void config_edit_insert(struct config_edit *edit, const char *at, const char *lines);
/* STATUS_INVALID: the key is written in a form that would have to be guessed at. */
enum status config_edit_refuse(const char *key, const char *form, struct error *err);
/* Behind a string that begins here with either quote, or at the text's end. */
const char *config_edit_skip_string(const char *at);
/* Adds the names that the [list] or the {table} which begins here has not got, each with these around it. */
void config_edit_put_inside(struct config_edit *edit, const char *brackets, const char *const *names,
                            const char *before, const char *behind);
