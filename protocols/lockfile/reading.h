/* One lockfile while it is being read: what every reader needs to tell what it found, and where. */
#pragma once
#include "protocols/lockfile/lockfile.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/strbuf.h"

struct yaml_text;

struct reading {
    const char *name, *text; /* UTF-8 without U+0000, with a NUL behind it */
    size_t length;
    lockfile_visit visit;
    void *context;
    struct arena *arena;   /* of what is read between two reading_forget() */
    struct strbuf scratch; /* for one text: a lockfile may have millions of small ones */
    size_t told;
    size_t line, line_offset; /* the line of an offset, for the next question */
};

/* The line of a byte, from 1. Cheap where questions go forward. */
size_t reading_line(struct reading *reading, size_t offset);
/* STATUS_INVALID "lockfile-broken": "package-lock.json:12: sentence". */
enum status reading_fail(struct reading *reading, size_t line, struct error *err,
                         const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The memory of what was told goes back. */
void reading_forget(struct reading *reading);

/* Tells an entry. What calls itself a package and has no name or version that a registry could have
 * is told as skipped. A place that does not hold the URL as it is, is left out. */
enum status reading_tell(struct reading *reading, const struct lockfile_entry *entry,
                         struct error *err);
/* The same for an entry of npm's, whose version may also be what the package is: "npm:real@1.0.0",
 * "file:../x", "git+ssh://…". What comes from no registry is told as skipped. */
enum status reading_tell_npm(struct reading *reading, struct lockfile_entry entry,
                             struct error *err);

/* Why what npm takes for a version or a range is none of a registry's; NULL where it may be one. */
const char *why_not_of_registry(const char *version);

/* A copy in the reading's memory. */
char *reading_copy(struct reading *reading, const char *text, size_t length);

/* Where a text of YAML or JSON has its letters: without the quotes. */
void reading_place(struct lockfile_entry *entry, size_t start, size_t end, bool is_quoted);

/* Takes a JSON string; *out is NULL, and the value taken, where it is something else. range, which
 * may be NULL, is with the quotes. */
enum status reading_json_text(struct reading *reading, struct json_cursor *cursor, const char **out,
                              struct json_range *range, struct error *err);
/* The failure of a cursor over the reading's text, said with its line. */
enum status reading_json_failed(struct reading *reading, const struct json_cursor *cursor,
                                enum status rc, struct error *err);

enum status npm_lock_read(struct reading *reading, struct error *err);
enum status pnpm_lock_read(struct reading *reading, struct error *err);
enum status yarn_lock_read(struct reading *reading, struct error *err);
enum status yarn_berry_read(struct reading *reading, struct error *err);
enum status bun_lock_read(struct reading *reading, struct error *err);
enum status requirements_read(struct reading *reading, struct error *err);
enum status uv_lock_read(struct reading *reading, struct error *err);
enum status poetry_lock_read(struct reading *reading, struct error *err);
enum status pdm_lock_read(struct reading *reading, struct error *err);
enum status pylock_read(struct reading *reading, struct error *err);
