/* What is kept, in the user's words: one data directory with its rows and bytes. Shared by all
 * threads; each call takes a reader from the pool, or goes through the writer. */
#pragma once
#include "config/error.h"
#include "policy/format.h"
#include "storage/blobs/digest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct access_cache;
struct blob_store;
struct catalog;
struct db_pool;
struct seen_files;
struct home_cache;
struct home_map;
struct noted;
struct signing;
struct writer;

/* Limits, as settings give them. */
struct catalog_options {
    const char *data;        /* the directory */
    size_t readers;          /* connections; 0: 4 for each core */
    size_t writer_group_max; /* operations in one commit */
    size_t writer_queue_max;
    int64_t refuse_bytes;    /* less free space than this, or */
    int refuse_percent;      /* than this share: uploads are refused with 507 */
    int64_t reserve_bytes;   /* size of reserve.bin, given up when the disk is full */
    bool allow_unsafe_fs;    /* network file systems */
    int64_t org_quota;       /* bytes an org may keep that has no quota of its own; 0: no limit */
    size_t file_cache_bytes; /* memory for small files and rows of files; 0: 64 MiB */
};

/* Makes a new data directory with its schema; refuses one that is used. */
enum status catalog_create(const char *data, struct error *err);
/* Opens a directory for serving: takes its lock, migrates, starts the writer. */
enum status catalog_open(const struct catalog_options *options, struct catalog **out,
                         struct error *err);
/* Lets the writer finish, leaves a clean directory. */
void catalog_close(struct catalog *catalog);

struct db_pool *catalog_readers(struct catalog *catalog);
struct writer *catalog_writer(struct catalog *catalog);
struct blob_store *catalog_blobs(struct catalog *catalog);
struct seen_files *catalog_seen_files(struct catalog *catalog);
struct access_cache *catalog_access(struct catalog *catalog);
struct file_cache *catalog_file_cache(struct catalog *catalog);
struct home_map *catalog_home_map(struct catalog *catalog);
struct home_cache *catalog_home_cache(struct catalog *catalog);
struct noted *catalog_hold_notes(struct catalog *catalog);
struct noted *catalog_fetch_counts(struct catalog *catalog);
struct signing *catalog_signing(struct catalog *catalog);
int64_t catalog_opened_us(const struct catalog *catalog);
const struct catalog_options *catalog_options(const struct catalog *catalog);

/* What /-/readyz tells: STATUS_OK, or the failing part and why in err. */
enum status catalog_health(struct catalog *catalog, struct error *err);
