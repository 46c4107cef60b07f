/* Faults of a disk, for a program that knows nothing of them: LD_PRELOAD this.
 *
 * While the file PACKHOUSE_FAULT_FILE exists, the words in it, with commas between, are the faults:
 *   skip-file-sync       flushes of files below stage/ and blobs/ do nothing and say that they did
 *   skip-directory-sync  flushes of directories, likewise
 *   skip-wal-sync        flushes of a write-ahead log, likewise: synchronous=NORMAL and worse
 *   fail-sync=N          the N-th flush fails with EIO, once
 *   full-from=N          the N-th write or allocation, and all after it, fail with ENOSPC
 *   die-at=N             SIGKILL instead of the N-th write, allocation, flush or rename
 * Counting begins anew with each new file. Only paths below PACKHOUSE_FAULT_UNDER are meant. Each
 * fault is a line in the file PACKHOUSE_FAULT_LOG, so that a test can tell that it had one.
 *
 * System calls are made directly: no symbol is looked up, so a sanitizer's own interposers, which may
 * not be ready yet, are never in the way. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Which file the counters belong to: its time of writing. */
static atomic_llong counted_for;
static atomic_long syncs, writes, calls;

struct faults {
    char words[256];
    char path[4096]; /* of the descriptor */
};

/* Reads what may go wrong with this descriptor; false: nothing. */
static bool read_faults(int fd, struct faults *faults)
{
    const char *file = getenv("PACKHOUSE_FAULT_FILE"), *under = getenv("PACKHOUSE_FAULT_UNDER");
    char link[64];
    struct stat info;
    long long written;
    ssize_t length = -1;
    int words;

    if (!file || (words = open(file, O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    if (!fstat(words, &info))
        length = read(words, faults->words, sizeof faults->words - 1);
    close(words);
    if (length < 0)
        return false;
    faults->words[length] = '\0';
    written = info.st_mtim.tv_sec * 1000000000LL + info.st_mtim.tv_nsec;
    if (atomic_exchange(&counted_for, written) != written)
        syncs = writes = calls = 0;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if ((length = readlink(link, faults->path, sizeof faults->path - 1)) < 0)
        return false;
    faults->path[length] = '\0';
    return under && !strncmp(faults->path, under, strlen(under));
}

/* The number after word=, 0 for a word alone, -1 where the word is not there. */
static long asked(const struct faults *faults, const char *word)
{
    const char *at = faults->words;
    size_t length = strlen(word);

    while (at) {
        if (!strncmp(at, word, length) && (!at[length] || at[length] == ',' || at[length] == '='))
            return at[length] == '=' ? atol(at + length + 1) : 0;
        if ((at = strchr(at, ',')))
            at++;
    }
    return -1;
}

static void tell(const char *what, const char *path)
{
    const char *log = getenv("PACKHOUSE_FAULT_LOG");
    char line[4600];
    int fd, length;

    if (!log || (fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
        return;
    length = snprintf(line, sizeof line, "%s %s\n", what, path);
    syscall(SYS_write, fd, line, (size_t)length);
    close(fd);
}

static void die_if_asked(const struct faults *faults)
{
    long nth = asked(faults, "die-at");

    if (nth > 0 && atomic_fetch_add(&calls, 1) + 1 == nth) {
        tell("die-at", faults->path);
        kill(getpid(), SIGKILL);
        pause();
    }
}

static const char *skipped_by(const char *path, const struct stat *info)
{
    size_t length = strlen(path);

    if (S_ISDIR(info->st_mode))
        return "skip-directory-sync";
    if (length > 4 && !strcmp(path + length - 4, "-wal"))
        return "skip-wal-sync";
    return strstr(path, "/stage/") || strstr(path, "/blobs/") ? "skip-file-sync" : NULL;
}

static int flush(int fd, long call)
{
    struct faults faults;
    struct stat info;
    const char *skip;
    long nth;

    if (!read_faults(fd, &faults) || fstat(fd, &info))
        return (int)syscall(call, fd);
    die_if_asked(&faults);
    skip = skipped_by(faults.path, &info);
    if (skip && asked(&faults, skip) >= 0) {
        tell(skip, faults.path);
        return 0;
    }
    if ((nth = asked(&faults, "fail-sync")) > 0 && atomic_fetch_add(&syncs, 1) + 1 == nth) {
        tell("fail-sync", faults.path);
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return flush(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return flush(fd, SYS_fdatasync);
}

/* A flush that is left out leaves out its beginning, too: what was begun reaches the disk by itself,
 * sooner than the next cut. */
int sync_file_range(int fd, off_t offset, off_t count, unsigned flags)
{
    struct faults faults;

    if (read_faults(fd, &faults) && asked(&faults, "skip-file-sync") >= 0)
        return 0;
    return (int)syscall(SYS_sync_file_range, fd, offset, count, flags);
}

static bool is_full(int fd)
{
    struct faults faults;
    int was = errno;
    long nth;

    if (!read_faults(fd, &faults)) {
        errno = was;
        return false;
    }
    die_if_asked(&faults);
    if ((nth = asked(&faults, "full-from")) <= 0 || atomic_fetch_add(&writes, 1) + 1 < nth) {
        errno = was;
        return false;
    }
    tell("full-from", faults.path);
    errno = ENOSPC;
    return true;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    return is_full(fd) ? -1 : syscall(SYS_write, fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    return is_full(fd) ? -1 : syscall(SYS_writev, fd, pieces, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset)
{
    return is_full(fd) ? -1 : syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset)
{
    return pwrite(fd, bytes, count, offset);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    return is_full(fd) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    return fallocate(fd, mode, offset, length);
}

int posix_fallocate(int fd, off_t offset, off_t length)
{
    return fallocate(fd, 0, offset, length) ? errno : 0;
}

int posix_fallocate64(int fd, off64_t offset, off64_t length)
{
    return posix_fallocate(fd, offset, length);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    struct faults faults;
    int was = errno;

    if (read_faults(from_fd, &faults))
        die_if_asked(&faults);
    errno = was;
    return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, flags);
}
