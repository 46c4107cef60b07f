/* Immutable bytes, named by (SHA-256, nonce). A name, once given, always means the same bytes and is
 * never used twice, so that a late delete hurts nothing. Storage spec 3. */
#pragma once
#include "config/error.h"
#include "storage/blobs/stage.h"
#include <stdint.h>

struct blob_store;

struct blob_name {
    uint8_t sha256[SHA256_SIZE];
    int64_t nonce; /* 34 bits of Unix seconds, 29 random bits: the hour folder follows from it */
};

/* Opens root, making stage/ and blobs/ in it where absent. Where is_server, empties stage/ of what a
 * crash left. */
enum status blob_store_open(const char *root, bool is_server, struct blob_store **out,
                            struct error *err);
void blob_store_close(struct blob_store *store);

/* Begins a stage. size_hint is the declared length or -1; kinds are added to SHA-256, which is always
 * computed. */
enum status blob_store_stage(struct blob_store *store, int64_t size_hint, unsigned kinds,
                             struct stage **out, struct error *err);
/* The name that the stage's bytes get when they are committed. */
struct blob_name stage_name(const struct stage *stage);

/* Moves finished stages to their hour folders and flushes each folder once. Only the writer calls
 * this, before its COMMIT. A stage that is already placed is passed over. */
enum status blob_store_place(struct blob_store *store, struct stage **stages, size_t count,
                             struct error *err);
/* Takes a placed file away again: its operation failed, or the same bytes were there already. */
void blob_store_unplace(struct blob_store *store, struct stage *stage);

/* Whether any flush has failed since the store was opened. Then nothing more may be acknowledged: a
 * failed flush is never tried again, for the kernel may have marked the pages clean. */
bool blob_store_flush_failed(const struct blob_store *store);

/* Opens a blob's bytes. STATUS_NOT_FOUND without the file; STATUS_INTERNAL where its size is not
 * size. The caller closes the descriptor. */
enum status blob_store_read(struct blob_store *store, const struct blob_name *name, int64_t size,
                            int *fd, struct error *err);

/* Tells every file below blobs/, for verify. Unparsable names come with name NULL. */
typedef enum status (*blob_visit)(void *context, const struct blob_name *name, int64_t size,
                                  const char *path, struct error *err);
enum status blob_store_walk(struct blob_store *store, blob_visit visit, void *context,
                            struct error *err);

/* The same for the folders of this hour and later ones. */
enum status blob_store_walk_since(struct blob_store *store, int64_t since_s, blob_visit visit,
                                  void *context, struct error *err);

/* Takes a blob's file off the disk; one that is not there is success. */
enum status blob_store_remove(struct blob_store *store, const struct blob_name *name,
                              struct error *err);
/* Moves a blob's file to quarantine/, from where nothing is served. */
enum status blob_store_quarantine(struct blob_store *store, const struct blob_name *name,
                                  struct error *err);
/* Deletes what was moved there before this time. Never fails. */
void blob_store_empty_quarantine(struct blob_store *store, int64_t before_s);

struct blob_space {
    int64_t free_bytes, total_bytes;
};
enum status blob_store_space(struct blob_store *store, struct blob_space *out, struct error *err);
