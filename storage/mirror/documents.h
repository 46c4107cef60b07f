/* Documents in memory: the last ones that were asked for, and what is known of those that are absent.
 * Guarded by the mirror's lock. */
#pragma once
#include "storage/mirror/plain.h"
#include "storage/mirror/state.h"

struct document_flight;

/* The whole of a struct mirror_document. But for what is said below it never changes. */
struct kept_document {
    struct mirror_document shown; /* first */
    struct mirror *mirror;
    struct arena *arena; /* all texts and a short body */
    struct upstream upstream;
    const char *name_norm, *name_fold;
    struct upstream_document row;
    size_t charge; /* memory */
    /* Under the lock. */
    size_t references;
    struct stage *stage; /* until it is a blob */
    struct plain *plain; /* its inflated bytes, while they are at hand */
    bool check_waits;    /* that it still holds is to be written down */
};

/* A name of an upstream. */
struct entry {
    struct entry *next, *newer, *older; /* in the bucket; in order of use */
    int64_t upstream_id;
    char *name_norm;
    struct kept_document *document; /* NULL: none known */
    struct document_flight *flight;
    bool is_loaded, is_loading;
    int64_t absent_until_us, absent_for_us;
    int64_t retry_us; /* after a failure; until then what is kept is served unasked */
    size_t users;     /* within a call */
};

struct document_table *document_table_new(void);
void document_table_free(struct document_table *table);
/* The entry, made where absent, most lately used. What is least used goes, over the table's size. */
struct entry *document_table_use(struct document_table *table, int64_t upstream_id,
                                 const char *name_norm);
void document_table_forget(struct document_table *table, int64_t upstream_id);
/* Sets the document; counts its memory. The reference becomes the entry's. */
void entry_set_document(struct document_table *table, struct entry *entry,
                        struct kept_document *document);

struct kept_document *kept_document_new(struct mirror *mirror, const struct upstream *upstream,
                              const char *name, const char *name_norm);
/* From rows: the texts are in its arena already. */
void kept_document_show(struct kept_document *document);
/* Has the inflated bytes at hand for who reads it next, where it is not too large for that. */
void kept_document_inflate(struct kept_document *document);
/* Both under the lock. */
struct kept_document *kept_document_hold(struct kept_document *document);
void kept_document_drop(struct kept_document *document);

/* One fetch, however many wait for it. */
struct document_flight {
    struct job job; /* first */
    struct mirror *mirror;
    struct mirror_upstream *home;
    struct entry *entry;
    const struct mirror_format *format;
    struct kept_document *before; /* what is kept already; NULL: nothing */
    struct kept_document *coming; /* filled as it comes */
    int code;
    char *buffer;           /* up to 32 KiB; then the stage */
    size_t length;
    int64_t size;
    /* Under the lock. */
    size_t references;
    bool has_begun, is_done; /* has_begun: an answer is coming */
    pthread_cond_t done;
    enum status rc;
    struct error error;
};
/* Makes the entry's flight; with the lock. document_flight_launch() must follow, without it. */
struct document_flight *document_flight_new(struct mirror *mirror, struct mirror_upstream *home,
                                            struct entry *entry, const struct upstream *upstream,
                                            const char *name, const char *name_norm);
void document_flight_launch(struct document_flight *flight);
void document_flight_drop(struct document_flight *flight); /* with the lock */
