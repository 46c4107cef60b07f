/* What came from upstreams, as rows: documents, files, pins. Written by storage/mirror, in groups;
 * each operation reads the owner again, and keeps nothing where it has changed. Storage spec 7. */
#pragma once
#include "storage/catalog/owner.h"
#include "storage/catalog/package.h"

struct listed;
struct stage;

enum { INGEST_MAX = 160 }; /* at once */

enum document_coding { CODING_IDENTITY, CODING_GZIP };

/* An upstream's document of one package, as it was received. */
struct upstream_document {
    int64_t package_id;
    const void *body; /* up to 32 KiB; else NULL, and the bytes are a blob */
    struct digests blob;
    int64_t blob_nonce;
    int64_t size; /* as received */
    enum document_coding coding;
    const char *content_type;
    const char *url; /* after redirects: the base of relative links */
    const char *etag, *last_modified; /* NULL without */
    int64_t serial;                   /* X-PyPI-Last-Serial; 0 without */
    uint8_t sha256[SHA256_SIZE];      /* of the body as received */
    int64_t generation, fetched_us, checked_us;
    const struct listed *appeared; /* files that the document before had not got; for an ingest */
    size_t appeared_count;
};

/* STATUS_NOT_FOUND where none was kept. */
enum status catalog_find_upstream_document(struct catalog *catalog, const struct upstream *upstream,
                                           const char *name_norm, struct arena *arena,
                                           struct upstream_document *out, struct error *err);

/* Who asked first for what is to be kept, and where: for its audit row. All zero: the mirror itself. */
struct first_asker {
    const char *name, *peer, *request_id; /* as a struct actor has them */
    int64_t token_id;
    const char *org, *repository;
};

/* One thing to keep: a document, or a file with its version. */
struct ingest {
    const struct upstream *upstream;
    const char *name, *name_norm, *name_fold;
    enum { INGEST_DOCUMENT, INGEST_FILE, INGEST_CHECKED } kind; /* CHECKED: the document still holds */

    struct upstream_document document; /* body, or stage for a larger one */
    struct stage *stage;               /* ended; stays the caller's */

    /* A file. */
    const char *version, *file, *meta;
    const char *archive_facts; /* what its archive says besides its listing; NULL */
    const void *sort_key;
    size_t sort_key_length;
    enum file_kind file_kind;
    bool changes_listing; /* what listings show of it has become known with it */
    bool changes_verdicts; /* or would, where a policy looks at it */
    int64_t generation;    /* of the document that named the file; 0: none did */
    bool with_previous; /* kept only where the ingest before it was: a sidecar */
    struct first_asker asker;

    /* Filled: STATUS_OK, or why nothing was kept; the others of the group are not touched. */
    enum status rc;
    struct error error;
};
/* Has everybody who shows this package of the upstream make it again: its document is another one by
 * now for those who ask the mirror. */
void catalog_tell_document(struct catalog *catalog, const struct upstream *upstream,
                           const char *name_norm);
/* Commits them together, a main file that is new with its audit row "package.ingested", and returns when they are durable; a document's blob_nonce and package_id are
 * filled in. Only a main file is pinned. Files write their pin, or must agree with
 * it: STATUS_CONFLICT "bytes-changed", with a critical event, where they do not. STATUS_GONE "removed"
 * for a tombstoned version. */
enum status catalog_ingest(struct catalog *catalog, struct ingest *ingests, size_t count,
                           struct error *err);

/* The pin of a file: what its bytes must be. STATUS_NOT_FOUND without one. */
struct pin {
    struct digests digests; /* SHA-256 always */
    int64_t size;
    /* catalog_walk_pins() alone has these, and they live during the visit. */
    const char *version;
    const char *listed; /* what a listing said of it last, where that was told; NULL */
    int64_t first_us;   /* when the bytes came */
};
enum status catalog_find_pin(struct catalog *catalog, int64_t org_id, enum format format,
                             const char *name_fold, const char *file, struct pin *out,
                             struct error *err);
/* All pins of a name, in order of file: listings show the pinned digests. */
enum status catalog_walk_pins(struct catalog *catalog, int64_t org_id, enum format format,
                              const char *name_fold,
                              enum status (*visit)(void *context, const char *file,
                                                   const struct pin *pin, struct error *err),
                              void *context, struct error *err);
/* Removed versions and files of a name, whatever its owner: never shown, never fetched. */
enum status catalog_walk_tombstones(struct catalog *catalog, int64_t org_id, enum format format,
                                    const char *name_fold,
                                    enum status (*visit)(void *context, const char *version,
                                                         const char *file, struct error *err),
                                    void *context, struct error *err);
/* STATUS_GONE "removed" where the version or the file is. */
enum status catalog_check_removed(struct catalog *catalog, int64_t org_id, enum format format,
                                  const char *name_fold, const char *version, const char *file,
                                  struct error *err);

/* Listings that have come to say other bytes of a file than those that are pinned: a critical event
 * "upstream.bytes-changed" and its audit row, once for each digest that they say. */
struct listing_change {
    const char *version, *file, *expected, *listed; /* the last two: digests as text */
};
enum status catalog_report_listing(struct catalog *catalog, const struct upstream *upstream,
                                   const char *name, const char *name_fold,
                                   const struct listing_change *changes, size_t count,
                                   struct error *err);

/* Bytes that are not what they were said to be: a critical event and its audit row. */
struct byte_fault {
    const char *kind; /* "upstream.bytes-changed": the listing against the pin; "upstream.bytes-wrong" */
    const char *name, *version, *file, *expected, *found; /* digests as text; NULL: not known */
};
enum status catalog_report_bytes(struct catalog *catalog, const struct upstream *upstream,
                                 const struct byte_fault *fault, struct error *err);
