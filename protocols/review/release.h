/* What an archive says of the release that it is: its files, and what its own manifest tells. Names and
 * texts are foreign. All lives in the arena. */
#pragma once
#include "storage/blobs/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct release_file {
    const char *path; /* as it is compared: without what has the version in its name */
    uint64_t size;
    uint8_t sha256[SHA256_SIZE];
    bool is_link;       /* size and digest are zero */
    bool is_executable; /* by its mode, or by how its bytes begin */
    bool runs;          /* when the package is installed, or whenever the interpreter starts */
    size_t place;       /* in the archive */
};

/* What a manifest lists. Each item is one of its list by kind and name. */
enum release_list {
    RELEASE_ABOUT,        /* "license", "publisher", "requires-python" … */
    RELEASE_SCRIPTS,      /* "script", "postinstall": what runs, and when */
    RELEASE_COMMANDS,     /* what is put into the user's path */
    RELEASE_DEPENDENCIES, /* kind: as the format calls it, "devDependencies" */
    RELEASE_PEOPLE,       /* "maintainer", "ann <ann@example.com>" */
    RELEASE_LISTS,
};
const char *release_list_name(enum release_list list); /* "about", "scripts" … */

struct release_item {
    const char *kind, *name;
    const char *value; /* "" where the name says it all */
    bool runs;         /* when the package is installed */
};

struct release_items {
    struct release_item *items;
    size_t count, capacity;
};

struct release {
    struct arena *arena;
    int64_t archive_bytes, unpacked_bytes;
    struct release_file *files;
    size_t file_count, file_capacity;
    size_t doubled; /* paths that came more than once: the last one counts, as for installers */
    struct release_items lists[RELEASE_LISTS];
    /* Why it cannot be told: NULL, or a code and a sentence. What was found before stands. */
    const char *broken_code, *broken;
    const char *odd; /* the archive is fine, and its manifest cannot be read; NULL: it can */
};

void release_init(struct release *release, struct arena *arena);
/* Zeroed, with its path; good until the next is added. */
struct release_file *release_add_file(struct release *release, const char *path);
/* Copies the texts. A NULL or empty value of RELEASE_ABOUT adds nothing. More than RELEASE_ITEMS_MAX of a
 * list are not kept, and said to be odd. */
enum { RELEASE_ITEMS_MAX = 10000 };
void release_add(struct release *release, enum release_list list, const char *kind, const char *name,
                 const char *value);
void release_add_script(struct release *release, const char *kind, const char *name, const char *value,
                        bool runs);
/* Puts files and items in order, so that each is there once. To be called before it is compared. */
void release_settle(struct release *release);
/* After that: the file at a path; NULL: there is none. */
struct release_file *release_find_file(const struct release *release, const char *path);
