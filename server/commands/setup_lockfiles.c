#include "server/commands/setup_lockfiles.h"

#include "protocols/lockfile/lockfile.h"
#include "server/commands/output.h"
#include "storage/memory/arena.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 64, HOSTS_MAX = 16, HOST_MAX_BYTES = 256, NEW_TEXT_MAX = 512 << 20 };

/* What one lockfile has from one place that is not Packhouse. */
struct foreign {
    const char *host; /* or, for what no registry has, how it comes: "comes from git" */
    bool is_host;
    size_t count;    /* addresses, or packages */
    size_t replaced; /* with --fix: what does no more; else: what would not */
};

/* Bytes of the file, and what to write in their place. */
struct change {
    size_t offset, length;
    const char *text;
};

struct lockfile {
    const char *path;
    enum lockfile_kind kind;
    struct text_file was;
    struct foreign hosts[HOSTS_MAX]; /* the last one is of all that are more */
    size_t host_count;
    struct change *changes;
    size_t change_count, change_room;
    const char *trouble; /* why it could not be looked at; NULL: it was */
};

struct setup_lockfiles {
    struct setup *setup;
    const char *client, *base; /* base: the index without its simple/ */
    bool speaks_npm, fixes;
    struct lockfile files[FILES_MAX];
    size_t count;
};

struct visit {
    struct setup_lockfiles *all;
    struct lockfile *file;
};

/* "host:port", without the user who may stand before it. */
static const char *host_of(const char *url, size_t *length)
{
    const char *at = strstr(url, "://"), *end;

    if (!at)
        return NULL;
    at += 3;
    end = at + strcspn(at, "/?#");
    for (const char *p = at; p < end; p++)
        if (*p == '@')
            at = p + 1;
    *length = (size_t)(end - at);
    return *length && *length < HOST_MAX_BYTES ? at : NULL;
}

static bool is_ours(const struct setup_lockfiles *all, const char *host, size_t length)
{
    size_t own_length = 0;
    const char *own = host_of(all->setup->index, &own_length);

    return own && own_length == length && !strncasecmp(own, host, length);
}

static struct foreign *foreign_of(struct lockfile *file, struct arena *arena, const char *host,
                                  size_t length, bool is_host)
{
    struct foreign *found = file->hosts;

    while (found < file->hosts + file->host_count &&
           (strlen(found->host) != length || strncasecmp(found->host, host, length)))
        found++;
    if (found < file->hosts + file->host_count)
        return found;
    if (file->host_count == HOSTS_MAX)
        return found - 1;
    found->host = ++file->host_count == HOSTS_MAX ? "other hosts"
                                                  : arena_copy_bytes(arena, host, length);
    found->is_host = is_host || file->host_count == HOSTS_MAX;
    return found;
}

/* npm's address of a file, DESIGN 2: what follows '#' is Yarn 1's digest and stays. */
static const char *npm_address(const struct setup_lockfiles *all, const struct lockfile_entry *entry)
{
    const char *slash = strrchr(entry->name, '/'), *digest = strchr(entry->url, '#');
    const char *short_name = slash ? slash + 1 : entry->name;

    return arena_format(all->setup->arena, "%s%s/-/%s-%s.tgz%s", all->setup->registry, entry->name,
                        short_name, entry->version, digest ? digest : "");
}

/* The index names a file by its digest, so one that is not told cannot be named. */
static const char *pypi_address(const struct setup_lockfiles *all, const struct lockfile_entry *entry)
{
    static const char kind[] = "sha256:";
    const char *digest = entry->digest ? strstr(entry->digest, kind) : NULL;

    if (!digest || !entry->file || strspn(digest + strlen(kind), "0123456789abcdef") != 64)
        return NULL;
    return arena_format(all->setup->arena, "%sfiles/%s/%.64s/%s", all->base, entry->name,
                        digest + strlen(kind), entry->file);
}

/* In Poetry's lockfile the name of the source stands behind its address, and both go together; without the
 * final slash, as Poetry writes it. */
static const char *poetry_address(const struct setup_lockfiles *all, const char *text,
                                  const struct lockfile_entry *entry, size_t *length)
{
    static const char between[] = "\"\nreference = \"";
    const char *name = text + entry->url_offset + entry->url_length, *source = all->setup->source;

    if (!source || strncmp(name, between, strlen(between)))
        return NULL;
    name += strlen(between);
    *length = (size_t)(name - text) - entry->url_offset + strcspn(name, "\"\n");
    return arena_format(all->setup->arena, "%.*s%s%.*s", (int)strlen(all->setup->index) - 1,
                        all->setup->index, between, (int)strlen(source) - 2, source + 1);
}

/* What the entry's address is to be; NULL where it has to stay. length: of what it replaces. */
static const char *address(const struct setup_lockfiles *all, const struct lockfile *file,
                           const struct lockfile_entry *entry, size_t *length)
{
    *length = entry->url_length;
    if (!entry->url_length)
        return NULL;
    if (file->kind == LOCKFILE_POETRY)
        return poetry_address(all, file->was.text, entry, length);
    if (entry->what == LOCKFILE_REGISTRY)
        return all->speaks_npm ? all->setup->registry : all->setup->index;
    if (entry->what != LOCKFILE_PACKAGE)
        return NULL;
    return all->speaks_npm ? npm_address(all, entry) : pypi_address(all, entry);
}

static void add_change(struct lockfile *file, struct arena *arena, const struct change *change)
{
    if (file->change_count == file->change_room) {
        size_t room = file->change_room ? 2 * file->change_room : 64;
        struct change *grown = arena_array(arena, room, sizeof *grown);

        if (file->change_count)
            memcpy(grown, file->changes, file->change_count * sizeof *grown);
        file->changes = grown;
        file->change_room = room;
    }
    file->changes[file->change_count++] = *change;
}

static bool is_in_scope(const struct setup *setup, const struct lockfile_entry *entry)
{
    size_t length = setup->scope ? strlen(setup->scope) : 0;

    return !length ||
           (entry->name && !strncmp(entry->name, setup->scope, length) && entry->name[length] == '/');
}

static const char elsewhere[] = "comes from "; /* as the reader begins such a reason */

static enum status look_at(void *context, const struct lockfile_entry *entry, struct error *err)
{
    struct visit *visit = context;
    struct setup_lockfiles *all = visit->all;
    struct arena *arena = all->setup->arena;
    const char *host, *to;
    size_t length = 0;
    struct foreign *foreign;
    struct strbuf encoded;

    (void)err;
    if (entry->what == LOCKFILE_SKIPPED && !strncmp(entry->why, elsewhere, strlen(elsewhere)))
        foreign_of(visit->file, arena, entry->why, strlen(entry->why), false)->count++;
    if (!entry->url || !(host = host_of(entry->url, &length)) || is_ours(all, host, length) ||
        !is_in_scope(all->setup, entry))
        return STATUS_OK;
    foreign = foreign_of(visit->file, arena, host, length, true);
    foreign->count++;
    if (!(to = address(all, visit->file, entry, &length)))
        return STATUS_OK;
    if (entry->url_is_encoded) {
        strbuf_init(&encoded, arena, NEW_TEXT_MAX);
        strbuf_url(&encoded, to);
        to = encoded.data;
    }
    foreign->replaced++;
    add_change(visit->file, arena,
               &(struct change){.offset = entry->url_offset, .length = length, .text = to});
    return STATUS_OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct change *one = a, *other = b;

    return (one->offset > other->offset) - (one->offset < other->offset);
}

static enum status count_only(void *context, const struct lockfile_entry *entry, struct error *err)
{
    (void)context, (void)entry, (void)err;
    return STATUS_OK;
}

/* What would be no lockfile any more is not written. */
static enum status rewrite(const struct setup_lockfiles *all, struct lockfile *file, struct error *err)
{
    const char *text = file->was.text;
    size_t at = 0;
    struct strbuf out;
    enum status rc;

    qsort(file->changes, file->change_count, sizeof *file->changes, by_offset);
    strbuf_init(&out, all->setup->arena, NEW_TEXT_MAX);
    for (size_t i = 0; i < file->change_count; i++) {
        const struct change *change = &file->changes[i];

        if (change->offset < at)
            return fail(err, STATUS_INTERNAL, "", "%s has addresses within one another", file->path);
        strbuf_bytes(&out, text + at, change->offset - at);
        strbuf_text(&out, change->text);
        at = change->offset + change->length;
    }
    strbuf_text(&out, text + at);
    if (strbuf_failed(&out))
        return fail(err, STATUS_TOO_LARGE, "", "%s would become too large", file->path);
    if ((rc = lockfile_read(file->kind, file->path, out.data, out.length, count_only, NULL, err)))
        return rc;
    return text_file_write(file->path, out.data, out.length, 0, all->setup->arena, err);
}

/* A text file is a list of requirements only if it says so. */
static bool is_wanted(const struct setup_lockfiles *all, const char *name, enum lockfile_kind *kind)
{
    bool is_npm;

    if (lockfile_kind_of(name, kind, NULL))
        return false;
    if (*kind == LOCKFILE_REQUIREMENTS && !strstr(name, "requirement") && !strstr(name, "constraint"))
        return false;
    is_npm = *kind == LOCKFILE_NPM || *kind == LOCKFILE_PNPM || *kind == LOCKFILE_YARN ||
             *kind == LOCKFILE_BUN;
    return is_npm == all->speaks_npm;
}

static enum status look_into(struct setup_lockfiles *all, struct lockfile *file, struct error *err)
{
    struct visit visit = {.all = all, .file = file};
    struct error trouble = {0};
    enum status rc = text_file_read(file->path, all->setup->arena, &file->was, &trouble);

    if (!rc)
        rc = lockfile_read(file->kind, file->path, file->was.text, strlen(file->was.text), look_at,
                           &visit, &trouble);
    if (rc && all->fixes)
        return fail(err, rc, "", "%s", trouble.message);
    if (rc) {
        file->trouble = arena_copy(all->setup->arena, trouble.message);
        file->host_count = file->change_count = 0;
    }
    return all->fixes && file->change_count ? rewrite(all, file, err) : STATUS_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct lockfile *)a)->path, ((const struct lockfile *)b)->path);
}

enum status setup_lockfiles_find(struct setup *setup, const struct setup_client *client, bool fix,
                                 struct setup_lockfiles **out, struct error *err)
{
    struct setup_lockfiles *all = arena_alloc(setup->arena, sizeof *all);
    size_t length = strlen(setup->index), end = strlen("simple/");
    enum lockfile_kind kind;
    struct dirent *entry;
    enum status rc = STATUS_OK;
    DIR *folder = opendir(".");

    if (!folder)
        return fail_errno(err, "cannot look into this folder");
    *out = all;
    all->setup = setup;
    all->client = client->name;
    all->speaks_npm = client->speaks_npm;
    all->fixes = fix;
    all->base = arena_copy_bytes(setup->arena, setup->index, length > end ? length - end : 0);
    while (all->count < FILES_MAX && (entry = readdir(folder)))
        if (is_wanted(all, entry->d_name, &kind))
            all->files[all->count++] =
                (struct lockfile){.path = arena_copy(setup->arena, entry->d_name), .kind = kind};
    closedir(folder);
    qsort(all->files, all->count, sizeof *all->files, by_path);
    for (size_t i = 0; !rc && i < all->count; i++)
        rc = look_into(all, &all->files[i], err);
    return rc;
}

static const char *addresses(size_t count)
{
    return count == 1 ? "address" : "addresses";
}

static bool print_host(const struct setup_lockfiles *all, const struct lockfile *file,
                       const struct foreign *foreign)
{
    size_t stays = foreign->count - foreign->replaced;

    if (!foreign->is_host) {
        printf("%s: %zu %s not through Packhouse: %s\n", file->path, stays,
               stays == 1 ? "package" : "packages", foreign->host);
        return false;
    }
    if (all->fixes && foreign->replaced)
        printf("%s: %zu %s on %s now on Packhouse\n", file->path, foreign->replaced,
               addresses(foreign->replaced), foreign->host);
    else if (foreign->replaced)
        printf("%s: %zu %s on %s would go round Packhouse\n", file->path, foreign->replaced,
               addresses(foreign->replaced), foreign->host);
    if (stays && file->kind == LOCKFILE_POETRY)
        printf("%s: %zu %s on %s would go round Packhouse; packhouse setup poetry is for them\n",
               file->path, stays, addresses(stays), foreign->host);
    else if (stays)
        printf("%s: %zu %s on %s cannot come through Packhouse: no package of a registry, or no digest\n",
               file->path, stays, addresses(stays), foreign->host);
    return !all->fixes && foreign->replaced;
}

/* poetry.lock holds a digest of the sources that pyproject.toml names. */
static bool wants_poetry_lock(const struct setup_lockfiles *all, const struct lockfile *file)
{
    const struct setup *setup = all->setup;
    bool is_new = false;

    for (size_t i = 0; i < setup->count; i++)
        if (!setup->files[i].has_secret)
            is_new = is_new || setup_must_write(&setup->files[i]);
    return setup->source && file->kind == LOCKFILE_POETRY &&
           (is_new || (all->fixes && file->change_count));
}

void setup_lockfiles_print(const struct setup_lockfiles *all)
{
    bool would_help = false;

    for (size_t i = 0; i < all->count; i++) {
        const struct lockfile *file = &all->files[i];

        if (file->trouble)
            printf("Not looked at: %s\n", file->trouble);
        for (size_t k = 0; k < file->host_count; k++)
            would_help = print_host(all, file, &file->hosts[k]) || would_help;
        if (wants_poetry_lock(all, file))
            puts("poetry.lock: to end with, poetry lock takes the source that is new, and keeps the versions");
    }
    if (would_help)
        printf("The same with --fix lets them name Packhouse.\n");
}

static void write_foreign(const struct setup_lockfiles *all, const struct lockfile *file,
                          const struct foreign *foreign, struct strbuf *out)
{
    output_member(out, "path", file->path);
    output_member(out, foreign->is_host ? "host" : "why", foreign->host);
    strbuf_format(out, ",\"count\":%zu,\"%s\":%zu", foreign->count, all->fixes ? "fixed" : "fixable",
                  foreign->replaced);
}

void setup_lockfiles_json(const struct setup_lockfiles *all, struct strbuf *out)
{
    const char *before = "[{";

    for (size_t i = 0; i < all->count; i++) {
        const struct lockfile *file = &all->files[i];

        for (size_t k = 0; k < file->host_count; k++, before = "},{") {
            strbuf_text(out, before);
            write_foreign(all, file, &file->hosts[k], out);
        }
        if (file->trouble) {
            strbuf_text(out, before);
            output_member(out, "path", file->path);
            output_member(out, "trouble", file->trouble);
            before = "},{";
        }
    }
    strbuf_text(out, before[0] == '[' ? "[]" : "}]");
}
