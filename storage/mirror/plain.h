/* The inflated bytes of the documents that came last: one is read when it comes, again for a version of it
 * and again to be shown, within moments. */
#pragma once
#include <stddef.h>

struct kept_document;
struct plain;
struct plain_shelf;

struct plain_shelf *plain_shelf_new(void);
/* When no document is left. */
void plain_shelf_free(struct plain_shelf *shelf); /* NULL does nothing */

/* These three with the mirror's lock. Takes the bytes, and lets go of those that were used least lately. */
void plain_put(struct plain_shelf *shelf, struct kept_document *document, void *bytes, size_t length);
/* NULL where they are not here any more. The caller drops it. */
struct plain *plain_hold(struct plain_shelf *shelf, const struct kept_document *document);
void plain_remove(struct plain_shelf *shelf, struct kept_document *document);

const void *plain_bytes(const struct plain *plain, size_t *length);
void plain_drop(struct plain *plain); /* NULL does nothing; needs no lock */
