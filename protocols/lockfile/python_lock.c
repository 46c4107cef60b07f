/* uv.lock, poetry.lock, pdm.lock and pylock.toml: all four have a table for each package and say
 * the same in other words. */
#include "protocols/lockfile/toml.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { FILES_MAX = 4096 };

/* What a value of a package means. */
enum member {
    NAME,
    VERSION,
    REGISTRY, /* the URL of the index that it is from */
    FILE_NAME,
    FILE_URL,
    FILE_DIGEST, /* "sha256:hex" */
    FILE_SHA256, /* hex */
    SOURCE_TYPE, /* poetry's word for where it is from */
    FROM_GIT,
    FROM_URL,
    FROM_HERE,
};

struct member_row {
    const char *path;
    enum member member;
};

/* How a program writes its lockfile. */
struct python_lock {
    const char *program, *package; /* the array of packages */
    const char *versions;          /* the value that gives the lockfile's own version … */
    const char *known[4]; /* … which begins like one of these, with a '.' behind or nothing */
    const char *files;    /* the array of a package's files, within it */
    const struct member_row *rows;
    size_t row_count;
};

struct python_file {
    const char *name, *url, *digest;
    size_t url_start, url_end, line;
};

struct python_reading {
    struct reading *reading;
    const struct python_lock *lock;
    bool has_version, is_open, is_sdist;
    /* The package that is open. */
    const char *name, *version, *registry, *why;
    size_t line, registry_start, registry_end;
    struct python_file *files;
    size_t file_count;
};

static const char *file_of_url(const char *url, struct reading *reading)
{
    size_t length = strcspn(url, "?#");
    const char *start = url + length;

    while (start > url && start[-1] != '/')
        start--;
    return reading_copy(reading, start, (size_t)(url + length - start));
}

static bool is_web(const char *url)
{
    return url && (!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7));
}

static enum status tell_files(struct python_reading *python, const struct lockfile_entry *package,
                              struct error *err)
{
    enum status rc = STATUS_OK;

    for (size_t i = 0; !rc && i < python->file_count; i++) {
        const struct python_file *file = &python->files[i];
        struct lockfile_entry entry = *package;

        entry.file = file->name  ? file->name
                     : file->url ? file_of_url(file->url, python->reading)
                                 : NULL;
        entry.digest = file->digest;
        if (file->line)
            entry.line = file->line;
        if (is_web(file->url)) {
            entry.url = file->url;
            reading_place(&entry, file->url_start, file->url_end, true);
        }
        rc = reading_tell(python->reading, &entry, err);
    }
    return rc;
}

/* Tells the package that is open, with its index and its files. */
static enum status close_package(struct python_reading *python, struct error *err)
{
    struct lockfile_entry entry = {
        .what = python->why ? LOCKFILE_SKIPPED : LOCKFILE_PACKAGE,
        .format = LOCKFILE_OF_PYPI,
        .name = python->name,
        .version = python->version,
        .why = python->why,
        .line = python->line,
    };
    enum status rc = STATUS_OK;

    if (!python->is_open)
        return STATUS_OK;
    python->is_open = false;
    if (!python->name || (!python->version && !python->why))
        return reading_fail(python->reading, python->line, err, "a package has no %s",
                            python->name ? "version" : "name");
    if (!python->why && is_web(python->registry)) {
        struct lockfile_entry registry = entry;

        registry.what = LOCKFILE_REGISTRY;
        registry.url = python->registry;
        registry.line = reading_line(python->reading, python->registry_start);
        reading_place(&registry, python->registry_start, python->registry_end, true);
        if ((rc = reading_tell(python->reading, &registry, err)))
            return rc;
    }
    return python->file_count && !python->why ? tell_files(python, &entry, err)
                                              : reading_tell(python->reading, &entry, err);
}

static void open_package(struct python_reading *python, size_t line)
{
    struct python_reading fresh = {
        .reading = python->reading,
        .lock = python->lock,
        .has_version = python->has_version,
        .is_open = true,
        .line = line,
    };

    *python = fresh;
    reading_forget(python->reading);
}

static struct python_file *add_file(struct python_reading *python, size_t line)
{
    struct reading *reading = python->reading;

    /* Grown by doubling; what is left behind goes with the package. */
    if (!(python->file_count & (python->file_count - 1))) {
        struct python_file *more = arena_array(
            reading->arena, python->file_count ? 2 * python->file_count : 1, sizeof *more);

        if (python->file_count)
            memcpy(more, python->files, python->file_count * sizeof *more);
        python->files = more;
    }
    python->files[python->file_count] = (struct python_file){.line = line};
    return &python->files[python->file_count++];
}

static enum status begin_file(struct python_reading *python, size_t start, struct error *err)
{
    size_t line = reading_line(python->reading, start);

    if (python->file_count == FILES_MAX)
        return reading_fail(python->reading, line, err, "a package has more than %d files",
                            FILES_MAX);
    add_file(python, line);
    return STATUS_OK;
}

static void take_member(struct python_reading *python, enum member member,
                        const struct toml_item *item)
{
    struct python_file *file = python->file_count ? &python->files[python->file_count - 1] : NULL;
    const char *text =
        item->text ? reading_copy(python->reading, item->text, strlen(item->text)) : NULL;

    switch (member) {
    case NAME: python->name = text; break;
    case VERSION: python->version = text; break;
    case REGISTRY:
        python->registry = text;
        python->registry_start = item->start;
        python->registry_end = item->end;
        break;
    case SOURCE_TYPE:
        if (text && !strcmp(text, "git"))
            python->why = "comes from git";
        else if (text && !strcmp(text, "url"))
            python->why = "comes from a URL of its own, no index's";
        else if (text && strcmp(text, "legacy") && strcmp(text, "pypi"))
            python->why = "is a file or folder of this project";
        break;
    case FROM_GIT: python->why = "comes from git"; break;
    case FROM_URL: python->why = "comes from a URL of its own, no index's"; break;
    case FROM_HERE: python->why = "is a file or folder of this project"; break;
    case FILE_NAME:
        if (file)
            file->name = text;
        break;
    case FILE_DIGEST:
        if (file)
            file->digest = text;
        break;
    case FILE_SHA256:
        if (file && text)
            file->digest = arena_format(python->reading->arena, "sha256:%s", text);
        break;
    case FILE_URL:
        if (file) {
            file->url = text;
            file->url_start = item->start;
            file->url_end = item->end;
        }
        break;
    }
}

/* What stands behind "package." or "packages." in the path. */
static const char *within_package(const struct python_lock *lock, const char *path)
{
    size_t length = strlen(lock->package);

    return !strncmp(path, lock->package, length) && path[length] == '.' ? path + length + 1 : NULL;
}

static enum status check_version(struct python_reading *python, const struct toml_item *item,
                                 struct error *err)
{
    const struct python_lock *lock = python->lock;
    const char *text = item->text
                           ? item->text
                           : reading_copy(python->reading, python->reading->text + item->start,
                                          item->end - item->start);

    python->has_version = true;
    for (size_t i = 0; i < COUNT(lock->known) && lock->known[i]; i++) {
        size_t length = strlen(lock->known[i]);

        if (!strncmp(text, lock->known[i], length) && (!text[length] || text[length] == '.'))
            return STATUS_OK;
    }
    return reading_fail(python->reading, reading_line(python->reading, item->start), err,
                        "version %.20s of %s's lockfile is not known", text, lock->program);
}

static enum status take_item(void *context, const struct toml_item *item, struct error *err)
{
    struct python_reading *python = context;
    const struct python_lock *lock = python->lock;
    const char *rest = within_package(lock, item->path);
    bool was_sdist;
    enum status rc;

    if (item->is_element && !strcmp(item->path, lock->package)) {
        if ((rc = close_package(python, err)))
            return rc;
        open_package(python, reading_line(python->reading, item->start));
        return STATUS_OK;
    }
    if (!item->is_element && !strcmp(item->path, lock->versions))
        return check_version(python, item, err);
    if (!rest || !python->is_open)
        return STATUS_OK;
    if (item->is_element) {
        python->is_sdist = false;
        return strcmp(rest, lock->files) ? STATUS_OK : begin_file(python, item->start, err);
    }
    /* A source distribution is one table, and no array of them. */
    was_sdist = python->is_sdist;
    python->is_sdist = !strncmp(rest, "sdist.", 6);
    if (python->is_sdist && !was_sdist && (rc = begin_file(python, item->start, err)))
        return rc;
    for (size_t i = 0; i < lock->row_count; i++) {
        size_t length = strlen(lock->rows[i].path);

        if (!strncmp(rest, lock->rows[i].path, length) &&
            (!rest[length] || (lock->rows[i].member >= FROM_GIT && rest[length] == '.')))
            take_member(python, lock->rows[i].member, item);
    }
    return STATUS_OK;
}

static enum status read_lock(struct reading *reading, const struct python_lock *lock,
                             struct error *err)
{
    struct python_reading python = {.reading = reading, .lock = lock};
    enum status rc;

    if ((rc = toml_read(reading, take_item, &python, err)) || (rc = close_package(&python, err)))
        return rc;
    if (!python.has_version)
        return reading_fail(
            reading, reading_line(reading, reading->length), err,
            "is no lockfile of %s, or has been cut off: it does not say its version",
            lock->program);
    return STATUS_OK;
}

enum status uv_lock_read(struct reading *reading, struct error *err)
{
    static const struct member_row rows[] = {
        {"name",             NAME       },
        {"version",          VERSION    },
        {"source.registry",  REGISTRY   },
        {"source.git",       FROM_GIT   },
        {"source.url",       FROM_URL   },
        {"source.path",      FROM_HERE  },
        {"source.directory", FROM_HERE  },
        {"source.editable",  FROM_HERE  },
        {"source.virtual",   FROM_HERE  },
        {"sdist.url",        FILE_URL   },
        {"sdist.hash",       FILE_DIGEST},
        {"wheels.url",       FILE_URL   },
        {"wheels.hash",      FILE_DIGEST},
    };
    static const struct python_lock lock = {"uv",     "package", "version",  {"1"},
                                            "wheels", rows,      COUNT(rows)};

    return read_lock(reading, &lock, err);
}

enum status poetry_lock_read(struct reading *reading, struct error *err)
{
    static const struct member_row rows[] = {
        {"name",        NAME       },
        {"version",     VERSION    },
        {"source.type", SOURCE_TYPE},
        {"source.url",  REGISTRY   },
        {"files.file",  FILE_NAME  },
        {"files.hash",  FILE_DIGEST},
    };
    static const struct python_lock lock = {
        "poetry", "package", "metadata.lock-version", {"1", "2"},
           "files", rows, COUNT(rows)
    };

    return read_lock(reading, &lock, err);
}

enum status pdm_lock_read(struct reading *reading, struct error *err)
{
    static const struct member_row rows[] = {
        {"name",       NAME       },
        {"version",    VERSION    },
        {"git",        FROM_GIT   },
        {"url",        FROM_URL   },
        {"path",       FROM_HERE  },
        {"files.file", FILE_NAME  },
        {"files.url",  FILE_URL   },
        {"files.hash", FILE_DIGEST},
    };
    static const struct python_lock lock = {
        "pdm", "package", "metadata.lock_version", {"4"}, "files", rows, COUNT(rows)};

    return read_lock(reading, &lock, err);
}

enum status pylock_read(struct reading *reading, struct error *err)
{
    static const struct member_row rows[] = {
        {"name",                 NAME       },
        {"version",              VERSION    },
        {"index",                REGISTRY   },
        {"vcs",                  FROM_GIT   },
        {"archive",              FROM_URL   },
        {"directory",            FROM_HERE  },
        {"sdist.name",           FILE_NAME  },
        {"sdist.url",            FILE_URL   },
        {"sdist.hashes.sha256",  FILE_SHA256},
        {"wheels.name",          FILE_NAME  },
        {"wheels.url",           FILE_URL   },
        {"wheels.hashes.sha256", FILE_SHA256},
    };
    static const struct python_lock lock = {"PEP 751", "packages", "lock-version", {"1"},
                                            "wheels",  rows,       COUNT(rows)};

    return read_lock(reading, &lock, err);
}
