/* The digest fields of RFC 9530, which are dictionaries of RFC 8941, and nothing else of it. */
#pragma once
#include "config/error.h"
#include "storage/catalog/publish.h"

/* Adds the digests of one Repr-Digest or Content-Digest field to what is expected. Algorithms that
 * are not known here are passed over. STATUS_INVALID with code "invalid-digest" for text that is
 * none, "digest-mismatch" where a digest contradicts one that is expected already. */
enum status digest_field_read(const char *text, struct digests *expected, struct error *err);

/* Adds one digest of that kind, so that two that differ are noticed. */
enum status digest_expect(struct digests *expected, enum digest_kind kind, const uint8_t *digest,
                          struct error *err);

/* The digest of a kind within the set, and its size. */
const uint8_t *digest_of(const struct digests *digests, enum digest_kind kind, size_t *size);

/* The kinds that a Want-Repr-Digest or Want-Content-Digest field asks for; 0 for text that is none,
 * which is the same as asking for nothing. */
unsigned digest_field_wanted(const char *text);
