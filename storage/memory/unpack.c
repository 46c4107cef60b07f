#include "storage/memory/unpack.h"

#include "config/settings.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fnmatch.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ratio and its floor are what the public Python index holds against bombs. */
const struct unpack_limits unpack_limits_default = {
    .entries = 100000,
    .bytes = UINT64_C(16) << 30,
    .ratio = 50,
    .ratio_from = 64 << 20,
    .path_length = 1024,
    .depth = 64,
};

struct unpack_limits unpack_limits_from(const struct settings *settings)
{
    struct unpack_limits limits = unpack_limits_default;

    limits.entries = (uint64_t)settings->archive_entries_max;
    limits.bytes = (uint64_t)settings->archive_bytes_max;
    limits.ratio = (uint64_t)settings->archive_ratio_max;
    limits.ratio_from = (uint64_t)settings->archive_ratio_from;
    return limits;
}

enum { BLOCK_SIZE = 64 * 1024, ENTRY_NAME_SHOWN = 200 };

struct walk {
    struct archive *archive;
    struct reader *source;
    int64_t size; /* of the packed bytes; -1: a stream, so not known yet */
    int64_t position;
    uint64_t read_bytes; /* handed to libarchive so far */
    const struct unpack_limits *limits;
    struct unpack_totals totals;
    char
        name[ENTRY_NAME_SHOWN + 1]; /* of the entry at hand, fit to be shown; "" before the first */
    struct error *err;              /* where callbacks of libarchive put their failure */
    enum status callback_status;
    struct file_reader file;
    unsigned char block[BLOCK_SIZE];
};

/* The bytes of the entry at hand. */
struct content {
    struct reader reader;
    struct walk *walk;
};

static enum status unsafe(const struct walk *walk, const char *why)
{
    return fail(walk->err, STATUS_INVALID, "archive-unsafe", "the archive's entry \"%s\" %s",
                walk->name, why);
}

/* What libarchive reports: its own finding, or the failure of a callback of ours. */
static enum status broken(const struct walk *walk)
{
    const char *why = archive_error_string(walk->archive);

    if (walk->callback_status)
        return walk->callback_status;
    if (!why)
        why = "the end is missing";
    if (!*walk->name)
        return fail(walk->err, STATUS_INVALID, "archive-broken", "the archive is broken: %s", why);
    return fail(walk->err, STATUS_INVALID, "archive-broken",
                "the archive is broken at or behind its entry \"%s\": %s", walk->name, why);
}

/* A zip's directory is held in memory by libarchive before the first entry is seen. */
static bool directory_is_too_large(const struct walk *walk)
{
    return !walk->totals.entries && walk->size >= 0 &&
           walk->read_bytes > walk->limits->entries * 256 + 16 * BLOCK_SIZE;
}

static la_ssize_t give_block(struct archive *archive, void *context, const void **block)
{
    struct walk *walk = context;
    size_t got = 0;

    *block = walk->block;
    if (directory_is_too_large(walk)) {
        walk->callback_status = fail(walk->err, STATUS_INVALID, "archive-unsafe",
                                     "the archive has more than %llu entries",
                                     (unsigned long long)walk->limits->entries);
    } else {
        walk->callback_status =
            reader_read(walk->source, walk->block, sizeof walk->block, &got, walk->err);
    }
    if (walk->callback_status) {
        archive_set_error(archive, EIO, "reading stopped");
        return -1;
    }
    walk->position += (int64_t)got;
    walk->read_bytes += got;
    return (la_ssize_t)got;
}

static la_int64_t seek(struct archive *archive, void *context, la_int64_t offset, int whence)
{
    struct walk *walk = context;
    la_int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? walk->position : walk->size;

    (void)archive;
    if (offset < -base || offset > walk->size - base)
        return ARCHIVE_FATAL;
    walk->position = base + offset;
    walk->file.offset = walk->position;
    walk->file.left = walk->size - walk->position;
    return walk->position;
}

static enum status open_archive(struct walk *walk, enum unpack_format format)
{
    struct archive *archive = walk->archive = archive_read_new();
    int result;

    if (!archive) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    if (format == UNPACK_ZIP) {
        result = archive_read_support_format_zip_seekable(archive);
        archive_read_set_seek_callback(archive, seek);
    } else {
        result = archive_read_support_format_tar(archive);
        archive_read_support_filter_gzip(archive);
    }
    if (result != ARCHIVE_OK)
        return broken(walk);
    archive_read_set_read_callback(archive, give_block);
    archive_read_set_callback_data(archive, walk);
    return archive_read_open1(archive) == ARCHIVE_OK ? STATUS_OK : broken(walk);
}

/* libarchive would take a plain tar too, and gzip within gzip. */
static enum status check_filters(const struct walk *walk, enum unpack_format format)
{
    bool is_gzip = archive_filter_count(walk->archive) == 2 &&
                   archive_filter_code(walk->archive, 0) == ARCHIVE_FILTER_GZIP;

    if (format == UNPACK_TAR_GZIP && !is_gzip)
        return fail(walk->err, STATUS_INVALID, "archive-broken",
                    "the archive is no tar under one gzip");
    return STATUS_OK;
}

static void set_name(struct walk *walk, const char *path)
{
    snprintf(walk->name, sizeof walk->name, "%s", path);
    for (char *at = walk->name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
}

/* One part of a path; backslashes divide too, for the client may unpack on Windows. */
static bool is_parent(const char *part, size_t length)
{
    return length == 2 && part[0] == '.' && part[1] == '.';
}

static enum status check_path(const struct walk *walk, const char *path)
{
    unsigned depth = 0;

    if (!*path)
        return unsafe(walk, "has no path");
    if (strlen(path) > walk->limits->path_length)
        return unsafe(walk, "has too long a path");
    if (*path == '/' || *path == '\\' ||
        (path[1] == ':' && (path[0] | 0x20) >= 'a' && (path[0] | 0x20) <= 'z'))
        return unsafe(walk, "has an absolute path");
    for (const char *at = path; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return unsafe(walk, "has a control character in its path");
    for (const char *part = path; *part;) {
        size_t length = strcspn(part, "/\\");

        if (is_parent(part, length))
            return unsafe(walk, "has \"..\" in its path");
        if (length && ++depth > walk->limits->depth)
            return unsafe(walk, "lies too deep");
        part += length + (part[length] != '\0');
    }
    return STATUS_OK;
}

static enum status check_kind(const struct walk *walk, struct archive_entry *entry,
                              enum unpack_kind *kind)
{
    mode_t type = archive_entry_filetype(entry);

    if (archive_entry_is_encrypted(entry))
        return unsafe(walk, "is encrypted");
    if (archive_entry_hardlink(entry) || archive_entry_hardlink_utf8(entry) || type == AE_IFLNK)
        *kind = UNPACK_LINK;
    else if (type == AE_IFREG)
        *kind = UNPACK_FILE;
    else if (type == AE_IFDIR)
        *kind = UNPACK_DIRECTORY;
    else
        return unsafe(walk, "is no file, folder or link");
    return STATUS_OK;
}

/* The format's name tells the method of the entry at hand: "ZIP 2.0 (deflation)". */
static enum status check_method(const struct walk *walk)
{
    const char *name = archive_format_name(walk->archive);

    if (name && !strncmp(name, "ZIP", 3) && !strstr(name, "(deflation)") &&
        !strstr(name, "(uncompressed)"))
        return unsafe(walk, "is compressed with another method than deflate");
    return STATUS_OK;
}

/* Sizes are what the archive says; whoever reads the content gets no more than that. */
static enum status add_size(struct walk *walk, uint64_t size)
{
    const struct unpack_limits *limits = walk->limits;
    uint64_t packed = walk->size >= 0 ? (uint64_t)walk->size : walk->read_bytes;

    if (size > limits->bytes || walk->totals.bytes > limits->bytes - size)
        return unsafe(walk, "passes the limit of unpacked bytes");
    walk->totals.bytes += size;
    if (walk->totals.bytes > limits->ratio_from && walk->totals.bytes / limits->ratio > packed)
        return unsafe(walk, "passes the limit of unpacked to packed bytes");
    return STATUS_OK;
}

static enum status describe(struct walk *walk, struct archive_entry *from,
                            struct unpack_entry *entry)
{
    const char *path = archive_entry_pathname(from);
    int64_t size = archive_entry_size_is_set(from) ? archive_entry_size(from) : 0;
    enum status rc;

    if (!path)
        path = archive_entry_pathname_utf8(from);
    set_name(walk, path ? path : "?");
    if (++walk->totals.entries > walk->limits->entries)
        return unsafe(walk, "is one too many");
    if (!path || archive_entry_pathname_w(from) == NULL)
        return unsafe(walk, "has a path that is not UTF-8");
    if ((rc = check_path(walk, path)) || (rc = check_kind(walk, from, &entry->kind)) ||
        (rc = check_method(walk)))
        return rc;
    if (size < 0 || (entry->kind == UNPACK_FILE && !archive_entry_size_is_set(from)))
        return unsafe(walk, "does not say its size");
    entry->path = path;
    entry->size = entry->kind == UNPACK_FILE ? (uint64_t)size : 0;
    entry->is_executable = entry->kind == UNPACK_FILE && (archive_entry_perm(from) & 0111);
    walk->totals.files += entry->kind == UNPACK_FILE;
    return add_size(walk, entry->size);
}

static enum status content_read(struct reader *base, void *buffer, size_t size, size_t *got,
                                struct error *err)
{
    struct walk *walk = ((struct content *)base)->walk;
    la_ssize_t count = archive_read_data(walk->archive, buffer, size);

    (void)err; /* the visitor's is the walk's */
    if (count < 0)
        return broken(walk);
    *got = (size_t)count;
    return STATUS_OK;
}

static enum status visit_entries(struct walk *walk, enum unpack_format format, unpack_visit visit,
                                 void *context)
{
    struct content content = {
        {content_read, NULL},
        walk
    };
    struct archive_entry *from;
    int result;
    enum status rc;

    while ((result = archive_read_next_header(walk->archive, &from)) != ARCHIVE_EOF) {
        struct unpack_entry entry;

        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return broken(walk);
        if ((rc = check_filters(walk, format)) || (rc = describe(walk, from, &entry)) ||
            (visit && (rc = visit(context, &entry, &content.reader, walk->err))))
            return rc;
    }
    return walk->totals.entries ? STATUS_OK : check_filters(walk, format);
}

static enum status run(struct walk *walk, enum unpack_format format,
                       const struct unpack_limits *limits, unpack_visit visit, void *context,
                       struct unpack_totals *totals, struct error *err)
{
    /* libarchive reads paths by the thread's locale, which in a server is plain C. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    enum status rc;

    walk->limits = limits ? limits : &unpack_limits_default;
    walk->err = err;
    if (!(rc = open_archive(walk, format)))
        rc = visit_entries(walk, format, visit, context);
    if (totals)
        *totals = walk->totals;
    archive_read_free(walk->archive);
    free(walk);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}

static struct walk *walk_new(void)
{
    struct walk *walk = calloc(1, sizeof *walk);

    if (!walk) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return walk;
}

enum status unpack_walk(int fd, uint64_t size, enum unpack_format format,
                        const struct unpack_limits *limits, unpack_visit visit, void *context,
                        struct unpack_totals *totals, struct error *err)
{
    struct walk *walk = walk_new();

    file_reader_init(&walk->file, fd, 0, (int64_t)size);
    walk->source = &walk->file.reader;
    walk->size = (int64_t)size;
    return run(walk, format, limits, visit, context, totals, err);
}

enum status unpack_walk_stream(struct reader *source, const struct unpack_limits *limits,
                               unpack_visit visit, void *context, struct unpack_totals *totals,
                               struct error *err)
{
    struct walk *walk = walk_new();

    walk->source = source;
    walk->size = -1;
    return run(walk, UNPACK_TAR_GZIP, limits, visit, context, totals, err);
}

struct find {
    bool (*matches)(void *context, const char *path);
    void *context;
    struct strbuf *out;
    struct unpack_found *found;
};

static enum status find_visit(void *context, const struct unpack_entry *entry,
                              struct reader *content, struct error *err)
{
    struct find *find = context;
    char buffer[8192];
    size_t got;
    enum status rc;

    if (entry->kind != UNPACK_FILE || !find->matches(find->context, entry->path))
        return STATUS_OK;
    if (find->found->count++)
        return STATUS_OK;
    snprintf(find->found->path, sizeof find->found->path, "%s", entry->path);
    while (!(rc = reader_read(content, buffer, sizeof buffer, &got, err)) && got) {
        strbuf_bytes(find->out, buffer, got);
        if (strbuf_failed(find->out))
            return fail(err, STATUS_INVALID, "archive-unsafe",
                        "the archive's entry \"%.200s\" is larger than %zu bytes", entry->path,
                        find->out->cap);
    }
    return rc;
}

enum status unpack_find(int fd, uint64_t size, enum unpack_format format,
                        const struct unpack_limits *limits,
                        bool (*matches)(void *context, const char *path), void *context,
                        struct strbuf *out, struct unpack_found *found, struct error *err)
{
    struct find find = {matches, context, out, found};

    *found = (struct unpack_found){0};
    return unpack_walk(fd, size, format, limits, find_visit, &find, &found->totals, err);
}

bool unpack_path_matches(const char *pattern, const char *path)
{
    if (!strncmp(path, "./", 2))
        path += 2;
    return !fnmatch(pattern, path, FNM_PATHNAME | FNM_NOESCAPE);
}

const char *unpack_library_version(void)
{
    return archive_version_string();
}
