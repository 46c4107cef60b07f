/* The only place that opens write transactions: one thread, which takes what has queued up, places
 * the staged files (one flush per folder), runs each operation in a savepoint, commits once, brings
 * the caches up to date, and answers. Storage spec 2.3. */
#pragma once
#include "storage/catalog/catalog.h"

struct actor;
struct blob_store;
struct db;
struct stage;
struct writer;

/* What an operation works with. */
struct transaction {
    struct db *db;
    int64_t now_us;
    struct writer *writer;
};

/* A function of (transaction, its own prepared argument): no I/O, no waiting. It may run again after
 * a rollback of its group, so it must not depend on having run. */
typedef enum status (*operation)(struct transaction *tx, void *argument, struct error *err);

/* Called on the writer's thread after COMMIT and before the callers get their answer; package_changed
 * also on others, by writer_tell_package(). */
struct writer_hooks {
    void *context;
    void (*package_changed)(void *context, int64_t repository_id, const char *name_norm);
    void (*access_changed)(void *context);
    void (*home_changed)(void *context, int64_t org_id);
    void (*policy_changed)(void *context, int64_t org_id);
};

struct writer_options {
    size_t group_max; /* operations in one commit */
    size_t queue_max; /* waiting operations; one more is STATUS_BUSY */
    /* The disk is full: give up what was kept in reserve. */
    void (*release_reserve)(void *context);
    void *reserve_context;
};

/* The writer owns db from now on, and closes it when it stops. */
enum status writer_start(struct db *db, struct blob_store *blobs,
                         const struct writer_options *options, struct writer **out,
                         struct error *err);
/* Finishes what is queued, then stops. */
void writer_stop(struct writer *writer);
/* Adds hooks before the first operation; the document cache hangs here. */
void writer_add_hooks(struct writer *writer, const struct writer_hooks *hooks);
/* Has caches forget a package now, without a transaction. */
void writer_tell_package(struct writer *writer, int64_t repository_id, const char *name_norm);

/* Runs the operation and returns when it is durable. STATUS_BUSY when the queue is full,
 * STATUS_READ_ONLY after a failed flush. Stages are placed before the commit. */
enum status writer_run(struct writer *writer, operation run, void *argument,
                       struct stage **stages, size_t stage_count, struct error *err);

/* For operations: what the caches must hear of once this is committed. A package changes for those who
 * ask its repository, and for those who ask one that has it as a source. */
void tx_package_changed(struct transaction *tx, int64_t repository_id, const char *name_norm);
/* Only what is kept of it did, and no listing: for whoever looks up its files. */
void tx_files_changed(struct transaction *tx, int64_t repository_id, const char *name_norm);
void tx_access_changed(struct transaction *tx);
/* The org's upstreams, sources, claims, or an owner that was set: where its names live. */
void tx_home_changed(struct transaction *tx, int64_t org_id);
/* Its policy or exceptions: what may come in. */
void tx_policy_changed(struct transaction *tx, int64_t org_id);
/* Writes the audit row and the event row of a change; org_id 0: the instance. detail is JSON. */
enum status tx_record(struct transaction *tx, const struct actor *actor, int64_t org_id,
                      const char *action, const char *target, const char *detail,
                      struct error *err);

bool writer_is_read_only(const struct writer *writer);

struct writer_stats {
    uint64_t operations, groups, failures;
    size_t queued, largest_group;
};
void writer_stats(struct writer *writer, struct writer_stats *out);
