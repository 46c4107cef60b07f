#include "protocols/npm/name.h"

#include "storage/memory/arena.h"
#include "storage/memory/semver_range.h"

#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char TARBALL_SUFFIX[] = ".tgz";

/* What require("module").builtinModules lists, without the names that break another rule. */
static const char *const core_modules[] = {
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
};

static bool is_in(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(word, list[i]))
            return true;
    return false;
}

/* ECMAScript's encodeURIComponent leaves these alone. */
static bool is_unescaped(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.!~*'()", c));
}

static bool survives_encoding(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_unescaped(text[i]))
            return false;
    return length > 0;
}

const char *npm_name_base(const char *name)
{
    const char *slash = *name == '@' ? strchr(name, '/') : NULL;

    return slash ? slash + 1 : name;
}

const char *npm_name_scope(const char *name, struct arena *arena)
{
    const char *base = npm_name_base(name);

    return base == name ? NULL : arena_copy_bytes(arena, name, (size_t)(base - 1 - name));
}

static bool is_scoped(const char *name)
{
    return npm_name_base(name) != name;
}

bool npm_name_is_readable(const char *name)
{
    const char *base = npm_name_base(name);

    if (strnlen(name, NPM_NAME_READ_MAX + 1) > NPM_NAME_READ_MAX || !*base || strchr(base, '/'))
        return false;
    if (*base == '.' || !strcmp(name, "-")) /* the first segment "-" is the API */
        return false;
    return *name != '@' || base > name + 2;
}

static enum status refuse(struct error *err, const char *name, const char *why)
{
    return fail(err, STATUS_INVALID, "EINVALIDPACKAGENAME", "Invalid package name \"%.214s\": %s",
                name, why);
}

enum status npm_name_check_publish(const char *name, struct error *err)
{
    const char *base = npm_name_base(name);

    if (!*name)
        return refuse(err, name, "a name must not be empty");
    if (strlen(name) > NPM_NAME_MAX)
        return refuse(err, name, "a name has at most 214 characters, its scope included");
    if (strchr("._-", *name))
        return refuse(err, name, "a name must not begin with a dot, an underscore or a hyphen");
    if (is_scoped(name) && (*base == '.' || name[1] == '.'))
        return refuse(err, name, "neither its scope nor the part behind it may begin with a dot");
    if (!strcasecmp(name, "node_modules") || !strcasecmp(name, "favicon.ico"))
        return refuse(err, name, "that name is reserved");
    if (is_scoped(name) ? !survives_encoding(name + 1, (size_t)(base - name) - 2) ||
                              !survives_encoding(base, strlen(base))
                        : !survives_encoding(name, strlen(name)))
        return refuse(err, name, "a name has only characters that need no encoding in a URL");
    if (strpbrk(name, "~'!()*"))
        return refuse(err, name, "a new name has none of the characters ~'!()*");
    if (strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
        return refuse(err, name, "a new name has no capital letters");
    if (is_in(name, core_modules, COUNT(core_modules)))
        return refuse(err, name, "that is the name of a core module of Node.js");
    return STATUS_OK;
}

const char *npm_tarball_name(const char *name, const char *version, struct arena *arena)
{
    return arena_format(arena, "%s-%s%s", npm_name_base(name), version, TARBALL_SUFFIX);
}

const char *npm_tarball_version(const char *name, const char *file, struct arena *arena)
{
    const char *base = npm_name_base(name);
    size_t base_length = strlen(base), length = strlen(file);
    size_t suffix_length = strlen(TARBALL_SUFFIX);

    if (length <= base_length + 1 + suffix_length || strncmp(file, base, base_length) ||
        file[base_length] != '-' || strcmp(file + length - suffix_length, TARBALL_SUFFIX))
        return NULL;
    return npm_version_clean(
        arena_copy_bytes(arena, file + base_length + 1, length - base_length - 1 - suffix_length),
        arena);
}

static bool is_countable(const char *digits, size_t length)
{
    static const char max[] = "9007199254740991"; /* JavaScript's MAX_SAFE_INTEGER */

    return length < sizeof max - 1 ||
           (length == sizeof max - 1 && memcmp(digits, max, length) <= 0);
}

const char *npm_version_clean(const char *text, struct arena *arena)
{
    static const char blanks[] = " \t\n\v\f\r";
    struct semver version;
    const char *copy;
    size_t length;

    text += strspn(text, blanks);
    text += strspn(text, "v=");
    text += strspn(text, blanks);
    for (length = strlen(text); length && strchr(blanks, text[length - 1]); length--)
        ;
    copy = arena_copy_bytes(arena, text, length);
    if (!semver_parse(copy, &version) || !is_countable(version.major, version.major_length) ||
        !is_countable(version.minor, version.minor_length) ||
        !is_countable(version.patch, version.patch_length))
        return NULL;
    return version.build ? arena_copy_bytes(arena, copy, (size_t)(version.build - 1 - copy)) : copy;
}

enum status npm_tag_check(const char *tag, struct arena *arena, struct error *err)
{
    if (!survives_encoding(tag, strlen(tag)))
        return fail(err, STATUS_INVALID, "EINVALIDTAG",
                    "Invalid tag name \"%.100s\": tags have only characters that need no encoding "
                    "in a URL",
                    tag);
    if (strlen(tag) > NPM_NAME_MAX)
        return fail(err, STATUS_INVALID, "EINVALIDTAG", "A tag name has at most %d characters",
                    NPM_NAME_MAX);
    if (semver_range_parse(tag, arena))
        return fail(err, STATUS_INVALID, "EINVALIDTAG",
                    "Tag name must not be a valid SemVer range: %s", tag);
    return STATUS_OK;
}
