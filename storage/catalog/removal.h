/* What goes: a version is taken away with its files and tags, at once for every reader. Until its time
 * to restore has passed it may come back as it was; its name and version never mean other bytes, in any
 * repository of the org and under any owner. Storage spec 3.4, npm 16.1. */
#pragma once
#include "storage/catalog/access.h"
#include "storage/catalog/package.h"

struct transaction;

struct removal {
    const struct repository *repository;
    const struct actor *actor;
    enum format format;
    const char *name_norm;
    const char *version; /* as it is shown; NULL: every version that is there */
    const char *reason;
    int64_t trash_us; /* how long it may be restored */
    bool unless_tagged;   /* STATUS_CONFLICT "in-use" where a tag names it */
    bool now;         /* the bytes are given up at once: a secret leaked. Also for what is removed */

    /* Filled. */
    int64_t versions, files, bytes;
    int64_t restore_us; /* until when it may come back; 0: never */
};

/* Returns when no reader finds it any more; with now, when the bytes are off the disk, but for those
 * that something else stored still needs. STATUS_NOT_FOUND where there is nothing to remove. */
enum status catalog_remove_version(struct catalog *catalog, struct removal *removal,
                                   struct error *err);
/* Brings the version back with its files, and those tags that nobody has set since. STATUS_NOT_FOUND
 * where it was not removed, STATUS_GONE with code "restore-over" where its time has passed. */
enum status catalog_restore_version(struct catalog *catalog, struct removal *removal,
                                    struct error *err);

struct removed {
    enum format format;
    const char *name, *version, *repository, *reason, *account;
    int64_t removed_us, restore_us; /* restore_us 0: the bytes are given up */
};
/* Those of one repository, in order of format, name and version, behind the position of `after`, which
 * is the name of a page's last entry as removed_position() has it; NULL: from the start. */
enum status catalog_list_removed(struct catalog *catalog, const struct repository *repository,
                                 const char *after, size_t limit, struct arena *arena,
                                 struct removed **out, size_t *count, struct error *err);
const char *removed_position(const struct removed *removed, struct arena *arena);

/* For publishes and ingests. STATUS_CONFLICT "version-removed" where the org has removed this version
 * of the name; sort_key NULL: versions are one only where they are spelt alike. */
enum status tx_check_not_removed(struct transaction *tx, int64_t org_id, enum format format,
                                 const char *name_norm, const char *version, const void *sort_key,
                                 size_t sort_key_length, struct error *err);
