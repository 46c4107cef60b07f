/* Two releases, compared: what the later has that the earlier had not, and the other way round. Pure. */
#pragma once
#include "protocols/review/release.h"

enum change { CHANGE_ADDED = 1, CHANGE_REMOVED, CHANGE_CHANGED };
const char *change_name(enum change change); /* "added", "removed", "changed" */

struct file_change {
    enum change change;
    const struct release_file *before, *after; /* NULL on the side where it is not */
};

struct item_change {
    enum change change;
    const struct release_item *before, *after;
};

/* The same for files and for each list. */
struct change_counts {
    size_t added, removed, changed, same;
};

struct item_changes {
    struct item_change *items; /* what runs on install first, then by kind and name */
    size_t count;
    struct change_counts counts;
};

struct release_diff {
    /* What runs on install first, then what is executable on either side, then the others; by path. */
    struct file_change *files;
    size_t file_count;
    struct change_counts file_counts;
    struct item_changes lists[RELEASE_LISTS];
};

/* Both are settled, and live as long as out. before NULL: there was none, so that all is new. A file has
 * changed where its bytes have, or it has become a link or a program or run on install, or is that no more. */
void release_compare(const struct release *before, const struct release *after, struct arena *arena,
                     struct release_diff *out);
