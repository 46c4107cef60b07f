#include "storage/catalog/package.h"

#include "storage/blobs/blob_store.h"
#include "storage/catalog/file_cache.h"
#include "storage/catalog/reading.h"
#include "storage/memory/arena.h"
#include "storage/memory/stream.h"

#include <string.h>
#include <unistd.h>

#define PACKAGE_COLUMNS "p.id, p.name, p.name_norm, p.updated_us"

static void take_package(struct query *query, struct arena *arena, struct package *out)
{
    *out = (struct package){
        .id = db_int(query, 0),
        .name = arena_copy(arena, db_text(query, 1)),
        .name_norm = arena_copy(arena, db_text(query, 2)),
        .updated_us = db_int(query, 3),
    };
}

static const char FIND_PACKAGE[] = "SELECT " PACKAGE_COLUMNS " FROM package p WHERE p.repository_id = ?1"
                                   " AND p.format = ?2 AND p.name_norm = ?3";

enum status catalog_find_package(struct catalog *catalog, const struct repository *repository,
                                 enum format format, const char *name_norm, struct arena *arena,
                                 struct package *out, struct error *err)
{
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND_PACKAGE, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, repository->id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_norm);
    if (!(rc = reading_one(&reading, "the package", name_norm, err)))
        take_package(reading.query, arena, out);
    reading_end(&reading);
    return rc;
}

enum status catalog_find_own_change(struct catalog *catalog, int64_t org_id, enum format format,
                                    const char *name_norm, int64_t *changed_us, struct error *err)
{
    static const char FIND[] =
        "SELECT COALESCE(max(p.updated_us), 0) FROM repository r"
        " JOIN package p ON p.repository_id = r.id AND p.format = ?2 AND p.name_norm = ?3"
        " WHERE r.org_id = ?1 AND r.kind = 1";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, org_id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_norm);
    if (!(rc = reading_one(&reading, "the package", name_norm, err)))
        *changed_us = db_int(reading.query, 0);
    reading_end(&reading);
    return rc;
}

enum status catalog_list_packages(struct catalog *catalog, const struct repository *repository,
                                  enum format format, const char *after, size_t limit,
                                  struct arena *arena, struct package **out, size_t *count,
                                  struct error *err)
{
    static const char LIST[] = "SELECT " PACKAGE_COLUMNS " FROM package p WHERE p.repository_id = ?1"
                               " AND p.format = ?2 AND p.name_norm > ?3 ORDER BY p.name_norm LIMIT ?4";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, repository->id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, after ? after : "");
    db_bind_int(reading.query, 4, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        take_package(reading.query, arena, &(*out)[(*count)++]);
    reading_end(&reading);
    return reading_list_end(rc);
}

#define VERSION_COLUMNS "v.id, v.version, v.state, v.published_us"

/* A version with all that is kept of it. */
#define WHOLE_VERSION_COLUMNS VERSION_COLUMNS ", d.body, k.keyid, v.signature"
#define WHOLE_VERSION                                                                              \
    " FROM version v LEFT JOIN version_document d ON d.version_id = v.id"                          \
    " LEFT JOIN npm_key k ON k.id = v.signed_by"

/* Nothing is copied. */
static struct version view_version(struct query *query, bool is_whole)
{
    struct version version = {
        .id = db_int(query, 0),
        .version = db_text(query, 1),
        .state = (enum version_state)db_int(query, 2),
        .published_us = db_int(query, 3),
    };

    if (!is_whole)
        return version;
    if (!db_is_null(query, 4))
        version.document = db_bytes(query, 4, &version.document_length);
    if (!db_is_null(query, 5)) {
        version.keyid = db_text(query, 5);
        version.signature = db_bytes(query, 6, &version.signature_length);
    }
    return version;
}

static struct version copy_version(struct version version, struct arena *arena)
{
    version.version = arena_copy(arena, version.version);
    if (version.document)
        version.document = arena_copy_bytes(arena, version.document, version.document_length);
    if (version.keyid) {
        version.keyid = arena_copy(arena, version.keyid);
        version.signature = arena_copy_bytes(arena, version.signature, version.signature_length);
    }
    return version;
}

enum status catalog_find_version(struct catalog *catalog, const struct package *package,
                                 const char *version, struct arena *arena, struct version *out,
                                 struct error *err)
{
    static const char FIND[] = "SELECT " WHOLE_VERSION_COLUMNS WHOLE_VERSION
                               " WHERE v.package_id = ?1 AND v.version = ?2 AND v.state <> 3";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, package->id);
    db_bind_text(reading.query, 2, version);
    if (!(rc = reading_one(&reading, "the version", version, err)))
        *out = copy_version(view_version(reading.query, true), arena);
    reading_end(&reading);
    return rc;
}

enum status catalog_list_versions(struct catalog *catalog, const struct package *package,
                                  const char *after, size_t limit, struct arena *arena,
                                  struct version **out, size_t *count, struct error *err)
{
    static const char LIST[] = "SELECT " VERSION_COLUMNS " FROM version v WHERE v.package_id = ?1"
                               " AND v.state <> 3 ORDER BY v.sort_key DESC LIMIT ?2";
    static const char NEXT[] = "SELECT " VERSION_COLUMNS " FROM version v WHERE v.package_id = ?1"
                               " AND v.state <> 3 AND v.sort_key < (SELECT a.sort_key FROM version a"
                               " WHERE a.package_id = ?1 AND a.version = ?3)"
                               " ORDER BY v.sort_key DESC LIMIT ?2";
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if ((rc = reading_begin(catalog, after ? NEXT : LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, package->id);
    db_bind_int(reading.query, 2, (int64_t)limit);
    if (after)
        db_bind_text(reading.query, 3, after);
    while (!(rc = db_next_row(reading.query, err)))
        (*out)[(*count)++] = copy_version(view_version(reading.query, false), arena);
    reading_end(&reading);
    return reading_list_end(rc);
}

#define FILE_COLUMNS                                                                               \
    "f.id, f.name, v.version, f.meta, f.kind, f.size, f.created_us, b.nonce, b.sha256, b.sha512,"  \
    " b.sha1, b.md5, b.blake2b"

static void view_digest(struct query *query, int column, enum digest_kind kind, uint8_t *out,
                        size_t size, unsigned *kinds)
{
    size_t length;
    const void *bytes = db_is_null(query, column) ? NULL : db_bytes(query, column, &length);

    if (!bytes || length != size)
        return;
    memcpy(out, bytes, size);
    *kinds |= kind;
}

static struct stored_file view_file(struct query *query)
{
    struct stored_file file = {
        .id = db_int(query, 0),
        .name = db_text(query, 1),
        .version = db_text(query, 2),
        .meta = db_text(query, 3),
        .kind = (int)db_int(query, 4),
        .size = db_int(query, 5),
        .created_us = db_int(query, 6),
        .nonce = db_int(query, 7),
    };
    struct digests *digests = &file.digests;

    view_digest(query, 8, DIGEST_SHA256, digests->sha256, SHA256_SIZE, &digests->kinds);
    view_digest(query, 9, DIGEST_SHA512, digests->sha512, SHA512_SIZE, &digests->kinds);
    view_digest(query, 10, DIGEST_SHA1, digests->sha1, SHA1_SIZE, &digests->kinds);
    view_digest(query, 11, DIGEST_MD5, digests->md5, MD5_SIZE, &digests->kinds);
    view_digest(query, 12, DIGEST_BLAKE2B, digests->blake2b, BLAKE2B_SIZE, &digests->kinds);
    return file;
}

static struct stored_file copy_file(struct stored_file file, struct arena *arena)
{
    file.name = arena_copy(arena, file.name);
    file.version = arena_copy(arena, file.version);
    file.meta = arena_copy(arena, file.meta);
    return file;
}

enum status catalog_open_file(struct catalog *catalog, const struct stored_file *file, int *fd,
                              struct error *err)
{
    struct blob_name name = {.nonce = file->nonce};
    enum status rc;

    memcpy(name.sha256, file->digests.sha256, SHA256_SIZE);
    rc = blob_store_read(catalog_blobs(catalog), &name, file->size, fd, err);
    /* The row is there and the bytes are not: that is our fault, not the asker's. */
    return rc == STATUS_NOT_FOUND ? fail(err, STATUS_INTERNAL, "blob-missing",
                                         "the stored bytes of %s are missing", file->name)
                                  : rc;
}

/* Small enough that keeping the bytes beats opening the file each time. */
enum { SMALL_FILE_MAX = 64 * 1024 };

/* Whatever goes wrong here goes wrong again, with words, where the file is opened to be sent. */
static const void *read_small(struct catalog *catalog, const struct stored_file *file,
                              struct arena *arena)
{
    struct file_reader reader;
    size_t got = 0;
    char *bytes;
    int fd;

    if (file->size <= 0 || file->size > SMALL_FILE_MAX || catalog_open_file(catalog, file, &fd, NULL))
        return NULL;
    bytes = arena_alloc(arena, (size_t)file->size);
    file_reader_init(&reader, fd, 0, file->size);
    if (reader_read_all(&reader.reader, bytes, (size_t)file->size, &got, NULL))
        got = 0;
    close(fd);
    return got == (size_t)file->size ? bytes : NULL;
}

static enum status query_file(struct catalog *catalog, const struct file_key *key,
                              struct arena *arena, struct stored_file *out, struct error *err)
{
    static const char FIND[] = "SELECT " FILE_COLUMNS " FROM package p JOIN file f ON f.package_id = p.id"
                               " JOIN version v ON v.id = f.version_id JOIN blob b ON b.id = f.blob_id"
                               " WHERE p.repository_id = ?1 AND p.format = ?2 AND p.name_norm = ?3"
                               " AND f.name = ?4 AND f.state = 0";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, key->repository_id);
    db_bind_int(reading.query, 2, key->format);
    db_bind_text(reading.query, 3, key->name_norm);
    db_bind_text(reading.query, 4, key->file);
    if (!(rc = reading_one(&reading, "the file", key->file, err)))
        *out = copy_file(view_file(reading.query), arena);
    reading_end(&reading);
    return rc;
}

enum status catalog_find_file(struct catalog *catalog, const struct repository *repository,
                              enum format format, const char *name_norm, const char *file,
                              struct arena *arena, struct stored_file *out, struct error *err)
{
    struct file_cache *cache = catalog_file_cache(catalog);
    struct file_key key = {repository->id, format, name_norm, file};
    uint64_t generation = file_cache_generation(cache, repository->id, name_norm);
    enum status rc;

    if (file_cache_get(cache, &key, arena, out))
        return STATUS_OK;
    if ((rc = query_file(catalog, &key, arena, out, err)))
        return rc;
    out->bytes = read_small(catalog, out, arena);
    file_cache_put(cache, &key, generation, out);
    return STATUS_OK;
}

/* One query of a walk: rows go to visit until one fails. */
static enum status walk_rows(struct db *db, const char *sql, int64_t package_id,
                             enum status (*visit)(const struct package_visitor *visitor,
                                                  struct query *query, struct error *err),
                             const struct package_visitor *visitor, struct error *err)
{
    struct query *query = db_query(db, sql);
    enum status rc;

    db_bind_int(query, 1, package_id);
    while (!(rc = db_next_row(query, err)))
        if ((rc = visit(visitor, query, err))) {
            db_reset(query);
            return rc;
        }
    return reading_list_end(rc);
}

static enum status visit_version(const struct package_visitor *visitor, struct query *query,
                                 struct error *err)
{
    struct version version = view_version(query, true);

    return visitor->version(visitor->context, &version, err);
}

static enum status visit_tag(const struct package_visitor *visitor, struct query *query,
                             struct error *err)
{
    struct tag tag = {db_text(query, 0), db_text(query, 1)};

    return visitor->tag(visitor->context, &tag, err);
}

static enum status visit_file(const struct package_visitor *visitor, struct query *query,
                              struct error *err)
{
    struct stored_file file = view_file(query);

    return visitor->file(visitor->context, &file, err);
}

enum status catalog_walk_package(struct catalog *catalog, const struct repository *repository,
                                 enum format format, const char *name_norm, struct package *out,
                                 struct arena *arena, const struct package_visitor *visitor,
                                 struct error *err)
{
    static const char VERSIONS[] = "SELECT " WHOLE_VERSION_COLUMNS WHOLE_VERSION
                                   " WHERE v.package_id = ?1 AND v.state <> 3 ORDER BY v.sort_key";
    static const char TAGS[] = "SELECT t.tag, v.version FROM tag t JOIN version v ON v.id = t.version_id"
                               " WHERE t.package_id = ?1 ORDER BY t.tag";
    static const char FILES[] = "SELECT " FILE_COLUMNS " FROM file f JOIN version v ON v.id = f.version_id"
                                " JOIN blob b ON b.id = f.blob_id"
                                " WHERE f.package_id = ?1 AND f.state = 0 ORDER BY f.name";
    struct reading reading;
    enum status rc;

    if ((rc = reading_begin(catalog, FIND_PACKAGE, &reading, err)))
        return rc;
    if ((rc = db_execute(reading.db, "BEGIN", err)))
        goto done;
    db_bind_int(reading.query, 1, repository->id);
    db_bind_int(reading.query, 2, format);
    db_bind_text(reading.query, 3, name_norm);
    if ((rc = reading_one(&reading, "the package", name_norm, err)))
        goto end;
    take_package(reading.query, arena, out);
    db_reset(reading.query);
    if (visitor->tag && (rc = walk_rows(reading.db, TAGS, out->id, visit_tag, visitor, err)))
        goto end;
    if (visitor->version &&
        (rc = walk_rows(reading.db, VERSIONS, out->id, visit_version, visitor, err)))
        goto end;
    if (visitor->file)
        rc = walk_rows(reading.db, FILES, out->id, visit_file, visitor, err);
end:
    db_reset(reading.query);
    db_execute(reading.db, "COMMIT", NULL); /* ends the snapshot; it wrote nothing */
done:
    reading_end(&reading);
    return rc;
}

enum status catalog_list_files(struct catalog *catalog, const struct package *package,
                               const char *prefix, const char *after, size_t limit,
                               struct arena *arena, struct stored_file **out, size_t *count,
                               struct error *err)
{
    static const char LIST[] = "SELECT " FILE_COLUMNS " FROM file f JOIN version v ON v.id = f.version_id"
                               " JOIN blob b ON b.id = f.blob_id WHERE f.package_id = ?1"
                               " AND f.name >= ?2 AND f.name < ?3 AND f.name > ?4 AND f.state = 0"
                               " ORDER BY f.name LIMIT ?5";
    size_t length = strlen(prefix);
    char *end = arena_copy(arena, prefix);
    struct reading reading;
    enum status rc;

    *count = 0;
    *out = arena_array(arena, limit, sizeof **out);
    if (length)
        end[length - 1]++; /* prefixes end in '/', so there is a next byte */
    if ((rc = reading_begin(catalog, LIST, &reading, err)))
        return rc;
    db_bind_int(reading.query, 1, package->id);
    db_bind_text(reading.query, 2, prefix);
    db_bind_text(reading.query, 3, length ? end : "\xff");
    db_bind_text(reading.query, 4, after ? after : "");
    db_bind_int(reading.query, 5, (int64_t)limit);
    while (!(rc = db_next_row(reading.query, err)))
        (*out)[(*count)++] = copy_file(view_file(reading.query), arena);
    reading_end(&reading);
    return reading_list_end(rc);
}
