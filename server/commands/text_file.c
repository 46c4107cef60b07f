#include "server/commands/text_file.h"

#include "storage/memory/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 << 20 };

/* Who writes through a link would replace the link, or a file that somebody else keeps in order. */
static enum status open_file(const char *path, int *fd, struct stat *about, struct error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0 && errno == ELOOP)
        return fail(err, STATUS_INVALID, "",
                    "%s is a symbolic link, which is not written through; name the file itself", path);
    if (*fd < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : fail_errno(err, "cannot read %s", path);
    if (fstat(*fd, about))
        return fail_errno(err, "cannot read %s", path);
    if (!S_ISREG(about->st_mode))
        return fail(err, STATUS_INVALID, "", "%s is no file", path);
    if (about->st_size > TEXT_MAX)
        return fail(err, STATUS_INVALID, "", "%s is larger than %d MiB", path, TEXT_MAX >> 20);
    return STATUS_OK;
}

enum status text_file_read(const char *path, struct arena *arena, struct text_file *out,
                           struct error *err)
{
    struct stat about;
    size_t length = 0;
    ssize_t got;
    int fd = -1;
    enum status rc = open_file(path, &fd, &about, err);

    *out = (struct text_file){.text = arena_copy(arena, "")};
    if (rc == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (rc)
        goto done;
    out->text = arena_alloc(arena, (size_t)about.st_size + 1);
    out->mode = about.st_mode & 07777;
    while (length < (size_t)about.st_size &&
           (got = read(fd, out->text + length, (size_t)about.st_size - length)) != 0) {
        if (got < 0) {
            rc = fail_errno(err, "cannot read %s", path);
            goto done;
        }
        length += (size_t)got;
    }
    if (memchr(out->text, '\0', length))
        rc = fail(err, STATUS_INVALID, "", "%s is no text", path);
done:
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Makes each folder of the path's parent that is missing, for nobody else to look into. */
static enum status make_folders(char *path, struct error *err)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdir(path, 0700)) {
            int why = errno;

            if (!access(path, X_OK))
                continue;
            errno = why;
            return fail_errno(err, "cannot make %s", path);
        }
    }
    return STATUS_OK;
}

static enum status write_all(int fd, const char *path, const char *text, size_t length,
                             struct error *err)
{
    while (length) {
        ssize_t put = write(fd, text, length);

        if (put < 0)
            return fail_errno(err, "cannot write %s", path);
        text += put;
        length -= (size_t)put;
    }
    return fsync(fd) ? fail_errno(err, "cannot write %s", path) : STATUS_OK;
}

/* What root writes for somebody stays that person's. */
static void keep_owner(int fd, const struct stat *was)
{
    if (!geteuid() && fchown(fd, was->st_uid, was->st_gid))
        return; /* the owner of the folder that holds it can still replace it */
}

static enum status replace(const char *path, const char *text, size_t length, mode_t mode,
                           struct arena *arena, struct error *err)
{
    char *unfinished = arena_format(arena, "%s.%ld", path, (long)getpid());
    struct stat was;
    bool is_there;
    int fd = -1;
    enum status rc = make_folders(arena_copy(arena, path), err);

    if (rc)
        return rc;
    is_there = !lstat(path, &was);
    unlink(unfinished); /* of one that had our number and was ended */
    fd = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode ? 0600 : 0666);
    if (fd < 0)
        return fail_errno(err, "cannot write %s", path);
    if (is_there)
        keep_owner(fd, &was);
    if ((mode || is_there) && fchmod(fd, mode ? mode : was.st_mode & 07777)) {
        rc = fail_errno(err, "cannot write %s", path);
        goto done;
    }
    if ((rc = write_all(fd, path, text, length, err)))
        goto done;
    if (rename(unfinished, path))
        rc = fail_errno(err, "cannot write %s", path);
done:
    close(fd);
    if (rc)
        unlink(unfinished);
    return rc;
}

enum status text_file_write(const char *path, const char *text, size_t length, mode_t mode,
                            struct arena *arena, struct error *err)
{
    enum status rc = replace(path, text, length, mode, arena, err);

    if (rc != STATUS_INTERNAL)
        return rc;
    if (err)
        err->status = STATUS_INVALID; /* the person's own machine refused, and no server is away */
    return STATUS_INVALID;
}
