/* The instance's own key, with which it signs the npm packages that are published here. Its private half is in
 * a file (key_file.h), its public half in a row, where it stays listed after it was retired. npm spec 15. */
#pragma once
#include "storage/catalog/access.h"
#include "storage/memory/secret.h"

struct arena;
struct signing;
struct transaction;
struct version;

/* Finds the key, or makes it. A file that is gone is replaced by a new key, and what the lost one signed stays
 * valid; a file that is there and of no use fails. */
enum status signing_open(struct catalog *catalog, struct signing **out, struct error *err);
void signing_close(struct signing *signing); /* NULL does nothing */

struct made_signature {
    int64_t key_id;
    uint8_t bytes[SECRET_SIGNATURE_MAX];
    size_t length;
};
/* Done by the thread that publishes, before the writer is asked. */
void signing_sign(struct signing *signing, const char *words, struct made_signature *out);
/* For operations: the key signed a version of this time, so it must not expire before. */
enum status tx_note_signed(struct transaction *tx, int64_t key_id, int64_t published_us,
                           struct error *err);

struct signing_key {
    const char *keyid;
    uint8_t public_key[SECRET_PUBLIC_SIZE]; /* DER SubjectPublicKeyInfo */
    int64_t created_us;
    int64_t retired_us;  /* 0: it signs now; else it expires then, later than all that it signed */
    const char *because; /* "first", "rotated", "lost", "replaced": what had become of the one before */
};
/* The current one first. */
enum status catalog_list_signing_keys(struct catalog *catalog, struct arena *arena,
                                      struct signing_key **out, size_t *count, struct error *err);
/* Another key signs from now on. */
enum status catalog_rotate_signing_key(struct catalog *catalog, const struct actor *actor,
                                       struct error *err);

/* What is to be signed of a stored version, in the arena; NULL: nothing can be. */
typedef const char *(*signed_words)(const char *name, const struct version *version,
                                    struct arena *arena);
/* Signs some of the versions that were published before there was a key, whole packages where they are not huge.
 * *count: how many were looked at; 0 where none is left. */
enum status catalog_sign_earlier(struct catalog *catalog, signed_words words, int64_t *count,
                                 struct error *err);
