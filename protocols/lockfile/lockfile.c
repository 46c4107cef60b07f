#include "protocols/lockfile/lockfile.h"

#include "protocols/lockfile/reading.h"
#include "storage/memory/utf8.h"

#include <string.h>

enum { TEXT_MAX = 1 << 20 };

static const struct {
    const char *name;
    enum lockfile_kind kind;
} names[] = {
    {"package-lock.json",   LOCKFILE_NPM   },
    {"npm-shrinkwrap.json", LOCKFILE_NPM   },
    {"pnpm-lock.yaml",      LOCKFILE_PNPM  },
    {"yarn.lock",           LOCKFILE_YARN  },
    {"bun.lock",            LOCKFILE_BUN   },
    {"uv.lock",             LOCKFILE_UV    },
    {"poetry.lock",         LOCKFILE_POETRY},
    {"pdm.lock",            LOCKFILE_PDM   },
    {"pylock.toml",         LOCKFILE_PYLOCK},
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);

    return length > strlen(end) && !strcmp(text + length - strlen(end), end);
}

enum status lockfile_kind_of(const char *path, enum lockfile_kind *out, struct error *err)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i].name)) {
            *out = names[i].kind;
            return STATUS_OK;
        }
    if (!strncmp(name, "pylock.", 7) && ends_with(name, ".toml"))
        *out = LOCKFILE_PYLOCK;
    else if (ends_with(name, ".txt"))
        *out = LOCKFILE_REQUIREMENTS;
    else if (!strcmp(name, "bun.lockb"))
        return fail(err, STATUS_INVALID, "lockfile-kind",
                    "%s is bun's old binary lockfile; `bun install --save-text-lockfile` writes "
                    "bun.lock, which can be read",
                    path);
    else
        return fail(err, STATUS_INVALID, "lockfile-kind",
                    "%s is no lockfile whose name is known: package-lock.json, "
                    "npm-shrinkwrap.json, pnpm-lock.yaml, yarn.lock, bun.lock, requirements.txt "
                    "(or any .txt), uv.lock, poetry.lock, pdm.lock, pylock.toml",
                    path);
    return STATUS_OK;
}

/* Yarn 2 and later begin with what they know of themselves. */
static bool is_of_later_yarn(const char *text)
{
    static const char mark[] = "__metadata:";

    for (const char *at = text; (at = strstr(at, mark)); at++)
        if (at == text || at[-1] == '\n')
            return true;
    return false;
}

static enum status read_kind(enum lockfile_kind kind, struct reading *reading, struct error *err)
{
    static enum status (*const readers[LOCKFILE_KINDS])(struct reading * reading,
                                                        struct error * err) = {
        [LOCKFILE_NPM] = npm_lock_read,
        [LOCKFILE_PNPM] = pnpm_lock_read,
        [LOCKFILE_YARN] = yarn_lock_read,
        [LOCKFILE_BUN] = bun_lock_read,
        [LOCKFILE_REQUIREMENTS] = requirements_read,
        [LOCKFILE_UV] = uv_lock_read,
        [LOCKFILE_POETRY] = poetry_lock_read,
        [LOCKFILE_PDM] = pdm_lock_read,
        [LOCKFILE_PYLOCK] = pylock_read,
    };

    if (kind == LOCKFILE_YARN && is_of_later_yarn(reading->text))
        return yarn_berry_read(reading, err);
    return readers[kind](reading, err);
}

static enum status check_text(struct reading *reading, struct error *err)
{
    const char *zero = memchr(reading->text, '\0', reading->length);
    size_t length;

    if (zero)
        return reading_fail(reading, reading_line(reading, (size_t)(zero - reading->text)), err,
                            "has a byte 0: it is no text");
    for (const char *at = reading->text; *at; at += length)
        if (!(length = (*at & 0x80) ? utf8_length(at) : 1))
            return reading_fail(reading, reading_line(reading, (size_t)(at - reading->text)), err,
                                "is no UTF-8");
    return STATUS_OK;
}

enum status lockfile_read(enum lockfile_kind kind, const char *name, const char *text,
                          size_t length, lockfile_visit visit, void *context, struct error *err)
{
    struct reading reading = {
        .name = name, .text = text, .length = length, .visit = visit, .context = context};
    enum status rc;

    if (length > LOCKFILE_BYTES_MAX)
        return fail(err, STATUS_TOO_LARGE, "lockfile-too-large", "%s is larger than %d MiB", name,
                    LOCKFILE_BYTES_MAX >> 20);
    reading.arena = arena_new();
    strbuf_init(&reading.scratch, NULL, TEXT_MAX);
    if (!(rc = check_text(&reading, err)))
        rc = read_kind(kind, &reading, err);
    strbuf_free(&reading.scratch);
    arena_free(reading.arena);
    return rc;
}
