#include "storage/blobs/stage_file.h"

#include "storage/blobs/blob_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RESERVE_STEP = 256 << 20, /* early ENOSPC, without letting a lying header reserve the disk */
    FLUSH_STEP = 8 << 20,     /* above FLUSH_FROM, start writing back now: the last flush is short */
    FLUSH_FROM = 64 << 20,
};

struct stage {
    int folder_fd, fd;
    int64_t nonce, size, size_hint, reserved, flushed;
    bool is_ended, is_finished, is_placed, is_kept;
    atomic_bool *flush_failed;
    struct digester *digester;
    struct digests digests;
    char name[20];
};

enum status stage_open(int folder_fd, int64_t size_hint, unsigned kinds, atomic_bool *flush_failed,
                       struct stage **out, struct error *err)
{
    struct stage *stage = calloc(1, sizeof *stage);

    *out = NULL;
    if (!stage)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    stage->folder_fd = folder_fd;
    stage->size_hint = size_hint;
    stage->flush_failed = flush_failed;
    stage->nonce = blob_nonce_new();
    snprintf(stage->name, sizeof stage->name, "%016llx", (unsigned long long)stage->nonce);
    stage->fd = openat(folder_fd, stage->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
    if (stage->fd < 0) {
        free(stage);
        return fail_errno(err, "could not begin an upload");
    }
    stage->digester = digester_new(kinds | DIGEST_SHA256);
    *out = stage;
    return STATUS_OK;
}

/* Reserves room ahead of the bytes, so that a full disk shows before they have all come. */
static enum status reserve(struct stage *stage, int64_t needed, struct error *err)
{
    int64_t step = stage->size_hint - stage->reserved;
    int code;

    if (needed <= stage->reserved || step <= 0)
        return STATUS_OK;
    if (step > RESERVE_STEP)
        step = RESERVE_STEP;
    code = posix_fallocate(stage->fd, stage->reserved, step);
    errno = code;
    if (code == ENOSPC || code == EDQUOT)
        return fail_errno(err, "no room for an upload of %lld bytes", (long long)stage->size_hint);
    stage->reserved += step; /* other errors: the file system cannot reserve, and write() will tell */
    return STATUS_OK;
}

enum status stage_write(struct stage *stage, const void *bytes, size_t length, struct error *err)
{
    const char *at = bytes;
    size_t left = length;
    enum status rc;

    if ((rc = reserve(stage, stage->size + (int64_t)length, err)))
        return rc;
    digester_update(stage->digester, bytes, length);
    while (left) {
        ssize_t written = write(stage->fd, at, left);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return fail_errno(err, "could not store an upload");
        at += written;
        left -= (size_t)written;
    }
    stage->size += (int64_t)length;
    if (stage->size > FLUSH_FROM && stage->size - stage->flushed >= FLUSH_STEP) {
        sync_file_range(stage->fd, stage->flushed, stage->size - stage->flushed,
                        SYNC_FILE_RANGE_WRITE);
        stage->flushed = stage->size;
    }
    return STATUS_OK;
}

enum status stage_end(struct stage *stage, struct error *err)
{
    if (stage->is_ended)
        return STATUS_OK;
    digester_finish(stage->digester, &stage->digests);
    if (stage->reserved > stage->size && ftruncate(stage->fd, stage->size))
        return fail_errno(err, "could not cut an upload to its length");
    sync_file_range(stage->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* in vain: fdatasync() does it all */
    stage->is_ended = true;
    return STATUS_OK;
}

enum status stage_finish(struct stage *stage, struct error *err)
{
    enum status rc;

    if (stage->is_finished)
        return STATUS_OK;
    if ((rc = stage_end(stage, err)))
        return rc;
    if (fdatasync(stage->fd)) {
        if (errno == ENOSPC || errno == EDQUOT)
            return fail_errno(err, "could not flush an upload");
        atomic_store(stage->flush_failed, true);
        return fail(err, STATUS_READ_ONLY, "flush-failed", "could not flush an upload: %s",
                    strerrordesc_np(errno));
    }
    stage->is_finished = true;
    return STATUS_OK;
}

const struct digests *stage_digests(const struct stage *stage)
{
    return &stage->digests;
}

int64_t stage_size(const struct stage *stage)
{
    return stage->size;
}

int stage_fd(const struct stage *stage)
{
    return stage->fd;
}

struct blob_name stage_name(const struct stage *stage)
{
    struct blob_name name = {.nonce = stage->nonce};

    memcpy(name.sha256, stage->digests.sha256, SHA256_SIZE);
    return name;
}

void stage_close(struct stage *stage)
{
    if (!stage)
        return;
    if (!stage->is_placed)
        unlinkat(stage->folder_fd, stage->name, 0);
    close(stage->fd);
    digester_free(stage->digester);
    free(stage);
}

const char *stage_file_name(const struct stage *stage)
{
    return stage->name;
}

bool stage_is_placed(const struct stage *stage)
{
    return stage->is_placed;
}

void stage_set_placed(struct stage *stage, bool is_placed)
{
    stage->is_placed = is_placed;
}

bool stage_is_kept(const struct stage *stage)
{
    return stage->is_kept;
}

void stage_set_kept(struct stage *stage, bool is_kept)
{
    stage->is_kept = is_kept;
}
