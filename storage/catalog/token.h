/* Tokens: "pkhp_" + 30 characters of base62 + 6 of CRC-32. Shown once, kept as SHA-256. */
#pragma once
#include "storage/catalog/account.h"

enum { TOKEN_SIZE = 42 }; /* with the NUL */

struct token {
    int64_t id, account_id;
    const char *account;
    const char *name;
    const char *hint; /* first eight and last four characters */
    unsigned actions;
    const char *repositories, *packages; /* globs, separated by blanks; NULL: all */
    int64_t created_us, expires_us, revoked_us, used_us; /* 0: never */
};

/* Makes a token for token->account_id with the restriction that token holds; fills id, hint and
 * created_us. text gets the secret, which is never to be seen again. */
enum status catalog_create_token(struct catalog *catalog, const struct actor *actor,
                                 struct token *token, struct arena *arena, char text[TOKEN_SIZE],
                                 struct error *err);
/* Stops at once. STATUS_NOT_FOUND for none; a revoked one again is STATUS_OK. */
enum status catalog_revoke_token(struct catalog *catalog, const struct actor *actor, int64_t id,
                                 struct error *err);
enum status catalog_find_token(struct catalog *catalog, int64_t id, struct arena *arena,
                               struct token *out, struct error *err);
/* Of one account, or of all where account_id is 0; newest first, before this id (0: from the top). */
enum status catalog_list_tokens(struct catalog *catalog, int64_t account_id, int64_t before,
                                size_t limit, struct arena *arena, struct token **out,
                                size_t *count, struct error *err);
/* Whether the text has a token's form and checksum: no look-up. */
bool token_is_well_formed(const char *text);
/* Writes down, in one commit, when tokens were last used. Called by a job once a minute, and before
 * the catalog closes: a crash may lose the last minute. */
enum status catalog_note_token_uses(struct catalog *catalog, struct error *err);
