/* The text of a client's configuration file, with a few values put in. What is not ours stays as it
 * is, byte for byte, and putting the same values in again changes nothing. What cannot be edited line
 * by line without a guess is refused with a sentence: STATUS_INVALID. */
#pragma once
#include "config/error.h"
#include "storage/memory/strbuf.h"

struct arena;

struct config_edit {
    struct arena *arena;
    const char *text;  /* the file as it is to be */
    struct strbuf put; /* what was put in, for a person to read, whether or not it was there already */
};

void config_edit_init(struct config_edit *edit, struct arena *arena, const char *text);

/* How one kind of `key=value` lines looks. */
struct line_form {
    const char *separators; /* any of these divides key and value: "=", "=:"; " ": a space does */
    const char *written;    /* what we write between them */
    bool folds;             /* index_url is index-url, as pip has it */
};
extern const struct line_form npmrc_form, pip_conf_form, yarnrc_form;

/* Sets key in [section]; section NULL: above all sections. */
void lines_put(struct config_edit *edit, const struct line_form *form, const char *section,
               const char *key, const char *value);

/* Adds `key[]=item` lines, above all sections, for the items that the key has not got. Lists of items end
 * with NULL; an item has no sign that would want to be escaped. */
void lines_put_items(struct config_edit *edit, const struct line_form *form, const char *key,
                     const char *const *items);

/* Sets a key of [table]. value is TOML, quotes and all. */
enum status toml_put(struct config_edit *edit, const char *table, const char *key, const char *value,
                     struct error *err);
/* Adds items to the list of texts under a key of [table]. */
enum status toml_put_items(struct config_edit *edit, const char *table, const char *key,
                           const char *const *items, struct error *err);
/* Gives [table] the keys that it has not got, each with this value; "x = {…}" is a table, too. */
enum status toml_put_keys(struct config_edit *edit, const char *table, const char *const *keys,
                          const char *value, struct error *err);
/* A member as it is written, quotes and all. Lists end with a row without a key. */
struct config_member {
    const char *key, *value;
};
/* Sets members of the [[table]] block whose first member has this value; without one, a block is
 * appended. */
enum status toml_put_block(struct config_edit *edit, const char *table,
                           const struct config_member *members, struct error *err);
/* The value of a key in the count-th [[table]] block, as written. NULL: the block has it not.
 * STATUS_NOT_FOUND: there are no more blocks. */
enum status toml_block_value(const char *text, const char *table, size_t count, const char *key,
                             struct arena *arena, char **out);

/* Sets members of the mapping under path[0]: path[1]: …, which ends with NULL; empty, of the document. */
enum status yaml_put(struct config_edit *edit, const char *const *path,
                     const struct config_member *members, struct error *err);
/* Adds items to the list under a key of the document. */
enum status yaml_put_items(struct config_edit *edit, const char *key, const char *const *items,
                           struct error *err);

/* Sets the password for a host. An account that is not Packhouse's (another login, and no pkh… password) is
 * left alone and refused. */
enum status netrc_put(struct config_edit *edit, const char *host, const char *login,
                      const char *password, struct error *err);
