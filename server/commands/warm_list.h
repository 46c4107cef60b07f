/* What lockfiles want of a server: each package once, each of its versions once. */
#pragma once
#include "protocols/lockfile/lockfile.h"

struct arena;

struct warm_version {
    const char *version;
    /* Which files of a Python version: those with such a digest ("sha256:hex") or name; with
     * neither list, all of them. */
    const char **digests, **files;
    size_t digest_count, file_count;
    struct error *failure; /* on the heap; NULL: none */
};

struct warm_package {
    enum lockfile_format format;
    const char *name; /* PEP 503 for Python */
    struct warm_version *versions;
    size_t count;
};

/* What a lockfile has and no server does. */
struct warm_skipped {
    const char *path, *name, *why; /* name may be NULL */
    size_t line;
};

struct warm_list {
    struct arena *arena;
    struct warm_package *packages;
    size_t count, version_count;
    struct warm_skipped *skipped;
    size_t skipped_count;
    struct warm_wish *wishes; /* the list before it is sorted */
    size_t wish_count;
    const char *reading; /* the path of the lockfile */
};

/* All is in the arena but the failures. */
void warm_list_init(struct warm_list *list, struct arena *arena);
/* Reads a lockfile. Its kind is told by its name. */
enum status warm_list_add(struct warm_list *list, const char *path, struct error *err);
/* To be called once, after all lockfiles: packages and versions are there from now on. */
void warm_list_finish(struct warm_list *list);
void warm_list_clear(struct warm_list *list);
