/* Looks into archives: tarballs under gzip, and zip files such as wheels. Entries are walked under
 * limits; nothing is ever extracted. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader;
struct settings;
struct strbuf;

enum unpack_format { UNPACK_TAR_GZIP, UNPACK_ZIP };

struct unpack_limits {
    uint64_t entries;
    uint64_t bytes;      /* all entries together, unpacked */
    uint64_t ratio;      /* unpacked to packed, looked at from ratio_from unpacked bytes on */
    uint64_t ratio_from; /* bytes */
    size_t path_length;  /* bytes of one path */
    unsigned depth;      /* parts of one path */
};
extern const struct unpack_limits unpack_limits_default;
/* The same with what the settings say. */
struct unpack_limits unpack_limits_from(const struct settings *settings);

enum unpack_kind { UNPACK_FILE, UNPACK_DIRECTORY, UNPACK_LINK };

struct unpack_entry {
    const char *path; /* UTF-8, relative, without ".."; as the archive has it, "./" and all */
    enum unpack_kind kind;
    uint64_t size; /* of a file */
    bool is_executable; /* a mode bit says that it is a program */
};

/* Sees one entry. content reads a file's bytes, during the call only; what is not read is passed
 * over. A failure ends the walk and comes back from it. */
typedef enum status (*unpack_visit)(void *context, const struct unpack_entry *entry,
                                    struct reader *content, struct error *err);

struct unpack_totals {
    uint64_t entries, files, bytes; /* bytes of all files, unpacked */
};

/* Walks the archive that is the first size bytes of fd, which stays the caller's; pread only. An
 * archive that is broken, or is something else, is STATUS_INVALID "archive-broken". A path that
 * leaves the archive, a device or other special file, an encrypted entry, a compression other than
 * deflate, and anything over the limits are STATUS_INVALID "archive-unsafe". Messages name the
 * entry. limits may be NULL for the default ones; totals may be NULL. */
enum status unpack_walk(int fd, uint64_t size, enum unpack_format format,
                        const struct unpack_limits *limits, unpack_visit visit, void *context,
                        struct unpack_totals *totals, struct error *err);

/* The same for a tarball that comes as a stream; the source stays the caller's. */
enum status unpack_walk_stream(struct reader *source, const struct unpack_limits *limits,
                               unpack_visit visit, void *context, struct unpack_totals *totals,
                               struct error *err);

struct unpack_found {
    size_t count;    /* files whose path matched; out has the bytes of the first */
    char path[1025]; /* its path, cut where it is longer */
    struct unpack_totals totals;
};

/* Walks it all, and adds the bytes of the first matching file to out; over its cap STATUS_INVALID
 * "archive-unsafe". None, or more than one, is for the caller to judge by found->count. */
enum status unpack_find(int fd, uint64_t size, enum unpack_format format,
                        const struct unpack_limits *limits,
                        bool (*matches)(void *context, const char *path), void *context,
                        struct strbuf *out, struct unpack_found *found, struct error *err);

/* "1.4" matches itself, "*" any run of characters but '/': "*" "/package.json" is a package.json
 * one folder down. A leading "./" of the path is passed over. */
bool unpack_path_matches(const char *pattern, const char *path);

const char *unpack_library_version(void);
