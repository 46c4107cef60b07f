/* Walks an archive into a release: every file with its digest, and the texts that the format wants. */
#pragma once
#include "protocols/review/release.h"
#include "storage/memory/unpack.h"

struct strbuf;

/* What a format knows of paths. */
struct release_paths {
    /* The path by which releases are compared, in the arena: without what has a version in it. NULL: it is
     * never installed. */
    const char *(*compared)(struct arena *arena, const char *path);
    /* Whether a file runs on install because of where it is; by the path that is compared. NULL: none. */
    bool (*runs)(const char *path);
};

/* A text that is wanted: of the last file at that path, which is the one that is installed. */
struct release_text {
    const char *path; /* as it is compared */
    struct strbuf *out; /* failed where it is longer than that takes */
    bool is_there;
};

/* For a failure to get an archive. What is about its bytes, as against the way there, becomes
 * release->broken and STATUS_OK, for another try would find the same; all else is passed on. */
enum status release_judge(struct release *release, enum status rc, const struct error *err);

/* Fills files and sizes. A hostile or broken archive is no failure: it is said in release->broken, with
 * what came before. texts end with a path NULL. Any other failure is a reading one. */
enum status release_read(int fd, int64_t size, enum unpack_format format,
                         const struct unpack_limits *limits, const struct release_paths *paths,
                         struct release_text *texts, struct release *out, struct error *err);
