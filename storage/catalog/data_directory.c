#include "storage/catalog/data_directory.h"

#include "config/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef NFS_SUPER_MAGIC
#define NFS_SUPER_MAGIC 0x6969
#endif
enum { CIFS_MAGIC = (int)0xff534d42, SMB2_MAGIC = (int)0xfe534d42, FUSE_MAGIC = 0x65735546,
       PLAN9_MAGIC = 0x01021997 };

enum status data_path(const char *data, const char *member, char out[DATA_PATH_MAX],
                      struct error *err)
{
    if (snprintf(out, DATA_PATH_MAX, "%s/%s", data, member) >= DATA_PATH_MAX)
        return fail(err, STATUS_INVALID, "", "the path of the data directory is too long");
    return STATUS_OK;
}

enum status data_lock(const char *data, int *fd, struct error *err)
{
    char path[DATA_PATH_MAX];
    enum status rc;

    if ((rc = data_path(data, "LOCK", path, err)))
        return rc;
    if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) < 0)
        return fail_errno(err, "could not open %s", path);
    if (!flock(*fd, LOCK_EX | LOCK_NB))
        return STATUS_OK;
    rc = errno == EWOULDBLOCK
             ? fail(err, STATUS_CONFLICT, "data-in-use",
                    "another packhouse is using %s: stop it, or name another directory", data)
             : fail_errno(err, "could not lock %s", path);
    close(*fd);
    *fd = -1;
    return rc;
}

enum status data_check_file_system(const char *data, struct error *err)
{
    struct statfs found;

    if (statfs(data, &found))
        return fail_errno(err, "could not look at %s", data);
    switch ((int)found.f_type) {
    case NFS_SUPER_MAGIC:
    case CIFS_MAGIC:
    case SMB2_MAGIC:
    case FUSE_MAGIC:
    case PLAN9_MAGIC:
        return fail(err, STATUS_UNSUPPORTED, "unsafe-file-system",
                    "%s is on a network file system, whose locks cannot be trusted (allow_unsafe_fs "
                    "accepts the risk)", data);
    default: return STATUS_OK;
    }
}

enum status data_flush(const char *data, struct error *err)
{
    int fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum status rc = STATUS_OK;

    if (fd < 0 || fsync(fd))
        rc = fail_errno(err, "could not flush %s", data);
    if (fd >= 0)
        close(fd);
    return rc;
}

void data_reserve(const char *data, int64_t bytes)
{
    char path[DATA_PATH_MAX];
    struct statvfs space;
    struct stat found;
    int fd, code;

    if (data_path(data, "reserve.bin", path, NULL))
        return;
    if (!bytes) {
        if (!unlink(path))
            log_event(LOG_ERROR, "disk.full", "what-now=\"the reserve is given up; make room\"");
        return;
    }
    if ((!stat(path, &found) && found.st_size >= bytes) || statvfs(data, &space) ||
        (int64_t)space.f_bavail * (int64_t)space.f_frsize < 4 * bytes)
        return;
    if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) < 0)
        return;
    if ((code = posix_fallocate(fd, 0, bytes)))
        log_event(LOG_WARN, "disk.no-reserve", "errno=%d", code);
    close(fd);
}
