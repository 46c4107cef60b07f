#include "storage/mirror/plain.h"

#include "storage/mirror/documents.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SHELF_MAX = 16 << 20 };

struct plain {
    struct plain *newer, *older;
    struct kept_document *document;
    atomic_uint references; /* the shelf's, and of each who reads */
    void *bytes;
    size_t length;
};

struct plain_shelf {
    struct plain *newest, *oldest;
    size_t bytes;
};

struct plain_shelf *plain_shelf_new(void)
{
    struct plain_shelf *shelf = calloc(1, sizeof *shelf);

    if (!shelf)
        abort();
    return shelf;
}

void plain_shelf_free(struct plain_shelf *shelf)
{
    free(shelf);
}

static void leave_line(struct plain_shelf *shelf, struct plain *plain)
{
    *(plain->newer ? &plain->newer->older : &shelf->newest) = plain->older;
    *(plain->older ? &plain->older->newer : &shelf->oldest) = plain->newer;
}

static void join_line(struct plain_shelf *shelf, struct plain *plain)
{
    plain->newer = NULL;
    plain->older = shelf->newest;
    *(shelf->newest ? &shelf->newest->newer : &shelf->oldest) = plain;
    shelf->newest = plain;
}

void plain_put(struct plain_shelf *shelf, struct kept_document *document, void *bytes, size_t length)
{
    struct plain *plain = calloc(1, sizeof *plain);

    if (!plain)
        abort();
    plain_remove(shelf, document);
    plain->document = document;
    plain->bytes = bytes;
    plain->length = length;
    atomic_init(&plain->references, 1);
    document->plain = plain;
    join_line(shelf, plain);
    shelf->bytes += length;
    while (shelf->bytes > SHELF_MAX)
        plain_remove(shelf, shelf->oldest->document);
}

struct plain *plain_hold(struct plain_shelf *shelf, const struct kept_document *document)
{
    struct plain *plain = document->plain;

    if (!plain)
        return NULL;
    leave_line(shelf, plain);
    join_line(shelf, plain);
    atomic_fetch_add(&plain->references, 1);
    return plain;
}

void plain_remove(struct plain_shelf *shelf, struct kept_document *document)
{
    struct plain *plain = document->plain;

    if (!plain)
        return;
    document->plain = NULL;
    leave_line(shelf, plain);
    shelf->bytes -= plain->length;
    plain_drop(plain);
}

const void *plain_bytes(const struct plain *plain, size_t *length)
{
    *length = plain->length;
    return plain->bytes;
}

void plain_drop(struct plain *plain)
{
    if (!plain || atomic_fetch_sub(&plain->references, 1) > 1)
        return;
    free(plain->bytes);
    free(plain);
}
