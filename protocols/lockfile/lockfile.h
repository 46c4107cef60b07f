/* What a project is locked to: reads the lockfiles of npm, pnpm, Yarn, bun, pip, uv, poetry and
 * pdm. Nothing that a lockfile names is followed or opened; a URL is told, with its place in the
 * file. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>

enum lockfile_kind {
    LOCKFILE_NPM,          /* package-lock.json and npm-shrinkwrap.json, versions 1 to 3 */
    LOCKFILE_PNPM,         /* pnpm-lock.yaml, 5.4 to 9 */
    LOCKFILE_YARN,         /* yarn.lock of Yarn 1, and of later ones */
    LOCKFILE_BUN,          /* bun.lock */
    LOCKFILE_REQUIREMENTS, /* any *.txt: requirements.txt, constraints.txt */
    LOCKFILE_UV,           /* uv.lock */
    LOCKFILE_POETRY,       /* poetry.lock */
    LOCKFILE_PDM,          /* pdm.lock */
    LOCKFILE_PYLOCK,       /* pylock.toml and pylock.NAME.toml, PEP 751 */
    LOCKFILE_KINDS
};

/* Told by the file's name alone, whatever folder is before it. STATUS_INVALID "lockfile-kind", with
 * the names that are known, for another. */
enum status lockfile_kind_of(const char *path, enum lockfile_kind *out, struct error *err);

enum {
    LOCKFILE_BYTES_MAX = 64 << 20,
    LOCKFILE_ENTRIES_MAX = 500000,
    LOCKFILE_DEPTH_MAX = 128,
};

enum lockfile_what {
    LOCKFILE_PACKAGE,  /* a package of a registry, at a version; once for each file that is named */
    LOCKFILE_REGISTRY, /* a registry or index that the lockfile names: url alone is sure to be set
                        */
    LOCKFILE_SKIPPED,  /* no package of a registry, or not locked to a version: why says so */
};

enum lockfile_format { LOCKFILE_OF_NPM, LOCKFILE_OF_PYPI };

/* Texts are NULL where the lockfile does not say, and good until the callback returns. */
struct lockfile_entry {
    enum lockfile_what what;
    enum lockfile_format format;
    const char *name;    /* the registry's: for an alias "x": "npm:real@1" it is real. As it is
                            written there, so a Python name may need PEP 503 */
    const char *version; /* never NULL for LOCKFILE_PACKAGE */
    const char *file;    /* "six-1.17.0.tar.gz", for Python */
    const char *digest;  /* "sha512-BASE64" (perhaps several, with blanks) or "sha256:hex" */
    /* Of the file, or for LOCKFILE_REGISTRY of the registry. Decoded. */
    const char *url;
    /* Where it stands, without quotes: replacing these bytes replaces the URL and nothing else.
     * url_length is 0 where the file writes it with escapes. A Yarn lockfile may have it
     * percent-encoded inside of another text: then the new one must be, too. A URL may stand at
     * many places, and each is told once. */
    size_t url_offset, url_length;
    bool url_is_encoded;
    const char *why; /* "comes from git"; never NULL for LOCKFILE_SKIPPED */
    size_t line;     /* from 1: where the entry begins, or its URL stands */
};

/* Called about in the order of the file; a failure of the callback ends the reading and is passed
 * on. A package that stands there many times (in several folders, with several files) is told as
 * often; names and versions have been checked to hold nothing but what such may hold. */
typedef enum status (*lockfile_visit)(void *context, const struct lockfile_entry *entry,
                                      struct error *err);

/* text has a NUL behind its length bytes; name is what failures call the file:
 * "package-lock.json:12: sentence". Keeps nothing. STATUS_INVALID where it is broken, is of a
 * version that is not known, or is none of its kind; STATUS_TOO_LARGE over a limit. A lockfile
 * without packages is STATUS_OK. */
enum status lockfile_read(enum lockfile_kind kind, const char *name, const char *text,
                          size_t length, lockfile_visit visit, void *context, struct error *err);
