/* Asking for files: who waits for what, and how far he may read. */
#include "config/clock.h"
#include "storage/memory/arena.h"
#include "storage/mirror/files.h"

#include <string.h>
#include <time.h>

enum { POLL_MS = 100 };

/* What is stored needs no fetch. After the file was listed, so that one that is being committed is seen
 * in the table or in the rows. */
static bool is_stored(struct mirror_file *file)
{
    struct mirror *mirror = file->mirror;
    const struct repository repository = {.id = file->upstream.id, .org_id = file->upstream.org_id};
    struct stored_file stored;
    int fd;

    if (catalog_find_file(mirror->options.catalog, &repository, file->upstream.format,
                          file->wish.name_norm, file->wish.file, file->arena, &stored, NULL) ||
        catalog_open_file(mirror->options.catalog, &stored, &fd, NULL))
        return false;
    file->fd = fd;
    file->digests = stored.digests;
    pthread_mutex_lock(&mirror->lock);
    file->size = file->written = stored.size;
    file->is_whole = true;
    file->home->stats.file_hits++;
    file->home->stats.bytes_saved += (uint64_t)stored.size;
    pthread_cond_broadcast(&file->moved);
    file_table_remove(mirror->files, file);
    pthread_mutex_unlock(&mirror->lock);
    return true;
}

static bool is_ready(const struct mirror_file *file)
{
    return file->is_whole || file->is_tailing || file->rc;
}

static void wait_moved(struct mirror_file *file)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += POLL_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&file->moved, &file->mirror->lock, &until);
}

/* Lets go of a file that is no longer read. With the lock. */
static void leave(struct mirror_file *file)
{
    struct mirror *mirror = file->mirror;

    file->readers--;
    file_let_go_of_stage(file);
    file_drop(file);
    mirror->open_files--;
    pthread_cond_broadcast(&mirror->left);
}

enum status mirror_get_file(struct mirror *mirror, const struct mirror_wish *wish,
                            struct mirror_file **out, struct error *err)
{
    struct mirror_upstream *home;
    struct mirror_patience patience;
    struct mirror_file *file;
    bool is_first;
    enum status rc;

    *out = NULL;
    if ((rc = mirror_enter(mirror, err)))
        return rc;
    home = mirror_home(mirror, wish->upstream);
    pthread_mutex_lock(&mirror->lock);
    file = file_table_find(mirror->files, wish, clock_now_us());
    if ((is_first = !file)) {
        file = file_new(mirror, home, wish);
        file_table_add(mirror->files, file);
    }
    file->references++;
    file->readers++;
    mirror->open_files++;
    if (is_first) {
        file->references++; /* while it is launched */
        pthread_mutex_unlock(&mirror->lock);
        if (!is_stored(file))
            file_flight_launch(file);
        pthread_mutex_lock(&mirror->lock);
        file_drop(file);
    } else if (!file->rc) {
        home->stats.file_hits++;
        if (file->size > 0)
            home->stats.bytes_saved += (uint64_t)file->size;
    }
    patience = (struct mirror_patience){.home = home, .url = file->wish.url};
    while (!is_ready(file) && mirror_wait(mirror, &file->moved, &patience, file->has_begun))
        ;
    if (!is_ready(file)) {
        rc = mirror_gave_up(wish->upstream, err);
        leave(file);
    } else if (!file->is_whole && (rc = file->rc)) {
        if (err)
            *err = file->error;
        leave(file);
    } else {
        *out = file;
    }
    pthread_mutex_unlock(&mirror->lock);
    mirror_leave(mirror);
    return rc;
}

int64_t mirror_file_size(const struct mirror_file *file)
{
    int64_t size;

    pthread_mutex_lock(&file->mirror->lock);
    size = file->size;
    pthread_mutex_unlock(&file->mirror->lock);
    return size;
}

int mirror_file_fd(const struct mirror_file *file)
{
    return file->fd >= 0 ? file->fd : stage_fd(file->stage);
}

bool mirror_file_is_whole(const struct mirror_file *file)
{
    bool is_whole;

    pthread_mutex_lock(&file->mirror->lock);
    is_whole = file->is_whole;
    pthread_mutex_unlock(&file->mirror->lock);
    return is_whole;
}

const struct digests *mirror_file_digests(const struct mirror_file *file)
{
    return mirror_file_is_whole(file) ? &file->digests : &file->expected;
}

/* With the lock. */
static int64_t may_leave(const struct mirror_file *file)
{
    int64_t end = file->size - TAIL_HELD_BACK;

    if (file->is_whole)
        return file->size;
    if (!file->is_tailing)
        return 0;
    return file->written < end ? file->written : end;
}

enum status mirror_file_wait(struct mirror_file *file, int64_t offset, int64_t *available,
                             struct error *err)
{
    struct mirror *mirror = file->mirror;
    enum status rc = STATUS_OK;

    pthread_mutex_lock(&mirror->lock);
    while ((*available = may_leave(file)) <= offset && !file->is_whole && !file->rc)
        wait_moved(file);
    if (*available <= offset && !file->is_whole) {
        rc = file->rc;
        if (err)
            *err = file->error;
    }
    pthread_mutex_unlock(&mirror->lock);
    return rc;
}

const char *mirror_file_archive_facts(struct mirror_file *file)
{
    const char *facts;

    pthread_mutex_lock(&file->mirror->lock);
    facts = file->is_whole ? file->archive_facts : NULL;
    pthread_mutex_unlock(&file->mirror->lock);
    return facts;
}

void mirror_file_close(struct mirror_file *file)
{
    struct mirror *mirror;

    if (!file)
        return;
    mirror = file->mirror;
    pthread_mutex_lock(&mirror->lock);
    leave(file);
    pthread_mutex_unlock(&mirror->lock);
}
