#include "storage/memory/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum status reader_read_all(struct reader *reader, void *buffer, size_t size, size_t *got,
                            struct error *err)
{
    size_t piece;
    enum status rc;

    for (*got = 0; *got < size; *got += piece) {
        if ((rc = reader_read(reader, (char *)buffer + *got, size - *got, &piece, err)))
            return rc;
        if (!piece)
            break;
    }
    return STATUS_OK;
}

void reader_close(struct reader *reader)
{
    if (reader && reader->close)
        reader->close(reader);
}

static enum status memory_read(struct reader *base, void *buffer, size_t size, size_t *got,
                               struct error *err)
{
    struct memory_reader *reader = (struct memory_reader *)base;

    (void)err;
    *got = size < reader->left ? size : reader->left;
    if (*got)
        memcpy(buffer, reader->at, *got);
    reader->at += *got;
    reader->left -= *got;
    return STATUS_OK;
}

void memory_reader_init(struct memory_reader *reader, const void *bytes, size_t length)
{
    *reader = (struct memory_reader){{memory_read, NULL}, bytes, length};
}

static enum status file_read(struct reader *base, void *buffer, size_t size, size_t *got,
                             struct error *err)
{
    struct file_reader *reader = (struct file_reader *)base;
    ssize_t count;

    if ((int64_t)size > reader->left)
        size = (size_t)reader->left;
    do
        count = pread(reader->fd, buffer, size, reader->offset);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_errno(err, "could not read a stored file");
    *got = (size_t)count;
    reader->offset += count;
    reader->left -= count;
    return STATUS_OK;
}

void file_reader_init(struct file_reader *reader, int fd, int64_t offset, int64_t length)
{
    *reader = (struct file_reader){{file_read, NULL}, fd, offset, length};
}
