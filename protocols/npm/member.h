/* The members of a manifest: what becomes of each, and how they are walked. Values keep the bytes
 * they came in. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>

struct arena;

/* What becomes of a member of the publisher's manifest. */
enum npm_origin {
    FROM_PUBLISHER, /* as it is */
    FROM_TARBALL,   /* as the tarball's package.json has it */
    FROM_US,        /* written here */
    FROM_NOBODY,    /* dropped: bookkeeping of clients */
};

struct npm_member {
    const char *name;
    enum npm_origin origin;
    bool is_abbreviated, is_hoisted;
};
extern const struct npm_member npm_members[];
extern const size_t npm_member_count;
/* Never NULL: unknown members are the publisher's. */
const struct npm_member *npm_member_rule(const char *name);

/* A value, with its quotes or brackets. */
struct npm_value {
    const char *text; /* NULL: there is none */
    size_t length;
};
bool npm_value_is(struct npm_value value, const char *text);
/* The text of a short string, in the arena; NULL for anything else. */
const char *npm_value_text(struct npm_value value, struct arena *arena);
/* Of an object that was found valid before, the values of these members, the last ones where a key
 * comes twice. Those that it has not got are without text, as are all where it is no object. */
void npm_value_pick(struct npm_value object, const char *const *keys, size_t count,
                    struct npm_value *out);
/* A member of the object in text, the last one where a key comes twice. */
struct npm_value npm_value_get(const char *text, size_t length, const char *key);

typedef enum status (*npm_member_visit)(void *context, const char *key, struct npm_value value,
                                        struct error *err);
/* Visits the members of the object that text is, in order; the visitor's failure ends it. */
enum status npm_each_member(const char *text, size_t length, npm_member_visit visit, void *context,
                            struct error *err);
enum { NPM_MEMBERS_SEEN_MAX = 1100 }; /* a publisher's and what we add to them */
/* The same for foreign objects: of equal keys only the last, which is the one that JavaScript sees.
 * STATUS_INVALID over NPM_MEMBERS_SEEN_MAX members. */
enum status npm_each_last_member(const char *text, size_t length, npm_member_visit visit,
                                 void *context, struct error *err);
/* The same for what was found valid before, as all manifests were that are kept or cut out of a
 * packument: several times as fast. */
enum status npm_each_last_known_member(const char *text, size_t length, npm_member_visit visit,
                                       void *context, struct error *err);
/* Whether these are scripts that run when the package is installed. */
bool npm_scripts_install(struct npm_value scripts);
