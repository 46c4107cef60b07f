/* Bytes that flow, so that memory does not grow with size. A reader or writer is embedded as the
 * first member of whatever implements it. */
#pragma once
#include "config/error.h"
#include <stdint.h>

struct reader {
    /* Puts up to size bytes into buffer and their count into got; 0 means the end. */
    enum status (*read)(struct reader *reader, void *buffer, size_t size, size_t *got,
                        struct error *err);
    void (*close)(struct reader *reader); /* may be NULL */
};

/* Reads until size bytes are there or the end has come. */
enum status reader_read_all(struct reader *reader, void *buffer, size_t size, size_t *got,
                            struct error *err);
static inline enum status reader_read(struct reader *reader, void *buffer, size_t size,
                                      size_t *got, struct error *err)
{
    return reader->read(reader, buffer, size, got, err);
}
void reader_close(struct reader *reader); /* NULL does nothing */

/* A reader over memory that outlives it. */
struct memory_reader {
    struct reader reader;
    const unsigned char *at;
    size_t left;
};
void memory_reader_init(struct memory_reader *reader, const void *bytes, size_t length);

/* A reader over a range of a descriptor, which stays the caller's; uses pread, so many may share. */
struct file_reader {
    struct reader reader;
    int fd;
    int64_t offset, left;
};
void file_reader_init(struct file_reader *reader, int fd, int64_t offset, int64_t length);

