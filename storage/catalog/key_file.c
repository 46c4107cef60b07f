#include "storage/catalog/key_file.h"

#include "storage/catalog/data_directory.h"
#include "storage/memory/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHAT_NOW                                                                                   \
    "bring it back from a backup, or move it away: then a new key is made, and what this one signed stays valid"

/* A key that others may read is no secret, and who put it there should know. */
static enum status check_file(int fd, const char *path, struct error *err)
{
    struct stat found;

    if (fstat(fd, &found))
        return fail_errno(err, "could not look at %s", path);
    if (!S_ISREG(found.st_mode))
        return fail(err, STATUS_INTERNAL, "signing-key", "%s is no file: " WHAT_NOW, path);
    if (found.st_mode & 077)
        return fail(err, STATUS_INTERNAL, "signing-key",
                    "%s may be used by others than its owner (mode %04o): chmod 600 it, or, where others may have "
                    "read it, run packhouse key rotate after that",
                    path, (unsigned)(found.st_mode & 07777));
    return STATUS_OK;
}

enum status key_file_read(const char *data, struct secret_pair **out, struct error *err)
{
    char path[DATA_PATH_MAX], text[SECRET_PAIR_TEXT_MAX];
    ssize_t length;
    enum status rc;
    int fd;

    *out = NULL;
    if ((rc = data_path(data, KEY_FILE, path, err)))
        return rc;
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND
                               : fail_errno(err, "could not open the signing key %s", path);
    if ((rc = check_file(fd, path, err)))
        goto done;
    if ((length = read(fd, text, sizeof text)) < 0)
        rc = fail_errno(err, "could not read the signing key %s", path);
    else if (!(*out = secret_pair_read(text, (size_t)length)))
        rc = fail(err, STATUS_INTERNAL, "signing-key", "%s holds no key: " WHAT_NOW, path);
done:
    secret_wipe(text, sizeof text);
    close(fd);
    return rc;
}

enum status key_file_write(const char *data, const struct secret_pair *pair, struct error *err)
{
    char path[DATA_PATH_MAX], partial[DATA_PATH_MAX], text[SECRET_PAIR_TEXT_MAX];
    size_t length;
    enum status rc;
    int fd;

    if ((rc = data_path(data, KEY_FILE, path, err)) || (rc = data_path(data, KEY_FILE ".part", partial, err)))
        return rc;
    if (unlink(partial) && errno != ENOENT) /* its mode may be another */
        return fail_errno(err, "could not remove %s", partial);
    if ((fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0)
        return fail_errno(err, "could not make %s", partial);
    length = secret_pair_write(pair, text);
    if (write(fd, text, length) != (ssize_t)length || fsync(fd) || rename(partial, path))
        rc = fail_errno(err, "could not write the signing key %s", path);
    secret_wipe(text, sizeof text);
    close(fd);
    if (rc)
        unlink(partial);
    return rc ? rc : data_flush(data, err);
}
