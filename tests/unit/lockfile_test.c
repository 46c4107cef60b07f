/* Lockfiles: those that the real clients wrote, as they wrote them, and those that nobody should.
 */
#include "protocols/lockfile/lockfile.h"
#include "storage/memory/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What a lockfile told: packages and files once each, "name@version" and "name: why". */
struct told {
    const char *text;
    struct strbuf packages, skipped;
    int urls, registries, digests, unplaced;
};

static void add_once(struct strbuf *out, const char *line)
{
    for (const char *at = out->data; (at = strstr(at, line)); at++)
        if (at == out->data || at[-1] == '\n')
            return;
    strbuf_text(out, line);
}

static enum status keep(void *context, const struct lockfile_entry *entry, struct error *err)
{
    struct told *told = context;
    char line[400];

    (void)err;
    assert_true(entry->line > 0);
    switch (entry->what) {
    case LOCKFILE_PACKAGE:
        snprintf(line, sizeof line, "%s@%s\n", entry->name, entry->version);
        add_once(&told->packages, line);
        told->urls += entry->url != NULL;
        told->digests += entry->digest != NULL;
        break;
    case LOCKFILE_REGISTRY: told->registries++; break;
    case LOCKFILE_SKIPPED:
        snprintf(line, sizeof line, "%s %s\n", entry->name ? entry->name : "-", entry->why);
        add_once(&told->skipped, line);
        return STATUS_OK;
    }
    if (entry->url && !entry->url_length)
        told->unplaced++;
    else if (entry->url && entry->url_is_encoded)
        assert_memory_equal(told->text + entry->url_offset, "https%3A%2F%2Fpackages", 22);
    else if (entry->url)
        assert_memory_equal(told->text + entry->url_offset, entry->url, strlen(entry->url));
    return STATUS_OK;
}

static char *read_file(const char *name, size_t *length)
{
    char path[1024], *text = calloc(1, 1 << 20);
    FILE *file;

    snprintf(path, sizeof path, "%s%s", LOCKFILES, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    *length = fread(text, 1, (1 << 20) - 1, file);
    fclose(file);
    return text;
}

#define NPM_TREE                                                                                   \
    "@far/scoped@1.0.0\nbundler@1.0.0\nneeds-outside@1.0.0\nold-outside@1.0.0\noutside@1.0.0\n"    \
    "outside@1.1.0\noutside@2.0.0-rc.1\npeer-er@1.0.0\n"
#define PYPI_TREE "extra-name@2.0\nneeds-outside@1.0\noutside@1.1\n"
#define FOLDER "is a file or folder of this project\n"

#define URL "comes from a URL of its own, "
#define UNLOCKED "is not locked to one version with ==\n"

static const char npm_folders[] =
    "kept is a folder of this project\none is a folder of this project\n";
static const char npm_old_folders[] = "kept " FOLDER "one " FOLDER;
static const char npm_both_folders[] =
    "kept is a folder of this project\n"
    "one is a folder of this project\nkept " FOLDER "one " FOLDER;
static const char odd_npm[] = "escaped@1.0.0\n@far/other-form@1.0.0\noutside@1.1.0\n";
static const char odd_npm_skipped[] =
    "from-git comes from git\nfrom-url " URL "no registry's\ninner comes inside another package\n"
    ".. has a name that no registry has\nodd comes from git\n";
static const char pnpm_5[] = "@far/scoped@1.0.0\noutside@1.1.0\npeer-er@1.0.0\n";
static const char pnpm_5_skipped[] =
    "@elsewhere.example/from-url.tgz comes from git or a URL of its own\n"
    "github.com/someone/from-git/0123456789012345678901234567890123456789 "
    "comes from git or a URL of its own\n";
static const char pnpm_6[] = "@far/peer-er@1.0.0\noutside@2.0.0-rc.1\n";
static const char pnpm_6_skipped[] = "file:kept is a folder of this project\n";
static const char pnpm_9_skipped[] = "kept is a folder of this project\n";
static const char berry_skipped[] =
    "kept " FOLDER "one is a part of this project\nproject is a part of this project\n";
static const char archives_skipped[] =
    "outside is a patched copy, made here\nproject is a part of this project\n";
static const char bun[] = "@far/scoped@1.0.0\nbundler@1.0.0\nneeds-outside@1.0.0\n"
                          "old-outside@1.0.0\noutside@1.0.0\noutside@2.0.0-rc.1\npeer-er@1.0.0\n";
static const char bun_skipped[] = "kept " FOLDER "one is a part of this project\n";
static const char frozen[] = "Extra.Name@2.0\nneeds-outside@1.0\noutside@1.1\n";
static const char by_hand[] = "Outside@1.1\nneeds_outside@1.0\npinned@2!1.0+local\nsome@1.5\n";
static const char by_hand_skipped[] =
    "- is the file more.txt, which is not read from here\n"
    "- is the file constraints.txt, which is not read from here\n- " FOLDER
    "- comes from git\nranged " UNLOCKED "wild " UNLOCKED "loose " UNLOCKED "named " URL
    "no index's\n- " URL "no index's\n";
static const char uv_skipped[] =
    "from-git comes from git\nfrom-url " URL "no index's\neditable " FOLDER;

static const struct {
    const char *file, *name, *packages, *skipped;
    int urls, registries, digests;
} files[] = {
    {"npm-v1-package-lock.json",         "package-lock.json",    NPM_TREE,          npm_old_folders,                    8,  0, 8 },
    {"npm-v2-package-lock.json",         "package-lock.json",    NPM_TREE,          npm_both_folders,                   16, 0, 16},
    {"npm-v3-package-lock.json",         "npm-shrinkwrap.json",  NPM_TREE,          npm_folders,                        8,  0, 8 },
    {"npm-unresolved-package-lock.json", "a/package-lock.json",  NPM_TREE,          npm_folders,                        0,  0, 8 },
    {"git-package-lock.json",            "package-lock.json",    odd_npm,           odd_npm_skipped,                    3,  0, 0 },
    {"pnpm-v5-pnpm-lock.yaml",           "pnpm-lock.yaml",       pnpm_5,            pnpm_5_skipped,                     2,  0, 3 },
    {"pnpm-v6-pnpm-lock.yaml",           "pnpm-lock.yaml",       pnpm_6,            pnpm_6_skipped,                     0,  0, 2 },
    {"pnpm-v9-pnpm-lock.yaml",           "pnpm-lock.yaml",       NPM_TREE,          pnpm_9_skipped,                     0,  0, 8 },
    {"yarn1-yarn.lock",                  "yarn.lock",            NPM_TREE,          "kept " FOLDER,                     8,  0, 8 },
    {"berry-yarn.lock",                  "yarn.lock",            NPM_TREE,          berry_skipped,                      0,  0, 0 },
    {"berry-archives-yarn.lock",         "yarn.lock",            "outside@1.1.0\n", archives_skipped,                   1,  0, 0 },
    {"bun.lock",                         "bun.lock",             bun,               bun_skipped,                        7,  0, 7 },
    {"pip-requirements.txt",             "requirements.txt",     frozen,            "",                                 0,  0, 0 },
    {"uv-requirements.txt",              "requirements.txt",     PYPI_TREE,         "",                                 0,  0, 4 },
    {"compiled-requirements.txt",        "requirements-dev.txt", PYPI_TREE,         "",                                 0,  1, 4 },
    {"by-hand-requirements.txt",         "requirements.txt",     by_hand,           by_hand_skipped,                    0,  2, 2 },
    {"uv.lock",                          "uv.lock",              PYPI_TREE,         "project " FOLDER,                  4,  3, 4 },
    {"sources-uv.lock",                  "uv.lock",              "locally@1.0\n",   uv_skipped,                         0,  0, 0 },
    {"poetry.lock",                      "poetry.lock",          PYPI_TREE,         "",                                 0,  3, 4 },
    {"poetry-odd.lock",                  "poetry.lock",          "",                "odd comes from git\nhere " FOLDER, 0,  0, 0 },
    {"pdm.lock",                         "pdm.lock",             PYPI_TREE,         "",                                 0,  0, 4 },
    {"pdm-static-pdm.lock",              "pdm.lock",             PYPI_TREE,         "",                                 4,  0, 4 },
    {"pdm-pylock.toml",                  "pylock.toml",          PYPI_TREE,         "",                                 4,  0, 4 },
    {"pip-pylock.toml",                  "pylock.dev.toml",      PYPI_TREE,         "",                                 3,  0, 3 },
    {"uv-pylock.toml",                   "pylock.toml",          PYPI_TREE,         "",                                 4,  3, 4 },
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Some clients list by name, some by folder. */
static void sort_lines(char *text, char *out)
{
    char *lines[64];
    size_t count = 0;

    for (char *line = text; *line && count < COUNT(lines); line++) {
        lines[count++] = line;
        line = strchr(line, '\n');
        *line = '\0';
    }
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        out = stpcpy(stpcpy(out, lines[i]), "\n");
    *out = '\0';
}

static void assert_same_lines(const char *file, const char *expected, const char *told)
{
    char *copies[2] = {strdup(expected), strdup(told)}, sorted[2][4096];

    for (int i = 0; i < 2; i++) {
        sort_lines(copies[i], sorted[i]);
        free(copies[i]);
    }
    if (strcmp(sorted[0], sorted[1]))
        fail_msg("%s: expected\n%stold\n%s", file, sorted[0], sorted[1]);
}

static void every_client_s_lockfile_tells_its_packages(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(files); row++) {
        struct told told = {0};
        struct error err = {0};
        enum lockfile_kind kind;
        size_t length;
        char *text = read_file(files[row].file, &length);

        strbuf_init(&told.packages, NULL, 4000);
        strbuf_init(&told.skipped, NULL, 4000);
        told.text = text;
        assert_int_equal(lockfile_kind_of(files[row].name, &kind, &err), STATUS_OK);
        if (lockfile_read(kind, files[row].file, text, length, keep, &told, &err))
            fail_msg("%s: %s", files[row].file, err.message);
        assert_same_lines(files[row].file, files[row].packages, told.packages.data);
        assert_same_lines(files[row].file, files[row].skipped, told.skipped.data);
        if (told.urls != files[row].urls || told.registries != files[row].registries ||
            told.digests != files[row].digests)
            fail_msg("%s: %d URLs, %d registries, %d digests", files[row].file, told.urls,
                     told.registries, told.digests);
        /* One lockfile writes "https:\/\/": that cannot be replaced by copying bytes. */
        assert_int_equal(told.unplaced, strcmp(files[row].file, "git-package-lock.json") ? 0 : 1);
        strbuf_free(&told.packages);
        strbuf_free(&told.skipped);
        free(text);
    }
}

static void a_file_s_name_tells_its_kind(void **state)
{
    static const struct {
        const char *path;
        int kind; /* -1: none */
    } rows[] = {
        {"package-lock.json",        LOCKFILE_NPM         },
        {"/a/b/npm-shrinkwrap.json", LOCKFILE_NPM         },
        {"requirements/dev.txt",     LOCKFILE_REQUIREMENTS},
        {"pylock.toml",              LOCKFILE_PYLOCK      },
        {"pylock.docs.toml",         LOCKFILE_PYLOCK      },
        {"package.json",             -1                   },
        {"pyproject.toml",           -1                   },
        {"bun.lockb",                -1                   },
        {"poetry.lock/",             -1                   },
        {".txt",                     -1                   },
        {"",                         -1                   },
    };

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        enum lockfile_kind kind;
        struct error err = {0};
        enum status rc = lockfile_kind_of(rows[row].path, &kind, &err);

        if (rows[row].kind < 0 ? rc != STATUS_INVALID || strcmp(err.code, "lockfile-kind")
                               : rc || (int)kind != rows[row].kind)
            fail_msg("row %zu: %d %s", row, rc, err.message);
    }
}

static void what_is_broken_is_told_with_its_line(void **state)
{
    static const struct {
        enum lockfile_kind kind;
        const char *text, *complaint;
    } rows[] = {
        {LOCKFILE_NPM,          "",                                                                 "f:1: "                                           },
        {LOCKFILE_NPM,          "{\"lockfileVersion\": 3,\n\"packages\": {\n",                      "f:3: "                                           },
        {LOCKFILE_NPM,          "{\n\"lockfileVersion\": 4}",                                       "f:2: lockfileVersion 4 is not known"             },
        {LOCKFILE_NPM,          "{\"name\": \"x\"}",                                                "f:1: is no lockfile of npm"                      },
        {LOCKFILE_NPM,          "[]",                                                               "f:1: "                                           },
        {LOCKFILE_NPM,          "{\"lockfileVersion\": 3, \"packages\":\n{\"node_modules/a\": 7}}", "f:2: "                                           },
        {LOCKFILE_NPM,          "<<<<<<< HEAD\n",                                                   "f:1: "                                           },
        {LOCKFILE_BUN,          "{\"lockfileVersion\": 1, \"packages\": {\n\"a\": [\"a\"]}}",
         "f:2: 'a' is no package@version"                                                                                                             },
        {LOCKFILE_BUN,          "{\"lockfileVersion\": 1, // \n\"packages\": {\"a\": []}}",
         "f:2: a package has no name"                                                                                                                 },
        {LOCKFILE_PNPM,         "",                                                                 "f:1: is empty"                                   },
        {LOCKFILE_PNPM,         "lockfileVersion: '4.0'\n",                                         "f:1: lockfileVersion 4.0 is not known"           },
        {LOCKFILE_PNPM,         "packages: {}\n",                                                   "f:1: is no lockfile of pnpm"                     },
        {LOCKFILE_PNPM,         "lockfileVersion: '9.0'\npackages:\n  a@1:\n   - x\n",
         "f:4: expected a mapping"                                                                                                                    },
        {LOCKFILE_PNPM,         "lockfileVersion: '9.0'\n\tx: 1\n",                                 "f:2: "                                           },
        {LOCKFILE_YARN,         "a@^1:\n  version \"1.0.0\"\nb\n",                                  "f:3: expected the ranges of a package"           },
        {LOCKFILE_YARN,         "a@^1:\n  resolved \"x\"\n",                                        "f:1: a has no version"                           },
        {LOCKFILE_YARN,         "  version \"1\"\n",                                                "f:1: stands below no package"                    },
        {LOCKFILE_YARN,         "a@^1:\n  version \"1.0.0\n",                                       "f:2: expected a name and a value"                },
        {LOCKFILE_YARN,         "<<<<<<< HEAD\n",                                                   "f:1: expected the ranges of a package"           },
        {LOCKFILE_YARN,         "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1\n",
         "f:3: a package has no resolution"                                                                                                           },
        {LOCKFILE_REQUIREMENTS, "a==1\n<<<<<<< HEAD\n",                                             "f:2: expected the name of a project"             },
        {LOCKFILE_REQUIREMENTS, "\n\nhello world\n",
         "f:3: expected a version, ';' or '--hash' behind hello"                                                                                      },
        {LOCKFILE_REQUIREMENTS, "a==1 --hash=sha256\n",                                             "f:1: --hash takes algorithm:digest"              },
        {LOCKFILE_REQUIREMENTS, "a[x\n==1\n",                                                       "f:1: expected ']'"                               },
        {LOCKFILE_REQUIREMENTS, "-r\n",                                                             "f:1: -r lacks its value"                         },
        {LOCKFILE_REQUIREMENTS, "a==1\n\xff\n",                                                     "f:2: is no UTF-8"                                },
        {LOCKFILE_UV,           "",                                                                 "f:1: is no lockfile of uv, or has been cut off"  },
        {LOCKFILE_UV,           "version = 2\n",                                                    "f:1: version 2 of uv's lockfile is not known"    },
        {LOCKFILE_UV,           "version = 1\n[[package]]\nversion = \"1\"\n",                      "f:2: a package has no name"                      },
        {LOCKFILE_UV,           "version = 1\n[[package]]\nname = \"a\n",                           "f:3: a string has no end"                        },
        {LOCKFILE_UV,           "version = 1\n[[package]\n",                                        "f:2: expected the end of a table's name"         },
        {LOCKFILE_UV,           "version = 1 2\n",                                                  "f:1: expected the end of the line"               },
        {LOCKFILE_UV,           "version = yes\n",                                                  "f:1: expected a value"                           },
        {LOCKFILE_UV,           "x = \"\\q\"\n",                                                    "f:1: a string has an escape that TOML has not"   },
        {LOCKFILE_UV,           "x = \"\\ud800\"\n",                                                "f:1: a string has an escape that is no character"},
        {LOCKFILE_UV,           "x = [1\n2]\n",                                                     "f:2: expected ',' or ']' in an array"            },
        {LOCKFILE_UV,           "x = {a = 1 b = 2}\n",                                              "f:1: expected ',' or '}' in a table"             },
        {LOCKFILE_UV,           "= 1\n",                                                            "f:1: expected a key"                             },
        {LOCKFILE_POETRY,       "[[package]]\nname = \"a\"\nversion = \"1\"\n",
         "f:4: is no lockfile of poetry, or has been cut off"                                                                                         },
        {LOCKFILE_PDM,          "[metadata]\nlock_version = \"3.1\"\n",
         "f:2: version 3.1 of pdm's lockfile is not known"                                                                                            },
        {LOCKFILE_PYLOCK,       "lock-version = \"2.0\"\n",
         "f:1: version 2.0 of PEP 751's lockfile is not known"                                                                                        },
    };

    (void)state;
    for (size_t row = 0; row < COUNT(rows); row++) {
        struct told told = {.text = rows[row].text};
        struct error err = {0};

        strbuf_init(&told.packages, NULL, 4000);
        strbuf_init(&told.skipped, NULL, 4000);
        if (lockfile_read(rows[row].kind, "f", rows[row].text, strlen(rows[row].text), keep, &told,
                          &err) != STATUS_INVALID ||
            strncmp(err.message, rows[row].complaint, strlen(rows[row].complaint)))
            fail_msg("row %zu: \"%s\"", row, err.message);
        strbuf_free(&told.packages);
        strbuf_free(&told.skipped);
    }
}

static void what_is_too_much_is_refused(void **state)
{
    struct strbuf text;
    struct error err = {0};
    struct told told = {0};

    (void)state;
    strbuf_init(&text, NULL, LOCKFILE_BYTES_MAX);
    strbuf_text(&text, "x = ");
    for (int i = 0; i < 100000; i++)
        strbuf_char(&text, '[');
    assert_int_equal(lockfile_read(LOCKFILE_UV, "f", text.data, text.length, keep, &told, &err),
                     STATUS_INVALID);
    assert_string_equal(err.message, "f:1: arrays and tables are too deep in one another");
    strbuf_clear(&text);
    strbuf_text(&text, "{\"lockfileVersion\": 1, \"dependencies\": {");
    for (int i = 0; i < 100000; i++)
        strbuf_text(&text, "\"a\": {\"dependencies\": {");
    assert_int_equal(lockfile_read(LOCKFILE_NPM, "f", text.data, text.length, keep, &told, &err),
                     STATUS_INVALID);
    assert_int_equal(lockfile_read(LOCKFILE_NPM, "f", text.data, LOCKFILE_BYTES_MAX + (size_t)1,
                                   keep, &told, &err),
                     STATUS_TOO_LARGE);
    strbuf_free(&text);
}

static enum status refuse(void *context, const struct lockfile_entry *entry, struct error *err)
{
    (void)entry;
    ++*(int *)context;
    return (fail)(err, STATUS_FULL, "", "no more");
}

static void a_visitor_s_failure_ends_the_reading(void **state)
{
    int calls = 0;

    (void)state;
    for (size_t row = 0; row < COUNT(files); row++) {
        enum lockfile_kind kind;
        struct error err = {0};
        size_t length;
        char *text = read_file(files[row].file, &length);

        calls = 0;
        lockfile_kind_of(files[row].name, &kind, &err);
        assert_int_equal(lockfile_read(kind, "f", text, length, refuse, &calls, &err), STATUS_FULL);
        assert_string_equal(err.message, "no more");
        assert_int_equal(calls, 1);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_client_s_lockfile_tells_its_packages),
        cmocka_unit_test(a_file_s_name_tells_its_kind),
        cmocka_unit_test(what_is_broken_is_told_with_its_line),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_visitor_s_failure_ends_the_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
