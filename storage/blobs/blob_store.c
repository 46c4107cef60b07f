/* Bytes as files: staged, flushed, renamed in groups. Storage spec 3.1-3.3. */
#include "storage/blobs/blob_store.h"

#include "config/log.h"
#include "storage/blobs/blob_path.h"
#include "storage/blobs/stage_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct blob_store {
    int root_fd, stage_fd, blobs_fd;
    atomic_bool flush_failed;
    char safe_folder[BLOB_FOLDER_SIZE]; /* the hour folder whose names are known to be flushed */
};

static enum status open_folder(int parent, const char *name, bool make, int *fd, struct error *err)
{
    if (make && mkdirat(parent, name, 0750) && errno != EEXIST)
        return fail_errno(err, "could not make the folder %s", name);
    *fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *fd < 0 ? fail_errno(err, "could not open the folder %s", name) : STATUS_OK;
}

/* What a crash left half-written: nothing names it, so nothing is lost. */
static void empty_stage(int fd)
{
    int copy = dup(fd);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;

    if (!folder) {
        if (copy >= 0)
            close(copy);
        return;
    }
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            unlinkat(fd, entry->d_name, 0);
    closedir(folder);
}

enum status blob_store_open(const char *root, bool is_server, struct blob_store **out,
                            struct error *err)
{
    struct blob_store *store = calloc(1, sizeof *store);
    enum status rc;

    *out = NULL;
    if (!store)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    store->root_fd = store->stage_fd = store->blobs_fd = -1;
    if ((rc = open_folder(AT_FDCWD, root, false, &store->root_fd, err)))
        goto done;
    if ((rc = open_folder(store->root_fd, "stage", is_server, &store->stage_fd, err)))
        goto done;
    if ((rc = open_folder(store->root_fd, "blobs", is_server, &store->blobs_fd, err)))
        goto done;
    if (is_server) {
        empty_stage(store->stage_fd);
        if (fsync(store->root_fd))
            rc = fail_errno(err, "could not flush the folder %s", root);
    }
done:
    if (rc) {
        blob_store_close(store);
        store = NULL;
    }
    *out = store;
    return rc;
}

void blob_store_close(struct blob_store *store)
{
    if (!store)
        return;
    if (store->blobs_fd >= 0)
        close(store->blobs_fd);
    if (store->stage_fd >= 0)
        close(store->stage_fd);
    if (store->root_fd >= 0)
        close(store->root_fd);
    free(store);
}

enum status blob_store_stage(struct blob_store *store, int64_t size_hint, unsigned kinds,
                             struct stage **out, struct error *err)
{
    return stage_open(store->stage_fd, size_hint, kinds, &store->flush_failed, out, err);
}

static enum status flush_folder(struct blob_store *store, int fd, const char *folder,
                                struct error *err)
{
    if (!fsync(fd))
        return STATUS_OK;
    atomic_store(&store->flush_failed, true);
    return fail(err, STATUS_READ_ONLY, "flush-failed", "could not flush blobs/%s: %s", folder,
                strerrordesc_np(errno));
}

bool blob_store_flush_failed(const struct blob_store *store)
{
    return atomic_load(&store->flush_failed);
}

/* Opens blobs/YYYY/MM/DD/HH, making what is absent. A folder is flushed into its parent when it is
 * new to this process: it may be there because one that was killed made it, and flushed nothing. */
static enum status open_hour(struct blob_store *store, const char *folder, int *out,
                             struct error *err)
{
    char parts[BLOB_FOLDER_SIZE], *save = NULL;
    bool is_safe = !strcmp(folder, store->safe_folder);
    int parent = store->blobs_fd, fd;
    enum status rc = STATUS_OK;

    snprintf(parts, sizeof parts, "%s", folder);
    for (char *part = strtok_r(parts, "/", &save); part && !rc; part = strtok_r(NULL, "/", &save)) {
        if (mkdirat(parent, part, 0750) && errno != EEXIST)
            rc = fail_errno(err, "could not make the folder blobs/%s", folder);
        else if (!is_safe)
            rc = flush_folder(store, parent, folder, err);
        if (!rc)
            rc = open_folder(parent, part, false, &fd, err);
        if (parent != store->blobs_fd)
            close(parent);
        parent = rc ? -1 : fd;
        if (rc)
            return rc;
    }
    snprintf(store->safe_folder, sizeof store->safe_folder, "%s", folder);
    *out = parent;
    return STATUS_OK;
}

static enum status place_one(struct blob_store *store, int hour_fd, struct stage *stage,
                             struct error *err)
{
    struct blob_name name = stage_name(stage);
    char file[BLOB_NAME_SIZE];

    blob_file_name(&name, file);
    if (renameat2(store->stage_fd, stage_file_name(stage), hour_fd, file, RENAME_NOREPLACE))
        return fail_errno(err, "could not move an upload to blobs/");
    stage_set_placed(stage, true);
    return STATUS_OK;
}

/* Places all stages of one hour and flushes its folder once. */
static enum status place_hour(struct blob_store *store, const char *folder, struct stage **stages,
                              size_t count, struct error *err)
{
    char other[BLOB_FOLDER_SIZE];
    enum status rc, flushed;
    int hour_fd;

    if ((rc = open_hour(store, folder, &hour_fd, err)))
        return rc;
    for (size_t i = 0; i < count && !rc; i++) {
        blob_folder(stage_name(stages[i]).nonce, other);
        if (!stage_is_placed(stages[i]) && !strcmp(other, folder))
            rc = place_one(store, hour_fd, stages[i], err);
    }
    /* Also after a failure: what was moved before it will be passed over by the next try. */
    if ((flushed = flush_folder(store, hour_fd, folder, err)))
        rc = flushed;
    close(hour_fd);
    return rc;
}

enum status blob_store_place(struct blob_store *store, struct stage **stages, size_t count,
                             struct error *err)
{
    char folder[BLOB_FOLDER_SIZE];
    enum status rc;

    for (size_t i = 0; i < count; i++) {
        if (stage_is_placed(stages[i]))
            continue;
        blob_folder(stage_name(stages[i]).nonce, folder);
        if ((rc = place_hour(store, folder, stages + i, count - i, err)))
            return rc;
    }
    return STATUS_OK;
}

static void blob_path(const struct blob_name *name, char *out, size_t size)
{
    char folder[BLOB_FOLDER_SIZE], file[BLOB_NAME_SIZE];

    blob_folder(name->nonce, folder);
    blob_file_name(name, file);
    snprintf(out, size, "%s/%s", folder, file);
}

void blob_store_unplace(struct blob_store *store, struct stage *stage)
{
    struct blob_name name = stage_name(stage);
    char path[BLOB_FOLDER_SIZE + BLOB_NAME_SIZE];

    if (!stage_is_placed(stage))
        return;
    blob_path(&name, path, sizeof path);
    if (unlinkat(store->blobs_fd, path, 0) && errno != ENOENT)
        log_event(LOG_WARN, "blob.unplace-failed", "path=%s errno=%d", path, errno);
    stage_set_placed(stage, false);
}

enum status blob_store_read(struct blob_store *store, const struct blob_name *name, int64_t size,
                            int *fd, struct error *err)
{
    char path[BLOB_FOLDER_SIZE + BLOB_NAME_SIZE];
    struct stat found;

    blob_path(name, path, sizeof path);
    *fd = openat(store->blobs_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0)
        return errno == ENOENT ? fail(err, STATUS_NOT_FOUND, "blob-missing", "blobs/%s is not there", path)
                               : fail_errno(err, "could not open blobs/%s", path);
    if (fstat(*fd, &found) || found.st_size != size) {
        close(*fd);
        *fd = -1;
        return fail(err, STATUS_INTERNAL, "blob-damaged", "blobs/%s has the wrong size", path);
    }
    return STATUS_OK;
}

/* since is "blobs/YYYY/MM/DD/HH": folders whose paths sort before it are passed over. */
static enum status walk_folder(int parent, const char *path, int depth, const char *since,
                               blob_visit visit, void *context, struct error *err)
{
    const char *last = strrchr(path, '/');
    int fd = openat(parent, last ? last + 1 : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    enum status rc = STATUS_OK;
    struct dirent *entry;

    if (!folder) {
        rc = fail_errno(err, "could not read the folder %s", path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    while (!rc && (entry = readdir(folder))) {
        char below[512];
        struct blob_name name;
        struct stat found;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (fstatat(fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW))
            continue; /* went away while we looked */
        if (S_ISDIR(found.st_mode) && strncmp(below, since, strlen(below)) < 0)
            continue;
        if (S_ISDIR(found.st_mode) && depth < 4)
            rc = walk_folder(fd, below, depth + 1, since, visit, context, err);
        else
            rc = visit(context, blob_parse_file_name(entry->d_name, &name) ? &name : NULL,
                       found.st_size, below, err);
    }
    closedir(folder);
    return rc;
}

enum status blob_store_walk(struct blob_store *store, blob_visit visit, void *context,
                            struct error *err)
{
    return walk_folder(store->root_fd, "blobs", 0, "", visit, context, err);
}

enum status blob_store_walk_since(struct blob_store *store, int64_t since_s, blob_visit visit,
                                  void *context, struct error *err)
{
    char folder[BLOB_FOLDER_SIZE], since[BLOB_FOLDER_SIZE + 8];

    blob_folder(since_s << BLOB_NONCE_RANDOM_BITS, folder);
    snprintf(since, sizeof since, "blobs/%s", folder);
    return walk_folder(store->root_fd, "blobs", 0, since, visit, context, err);
}

enum status blob_store_remove(struct blob_store *store, const struct blob_name *name,
                              struct error *err)
{
    char path[BLOB_FOLDER_SIZE + BLOB_NAME_SIZE];

    blob_path(name, path, sizeof path);
    return unlinkat(store->blobs_fd, path, 0) && errno != ENOENT
               ? fail_errno(err, "could not delete blobs/%s", path)
               : STATUS_OK;
}

enum status blob_store_quarantine(struct blob_store *store, const struct blob_name *name,
                                  struct error *err)
{
    char path[BLOB_FOLDER_SIZE + BLOB_NAME_SIZE], file[BLOB_NAME_SIZE];
    enum status rc;
    int fd;

    if ((rc = open_folder(store->root_fd, "quarantine", true, &fd, err)))
        return rc;
    blob_path(name, path, sizeof path);
    blob_file_name(name, file);
    if (renameat(store->blobs_fd, path, fd, file) && errno != ENOENT)
        rc = fail_errno(err, "could not move blobs/%s to quarantine/", path);
    close(fd);
    return rc;
}

void blob_store_empty_quarantine(struct blob_store *store, int64_t before_s)
{
    int fd = openat(store->root_fd, "quarantine", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct stat found;

    if (!folder && fd >= 0)
        close(fd);
    while (folder && (entry = readdir(folder)))
        if (!fstatat(fd, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) && S_ISREG(found.st_mode) &&
            found.st_ctime < before_s) /* when it was moved */
            unlinkat(fd, entry->d_name, 0);
    if (folder)
        closedir(folder);
}

enum status blob_store_space(struct blob_store *store, struct blob_space *out, struct error *err)
{
    struct statvfs found;

    if (fstatvfs(store->stage_fd, &found))
        return fail_errno(err, "could not ask for the free space");
    out->free_bytes = (int64_t)found.f_bavail * (int64_t)found.f_frsize;
    out->total_bytes = (int64_t)found.f_blocks * (int64_t)found.f_frsize;
    return STATUS_OK;
}
