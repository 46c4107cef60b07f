/* What a registry's signature of a version proves: npm spec 15.1, access spec C5. */
#pragma once
#include "policy/facts.h"
#include "protocols/npm/member.h"

struct arena;
struct version;

struct npm_signed {
    const char *name, *version;
    const char *integrity;       /* of the listing; NULL: without one nothing is signed */
    struct npm_value signatures; /* its dist.signatures */
    int64_t published_us;        /* 0: not known */
};

/* What is signed of a version, in the arena. */
const char *npm_signed_words(const char *name, const char *version, const char *integrity,
                             struct arena *arena);
/* The same of one that is stored here; NULL where its document says no integrity. A signed_words. */
const char *npm_stored_words(const char *name, const struct version *version, struct arena *arena);
bool npm_is_signed(struct npm_value signatures);
/* keys: an array of keys as registries list them. INVALID for a signature that is not of one of
 * them, of a key that had expired when the version was published, or of other words; VERIFIED where
 * one is right. */
enum signature npm_signature_judge(const struct npm_signed *what, struct npm_value keys,
                                   struct arena *arena);
