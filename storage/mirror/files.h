/* Files on their way in, until their rows are committed; and those that failed, for a while. Guarded
 * by the mirror's lock. */
#pragma once
#include "storage/mirror/state.h"

struct mirror_file {
    struct job job; /* first */
    struct mirror *mirror;
    struct mirror_upstream *home;
    struct arena *arena;
    struct upstream upstream;
    struct mirror_wish wish; /* copied */
    const char *name_fold;
    struct digests expected; /* of the pin, else of the listing */
    int64_t expected_size;   /* -1: not known */
    struct digests digests;  /* all, once it is whole */

    /* The fetcher's, while it comes. */
    int code;
    int64_t replay;       /* bytes that came before a break are compared up to here */
    int attempts;
    struct stage *stage, *sidecar;
    int fd;               /* of what was stored already; -1: the stage's */
    const char *sidecar_suffix, *archive_facts;
    bool changes_verdicts;

    /* Under the lock. */
    struct mirror_file *next;               /* in the bucket */
    struct mirror_file *next_failed;        /* in order of failure */
    bool is_listed;                         /* in the table */
    size_t references, readers;
    pthread_cond_t moved;
    int64_t size, written, told;            /* told: readers were woken for these */
    bool is_tailing;                        /* bytes may leave before all have come */
    bool has_begun;                         /* an answer is coming */
    bool is_whole;
    bool has_failed;                        /* and nothing writes to the stage any more */
    enum status rc;
    struct error error;
    int64_t failed_until_us;
};

enum { TAIL_HELD_BACK = 256 * 1024 };

struct file_table *file_table_new(void);
void file_table_free(struct file_table *table);
/* All with the lock. find gives what is on its way or remembered as failed. */
struct mirror_file *file_table_find(struct file_table *table, const struct mirror_wish *wish,
                                    int64_t now_us);
void file_table_add(struct file_table *table, struct mirror_file *file); /* takes a reference */
void file_table_remove(struct file_table *table, struct mirror_file *file);
/* Keeps it listed until then, as failed. */
void file_table_remember(struct file_table *table, struct mirror_file *file, int64_t until_us);
void file_table_forget(struct mirror *mirror, int64_t upstream_id);

struct mirror_file *file_new(struct mirror *mirror, struct mirror_upstream *home,
                             const struct mirror_wish *wish);
void file_drop(struct mirror_file *file); /* with the lock */
/* A failure is remembered for a minute; its bytes are not. With the lock. */
void file_let_go_of_stage(struct mirror_file *file);

/* Begins the fetch; its end is told through the file. Without the lock. */
void file_flight_launch(struct mirror_file *file);
/* Nobody waits for it any longer than this: it failed. With the lock. */
void file_fail(struct mirror_file *file, enum status rc, const struct error *error);
