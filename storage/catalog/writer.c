#include "storage/catalog/writer.h"

#include "config/clock.h"
#include "config/log.h"
#include "storage/blobs/blob_store.h"
#include "storage/blobs/stage_file.h"
#include "storage/metadata/db.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HOOKS_MAX = 8,
    WAL_PAGES_IDLE = 1000,         /* moved over when nothing waits */
    WAL_PAGES_BUSY = 16000,        /* moved over between groups */
    WAL_PAGES_MOST = 64 * 1024,    /* 256 MiB: wait for readers, and begin the log anew */
    IDLE_WAIT_MS = 200,
};

/* One operation on its way through; it lives on its caller's stack. */
struct write {
    operation run;
    void *argument;
    struct stage **stages;
    size_t stage_count;
    enum status rc;
    struct error *err;
    bool is_done;
    pthread_cond_t done;
    struct write *next;
};

/* What the caches must hear of after COMMIT. */
struct change {
    struct change *next;
    int64_t repository_id, org_id; /* org_id: where its names live, */
    bool is_policy;                /* or only what of theirs may come in */
    char name_norm[];
};

struct writer {
    struct db *db;
    struct blob_store *blobs;
    struct writer_options options;
    struct writer_hooks hooks[HOOKS_MAX];
    size_t hook_count;
    pthread_t thread;
    pthread_mutex_t lock; /* of the queue and of every write's is_done */
    pthread_cond_t arrived;
    struct write *first, **last;
    size_t queued;
    bool is_stopping;
    atomic_bool is_read_only;
    struct change *changes; /* of the group being written */
    bool access_changed;
    _Atomic uint64_t operations, groups, failures;
    _Atomic size_t largest_group;
};

static struct change *add_change(struct writer *writer, int64_t repository_id, int64_t org_id,
                       const char *name_norm)
{
    size_t size = strlen(name_norm) + 1;
    struct change *change = malloc(sizeof *change + size);

    if (!change)
        abort();
    change->repository_id = repository_id;
    change->org_id = org_id;
    change->is_policy = false;
    memcpy(change->name_norm, name_norm, size);
    change->next = writer->changes;
    writer->changes = change;
    return change;
}

void tx_package_changed(struct transaction *tx, int64_t repository_id, const char *name_norm)
{
    static const char ASKERS[] = "SELECT repository_id FROM source WHERE source_id = ?1";
    struct query *query = db_query(tx->db, ASKERS);

    add_change(tx->writer, repository_id, 0, name_norm);
    db_bind_int(query, 1, repository_id);
    while (!db_next_row(query, NULL)) /* what breaks here breaks the commit as well */
        add_change(tx->writer, db_int(query, 0), 0, name_norm);
}

void tx_files_changed(struct transaction *tx, int64_t repository_id, const char *name_norm)
{
    add_change(tx->writer, repository_id, 0, name_norm);
}

void tx_home_changed(struct transaction *tx, int64_t org_id)
{
    add_change(tx->writer, 0, org_id, "");
}

void tx_policy_changed(struct transaction *tx, int64_t org_id)
{
    add_change(tx->writer, 0, org_id, "")->is_policy = true;
}

void tx_access_changed(struct transaction *tx)
{
    tx->writer->access_changed = true;
}

static void tell_change(const struct writer_hooks *hooks, const struct change *change)
{
    if (!change->org_id && hooks->package_changed)
        hooks->package_changed(hooks->context, change->repository_id, change->name_norm);
    if (change->org_id && !change->is_policy && hooks->home_changed)
        hooks->home_changed(hooks->context, change->org_id);
    if (change->org_id && change->is_policy && hooks->policy_changed)
        hooks->policy_changed(hooks->context, change->org_id);
}

static void tell_caches(struct writer *writer)
{
    for (size_t i = 0; i < writer->hook_count; i++) {
        const struct writer_hooks *hooks = &writer->hooks[i];

        for (struct change *change = writer->changes; change; change = change->next)
            tell_change(hooks, change);
        if (writer->access_changed && hooks->access_changed)
            hooks->access_changed(hooks->context);
    }
}

void writer_tell_package(struct writer *writer, int64_t repository_id, const char *name_norm)
{
    for (size_t i = 0; i < writer->hook_count; i++) {
        const struct writer_hooks *hooks = &writer->hooks[i];

        if (hooks->package_changed)
            hooks->package_changed(hooks->context, repository_id, name_norm);
    }
}

static void forget_changes(struct writer *writer)
{
    for (struct change *change = writer->changes, *next; change; change = next) {
        next = change->next;
        free(change);
    }
    writer->changes = NULL;
    writer->access_changed = false;
}

/* Bytes that are stored already need no second file; their row only has to be touched. */
static bool is_stored(struct writer *writer, const struct stage *stage)
{
    static const char FIND_BLOB[] = "SELECT nonce, size FROM blob WHERE sha256 = ?1 AND state = 0";
    struct blob_name name = stage_name(stage);
    struct query *query = db_query(writer->db, FIND_BLOB);
    int64_t size;
    int fd;

    db_bind_bytes(query, 1, name.sha256, SHA256_SIZE);
    if (db_next_row(query, NULL))
        return false;
    name.nonce = db_int(query, 0);
    size = db_int(query, 1);
    db_reset(query);
    if (blob_store_read(writer->blobs, &name, size, &fd, NULL))
        return false;
    close(fd);
    return true;
}

/* Places what the group brings, one flush per folder. A write whose files cannot be placed fails
 * alone, unless a flush has failed. */
static void place_files(struct writer *writer, struct write *group)
{
    struct stage *wanted[1024];
    size_t count = 0;
    struct error err;

    for (struct write *write = group; write; write = write->next)
        for (size_t i = 0; i < write->stage_count && count < sizeof wanted / sizeof *wanted; i++) {
            stage_set_kept(write->stages[i], false);
            if (!is_stored(writer, write->stages[i]))
                wanted[count++] = write->stages[i];
        }
    if (!count || !blob_store_place(writer->blobs, wanted, count, &err))
        return;
    if (blob_store_flush_failed(writer->blobs))
        return;
    for (struct write *write = group; write; write = write->next) /* whose fault was it? */
        if (write->stage_count && !write->rc)
            write->rc = blob_store_place(writer->blobs, write->stages, write->stage_count, write->err);
}

static enum status run_one(struct writer *writer, struct write *write, int64_t now_us)
{
    struct transaction tx = {writer->db, now_us, writer};
    enum status rc;

    if ((rc = db_execute(writer->db, "SAVEPOINT one", write->err)))
        return rc;
    if ((rc = write->run(&tx, write->argument, write->err))) {
        if (rc == STATUS_NOT_FOUND && write->err && !write->err->message[0])
            fail(write->err, rc, "", "not found");
        db_execute(writer->db, "ROLLBACK TO one", NULL);
        db_execute(writer->db, "RELEASE one", NULL);
        return rc;
    }
    return db_execute(writer->db, "RELEASE one", write->err);
}

/* Runs a group in one transaction. STATUS_OK: committed, and each write's rc tells how it went. */
static enum status commit_group(struct writer *writer, struct write *group, struct error *err)
{
    int64_t now_us = clock_now_us();
    enum status rc;

    if ((rc = db_execute(writer->db, "BEGIN IMMEDIATE", err)))
        return rc;
    for (struct write *write = group; write; write = write->next) {
        if (write->rc)
            continue;
        write->rc = run_one(writer, write, now_us);
        if (db_is_broken(writer->db) || write->rc == STATUS_FULL) {
            rc = write->rc;
            if (write->err)
                *err = *write->err;
            goto done;
        }
    }
    rc = db_execute(writer->db, "COMMIT", err);
done:
    if (rc) {
        db_execute(writer->db, "ROLLBACK", NULL);
        forget_changes(writer);
    }
    return rc;
}

static void fail_all(struct write *group, enum status rc, const struct error *err)
{
    for (struct write *write = group; write; write = write->next)
        if (!write->rc) {
            write->rc = rc;
            if (write->err)
                *write->err = *err;
        }
}

static void stop_writing(struct writer *writer, const char *reason)
{
    if (!atomic_exchange(&writer->is_read_only, true))
        log_event(LOG_ERROR, "writer.read-only",
                  "reason=\"%s\" what-now=\"check the disk, then start packhouse again\"", reason);
}

/* The group did not fit on the disk: give up the reserve, and find out whose operation it was. */
static void run_alone(struct writer *writer, struct write *group)
{
    struct error err = {0};

    if (writer->options.release_reserve)
        writer->options.release_reserve(writer->options.reserve_context);
    for (struct write *write = group, *next; write; write = next) {
        next = write->next;
        write->next = NULL;
        if (write->rc == STATUS_OK || write->rc == STATUS_FULL) {
            enum status rc;

            write->rc = STATUS_OK;
            if ((rc = commit_group(writer, write, &err)) && !write->rc)
                fail_all(write, rc, &err);
            if (!rc)
                tell_caches(writer); /* now: the next failure forgets what changed */
            forget_changes(writer);
        }
        write->next = next;
    }
}

static void write_group(struct writer *writer, struct write *group)
{
    struct error err = {0};
    bool outcome_is_known = true;
    enum status rc = STATUS_OK;

    place_files(writer, group);
    if (blob_store_flush_failed(writer->blobs)) {
        stop_writing(writer, "a flush has failed");
        rc = fail(&err, STATUS_READ_ONLY, "read-only", "writing has stopped: a flush of the disk failed");
    } else if ((rc = commit_group(writer, group, &err)) == STATUS_FULL) {
        run_alone(writer, group);
        rc = STATUS_OK;
    }
    if (db_is_broken(writer->db)) {
        stop_writing(writer, err.message);
        outcome_is_known = false; /* the rows may be there: leave their files */
        if (!rc)
            rc = fail(&err, STATUS_READ_ONLY, "read-only", "writing has stopped: the database failed");
        err.status = rc = STATUS_READ_ONLY;
    }
    if (rc)
        fail_all(group, rc, &err);
    else
        tell_caches(writer);
    forget_changes(writer);
    for (struct write *write = group; write; write = write->next) {
        if (write->rc)
            atomic_fetch_add(&writer->failures, 1);
        for (size_t i = 0; i < write->stage_count; i++)
            if (outcome_is_known && (write->rc || !stage_is_kept(write->stages[i])))
                blob_store_unplace(writer->blobs, write->stages[i]);
    }
}

static void checkpoint(struct writer *writer, bool is_idle)
{
    int64_t pages = db_wal_pages(writer->db);
    struct error err;

    if (atomic_load(&writer->is_read_only) || pages <= (is_idle ? WAL_PAGES_IDLE : WAL_PAGES_BUSY))
        return;
    if (db_checkpoint(writer->db, pages > WAL_PAGES_MOST, &err)) {
        log_event(LOG_WARN, "writer.checkpoint-failed", "reason=\"%s\"", err.message);
        if (db_is_broken(writer->db))
            stop_writing(writer, err.message);
    }
}

/* Takes what waits, first come first served; NULL when it is time to stop. Called with the lock. */
static struct write *take_group(struct writer *writer, size_t *count)
{
    struct write *group = writer->first, *end = group;

    for (*count = 1; end->next && *count < writer->options.group_max; ++*count)
        end = end->next;
    writer->first = end->next;
    if (!writer->first)
        writer->last = &writer->first;
    end->next = NULL;
    writer->queued -= *count;
    return group;
}

static void answer(struct writer *writer, struct write *group)
{
    pthread_mutex_lock(&writer->lock);
    for (struct write *write = group, *next; write; write = next) {
        next = write->next; /* once done, the caller's stack is gone */
        write->is_done = true;
        pthread_cond_signal(&write->done);
    }
    pthread_mutex_unlock(&writer->lock);
}

/* Waits for work; false when nothing came within IDLE_WAIT_MS. Called with the lock. */
static bool wait_for_work(struct writer *writer)
{
    struct timespec until;

    if (writer->first || writer->is_stopping)
        return writer->first != NULL;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += IDLE_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&writer->arrived, &writer->lock, &until);
    return writer->first != NULL;
}

static void *write_loop(void *context)
{
    struct writer *writer = context;

    for (;;) {
        struct write *group = NULL;
        bool has_work, is_stopping;
        size_t count = 0;

        pthread_mutex_lock(&writer->lock);
        if ((has_work = wait_for_work(writer)))
            group = take_group(writer, &count);
        is_stopping = writer->is_stopping;
        pthread_mutex_unlock(&writer->lock);
        if (group) {
            write_group(writer, group);
            atomic_fetch_add(&writer->operations, count);
            atomic_fetch_add(&writer->groups, 1);
            if (count > atomic_load(&writer->largest_group))
                atomic_store(&writer->largest_group, count);
            answer(writer, group);
        } else if (is_stopping) {
            return NULL;
        }
        checkpoint(writer, !has_work);
    }
}

enum status writer_start(struct db *db, struct blob_store *blobs,
                         const struct writer_options *options, struct writer **out,
                         struct error *err)
{
    struct writer *writer = calloc(1, sizeof *writer);
    pthread_condattr_t monotonic;

    *out = NULL;
    if (!writer)
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    writer->db = db;
    writer->blobs = blobs;
    writer->options = *options;
    writer->last = &writer->first;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&writer->thread, NULL, write_loop, writer)) {
        free(writer);
        return fail(err, STATUS_INTERNAL, "", "could not start the writer's thread");
    }
    *out = writer;
    return STATUS_OK;
}

void writer_stop(struct writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->is_stopping = true;
    pthread_cond_signal(&writer->arrived);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    db_close(writer->db);
    pthread_mutex_destroy(&writer->lock);
    pthread_cond_destroy(&writer->arrived);
    free(writer);
}

void writer_add_hooks(struct writer *writer, const struct writer_hooks *hooks)
{
    if (writer->hook_count == HOOKS_MAX)
        abort();
    writer->hooks[writer->hook_count++] = *hooks;
}

enum status writer_run(struct writer *writer, operation run, void *argument,
                       struct stage **stages, size_t stage_count, struct error *err)
{
    struct write write = {.run = run, .argument = argument, .stages = stages,
                          .stage_count = stage_count, .err = err};

    if (writer_is_read_only(writer))
        return fail(err, STATUS_READ_ONLY, "read-only", "writing has stopped: a flush of the disk failed");
    pthread_cond_init(&write.done, NULL);
    pthread_mutex_lock(&writer->lock);
    if (writer->is_stopping || writer->queued >= writer->options.queue_max) {
        write.rc = fail(err, STATUS_BUSY, "busy", "too many writes are waiting");
    } else {
        *writer->last = &write;
        writer->last = &write.next;
        writer->queued++;
        pthread_cond_signal(&writer->arrived);
        while (!write.is_done)
            pthread_cond_wait(&write.done, &writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_destroy(&write.done);
    return write.rc;
}

bool writer_is_read_only(const struct writer *writer)
{
    /* An upload whose flush failed never comes to the writer, and ends writing all the same. */
    return atomic_load(&writer->is_read_only) || blob_store_flush_failed(writer->blobs);
}

void writer_stats(struct writer *writer, struct writer_stats *out)
{
    out->operations = atomic_load(&writer->operations);
    out->groups = atomic_load(&writer->groups);
    out->failures = atomic_load(&writer->failures);
    out->largest_group = atomic_load(&writer->largest_group);
    pthread_mutex_lock(&writer->lock);
    out->queued = writer->queued;
    pthread_mutex_unlock(&writer->lock);
}
