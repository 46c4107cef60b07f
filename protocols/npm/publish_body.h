/* The body of a publish, taken apart as it flows by: the tarball goes, decoded, straight into a
 * stage, and only what describes it is kept in memory. Members may come in any order. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct catalog;
struct reader;
struct stage;

struct npm_body_tag {
    const char *tag, *version;
};

struct npm_body {
    const char *id, *name; /* NULL: absent */
    const char *version;   /* the key of the one version; NULL: none */
    const char *manifest;  /* its value, as it came */
    size_t manifest_length;
    const char *readme; /* a JSON string; NULL: none */
    struct npm_body_tag *tags;
    size_t tag_count;
    bool has_attachments, has_provenance;
    const char *file;        /* the tarball's name in the body */
    struct stage *stage;     /* the caller closes it; NULL: no tarball */
    int64_t declared_length; /* -1: not said */
};

enum { NPM_BODY_TAGS_MAX = 64 };

/* Reads the whole body. size is the declared one or -1, depth the deepest nesting taken, 0 for the
 * default. STATUS_INVALID names what is wrong with it; the caller closes out->stage in any case. */
enum status npm_body_read(struct catalog *catalog, struct reader *body, int64_t size,
                          unsigned depth, struct arena *arena, struct npm_body *out,
                          struct error *err);
