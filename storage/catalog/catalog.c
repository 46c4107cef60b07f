#include "storage/catalog/catalog.h"

#include "config/clock.h"
#include "storage/blobs/blob_store.h"
#include "storage/catalog/access.h"
#include "storage/catalog/data_directory.h"
#include "storage/catalog/eviction.h"
#include "storage/catalog/fetch_count.h"
#include "storage/catalog/file_cache.h"
#include "storage/catalog/hold.h"
#include "storage/catalog/home_cache.h"
#include "storage/catalog/home_map.h"
#include "storage/catalog/noted.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/signing_key.h"
#include "storage/catalog/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READERS_PER_CORE = 4, FILE_CACHE_DEFAULT = 64 << 20 };

struct catalog {
    struct catalog_options options;
    char data[DATA_PATH_MAX];
    int lock_fd;
    int64_t opened_us;
    struct seen_files *seen;
    struct db_pool *readers;
    struct writer *writer;
    struct blob_store *blobs;
    struct access_cache *access;
    struct file_cache *files;
    struct home_map *homes;
    struct home_cache *found;
    struct noted *holds, *fetches;
    struct signing *signing;
};

static enum status open_writing(const char *data, struct db **out, struct error *err)
{
    char path[DATA_PATH_MAX];
    enum status rc;

    *out = NULL;
    if ((rc = data_path(data, "meta.db", path, err)))
        return rc;
    if ((rc = db_open(&db_backend_sqlite, path, DB_WRITER, out, err)))
        return rc;
    if ((rc = db_migrate(*out, err))) {
        db_close(*out);
        *out = NULL;
    }
    return rc;
}

enum status catalog_create(const char *data, struct error *err)
{
    struct blob_store *blobs = NULL;
    char path[DATA_PATH_MAX];
    struct db *db = NULL;
    int lock_fd = -1;
    enum status rc;

    if (mkdir(data, 0750) && errno != EEXIST)
        return fail_errno(err, "could not make the folder %s", data);
    if ((rc = data_path(data, "meta.db", path, err)))
        return rc;
    if (!access(path, F_OK))
        return fail(err, STATUS_CONFLICT, "data-used", "%s holds a Packhouse already", data);
    if ((rc = data_lock(data, &lock_fd, err)))
        return rc;
    if ((rc = blob_store_open(data, true, &blobs, err)))
        goto done;
    rc = open_writing(data, &db, err);
done:
    db_close(db);
    blob_store_close(blobs);
    close(lock_fd);
    return rc;
}

static void give_up_reserve(void *context)
{
    data_reserve(context, 0);
}

static void access_changed(void *context)
{
    access_cache_clear(context);
}

static void package_changed(void *context, int64_t repository_id, const char *name_norm)
{
    file_cache_invalidate(context, repository_id, name_norm);
}

static void name_changed(void *context, int64_t repository_id, const char *name_norm)
{
    (void)repository_id;
    home_cache_name_changed(context, name_norm);
}

static void home_changed(void *context, int64_t org_id)
{
    home_map_changed(context, org_id);
}

static void policy_changed(void *context, int64_t org_id)
{
    home_map_policy_changed(context, org_id);
}

static size_t reader_count(size_t wanted)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return wanted ? wanted : (size_t)(cores < 1 ? 1 : cores) * READERS_PER_CORE;
}

enum status catalog_open(const struct catalog_options *options, struct catalog **out,
                         struct error *err)
{
    struct catalog *catalog = calloc(1, sizeof *catalog);
    struct writer_options writer_options;
    struct writer_hooks hooks;
    char path[DATA_PATH_MAX];
    struct db *db = NULL;
    enum status rc;

    *out = NULL;
    if (!catalog)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    catalog->lock_fd = -1;
    catalog->opened_us = clock_now_us();
    catalog->options = *options;
    snprintf(catalog->data, sizeof catalog->data, "%s", options->data);
    catalog->options.data = catalog->data;
    if ((rc = data_path(options->data, "meta.db", path, err)))
        goto done;
    if (access(path, F_OK)) {
        rc = fail(err, STATUS_NOT_FOUND, "no-data", "%s holds no Packhouse: run packhouse init first",
                  options->data);
        goto done;
    }
    if (!options->allow_unsafe_fs && (rc = data_check_file_system(options->data, err)))
        goto done;
    if ((rc = data_lock(options->data, &catalog->lock_fd, err)))
        goto done;
    if ((rc = open_writing(options->data, &db, err)))
        goto done;
    if ((rc = blob_store_open(options->data, true, &catalog->blobs, err)))
        goto done;
    if ((rc = db_pool_open(&db_backend_sqlite, path, DB_READER, reader_count(options->readers),
                           &catalog->readers, err)))
        goto done;
    catalog->access = access_cache_new();
    if (!(catalog->seen = seen_files_new()) || !(catalog->holds = hold_notes_new()) ||
        !(catalog->fetches = fetch_counts_new())) {
        rc = fail(err, STATUS_INTERNAL, "", "out of memory");
        goto done;
    }
    catalog->files =
        file_cache_new(options->file_cache_bytes ? options->file_cache_bytes : FILE_CACHE_DEFAULT);
    catalog->homes = home_map_new();
    catalog->found = home_cache_new();
    if (options->reserve_bytes)
        data_reserve(options->data, options->reserve_bytes);
    writer_options = (struct writer_options){
        .group_max = options->writer_group_max ? options->writer_group_max : 256,
        .queue_max = options->writer_queue_max ? options->writer_queue_max : 4096,
        .release_reserve = give_up_reserve,
        .reserve_context = catalog->data,
    };
    if ((rc = writer_start(db, catalog->blobs, &writer_options, &catalog->writer, err)))
        goto done;
    db = NULL;
    hooks = (struct writer_hooks){.context = catalog->access, .access_changed = access_changed};
    writer_add_hooks(catalog->writer, &hooks);
    hooks = (struct writer_hooks){.context = catalog->files, .package_changed = package_changed};
    writer_add_hooks(catalog->writer, &hooks);
    hooks = (struct writer_hooks){.context = catalog->homes,
                                  .home_changed = home_changed,
                                  .policy_changed = policy_changed};
    writer_add_hooks(catalog->writer, &hooks);
    hooks = (struct writer_hooks){.context = catalog->found, .package_changed = name_changed};
    writer_add_hooks(catalog->writer, &hooks);
    if ((rc = signing_open(catalog, &catalog->signing, err)))
        goto done;
    *out = catalog;
    catalog = NULL;
done:
    db_close(db);
    catalog_close(catalog);
    return rc;
}

void catalog_close(struct catalog *catalog)
{
    if (!catalog)
        return;
    db_pool_close(catalog->readers); /* first, so that the writer's last checkpoint is complete */
    writer_stop(catalog->writer);
    signing_close(catalog->signing);
    access_cache_free(catalog->access);
    seen_files_free(catalog->seen);
    noted_free(catalog->holds);
    noted_free(catalog->fetches);
    file_cache_free(catalog->files);
    home_map_free(catalog->homes);
    home_cache_free(catalog->found);
    blob_store_close(catalog->blobs);
    if (catalog->lock_fd >= 0)
        close(catalog->lock_fd);
    free(catalog);
}

struct db_pool *catalog_readers(struct catalog *catalog)
{
    return catalog->readers;
}

struct writer *catalog_writer(struct catalog *catalog)
{
    return catalog->writer;
}

struct blob_store *catalog_blobs(struct catalog *catalog)
{
    return catalog->blobs;
}

struct seen_files *catalog_seen_files(struct catalog *catalog)
{
    return catalog->seen;
}

struct access_cache *catalog_access(struct catalog *catalog)
{
    return catalog->access;
}

struct file_cache *catalog_file_cache(struct catalog *catalog)
{
    return catalog->files;
}

void catalog_renew_homes(struct catalog *catalog, int64_t org_id)
{
    home_map_changed(catalog->homes, org_id);
}

struct home_map *catalog_home_map(struct catalog *catalog)
{
    return catalog->homes;
}

int64_t catalog_opened_us(const struct catalog *catalog)
{
    return catalog->opened_us;
}

struct home_cache *catalog_home_cache(struct catalog *catalog)
{
    return catalog->found;
}

struct noted *catalog_hold_notes(struct catalog *catalog)
{
    return catalog->holds;
}

struct noted *catalog_fetch_counts(struct catalog *catalog)
{
    return catalog->fetches;
}

struct signing *catalog_signing(struct catalog *catalog)
{
    return catalog->signing;
}

const struct catalog_options *catalog_options(const struct catalog *catalog)
{
    return &catalog->options;
}

enum status catalog_health(struct catalog *catalog, struct error *err)
{
    static const char PROBE[] = "SELECT 1";
    struct reading reading;
    struct blob_space space;
    enum status rc;

    if (writer_is_read_only(catalog->writer))
        return fail(err, STATUS_READ_ONLY, "writer", "writing has stopped: a flush of the disk failed");
    if (!(rc = reading_begin(catalog, PROBE, &reading, err)))
        rc = db_next_row(reading.query, err);
    reading_end(&reading);
    if (rc)
        return fail(err, STATUS_INTERNAL, "database", "the database does not answer");
    if ((rc = blob_store_space(catalog->blobs, &space, err)))
        return rc;
    return STATUS_OK;
}
