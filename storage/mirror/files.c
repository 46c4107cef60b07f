#include "storage/mirror/files.h"

#include "storage/memory/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAILED_MAX = 10000 };

struct file_table {
    struct mirror_file *buckets[BUCKETS];
    struct mirror_file *first_failed, **last_failed;
    size_t failed;
};

struct file_table *file_table_new(void)
{
    struct file_table *table = calloc(1, sizeof *table);

    if (!table) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    table->last_failed = &table->first_failed;
    return table;
}

static struct mirror_file **bucket_of(struct file_table *table, const struct mirror_wish *wish)
{
    return &table->buckets[mirror_bucket(wish->upstream->id, wish->name_norm, wish->file)];
}

static void unlist(struct file_table *table, struct mirror_file *file)
{
    struct mirror_file **link = bucket_of(table, &file->wish);

    if (!file->is_listed)
        return;
    while (*link != file)
        link = &(*link)->next;
    *link = file->next;
    file->is_listed = false;
    file_drop(file);
}

/* What failed first, once its time is over. */
static void forget_failed(struct file_table *table, int64_t now_us)
{
    struct mirror_file *file;

    while ((file = table->first_failed) &&
           (file->failed_until_us <= now_us || table->failed > FAILED_MAX)) {
        if (!(table->first_failed = file->next_failed))
            table->last_failed = &table->first_failed;
        table->failed--;
        unlist(table, file);
        file_drop(file);
    }
}

void file_table_free(struct file_table *table)
{
    forget_failed(table, INT64_MAX);
    for (size_t i = 0; i < BUCKETS; i++)
        while (table->buckets[i])
            unlist(table, table->buckets[i]);
    free(table);
}

struct mirror_file *file_table_find(struct file_table *table, const struct mirror_wish *wish,
                                    int64_t now_us)
{
    struct mirror_file *file;

    forget_failed(table, now_us);
    for (file = *bucket_of(table, wish); file; file = file->next)
        if (file->wish.upstream->id == wish->upstream->id &&
            !strcmp(file->wish.name_norm, wish->name_norm) && !strcmp(file->wish.file, wish->file))
            break;
    return file;
}

void file_table_add(struct file_table *table, struct mirror_file *file)
{
    struct mirror_file **bucket = bucket_of(table, &file->wish);

    file->next = *bucket;
    *bucket = file;
    file->is_listed = true;
    file->references++;
}

void file_table_remove(struct file_table *table, struct mirror_file *file)
{
    unlist(table, file);
}

void file_table_remember(struct file_table *table, struct mirror_file *file, int64_t until_us)
{
    if (!file->is_listed)
        return;
    file->failed_until_us = until_us;
    file->next_failed = NULL;
    file->references++;
    *table->last_failed = file;
    table->last_failed = &file->next_failed;
    table->failed++;
}

void file_table_forget(struct mirror *mirror, int64_t upstream_id)
{
    struct file_table *table = mirror->files;

    for (struct mirror_file *file = table->first_failed; file; file = file->next_failed)
        if (file->upstream.id == upstream_id)
            unlist(table, file);
}

static struct first_asker copy_asker(const struct first_asker *asker, struct arena *arena)
{
    return (struct first_asker){
        .name = arena_copy(arena, asker->name),
        .peer = arena_copy(arena, asker->peer),
        .request_id = arena_copy(arena, asker->request_id),
        .token_id = asker->token_id,
        .org = arena_copy(arena, asker->org),
        .repository = arena_copy(arena, asker->repository),
    };
}

struct mirror_file *file_new(struct mirror *mirror, struct mirror_upstream *home,
                             const struct mirror_wish *wish)
{
    struct arena *arena = arena_new();
    struct mirror_file *file = arena_alloc(arena, sizeof *file);

    file->mirror = mirror;
    file->home = home;
    file->arena = arena;
    file->upstream = mirror_copy_upstream(wish->upstream, arena);
    file->wish = *wish;
    file->wish.upstream = &file->upstream;
    file->wish.name = arena_copy(arena, wish->name);
    file->wish.name_norm = arena_copy(arena, wish->name_norm);
    file->wish.version = arena_copy(arena, wish->version);
    file->wish.file = arena_copy(arena, wish->file);
    file->wish.url = arena_copy(arena, wish->url);
    file->wish.meta = arena_copy(arena, wish->meta);
    file->wish.asker = copy_asker(&wish->asker, arena);
    file->wish.sort_key = arena_copy_bytes(arena, wish->sort_key, wish->sort_key_length);
    if (wish->context_size)
        file->wish.context = arena_copy_bytes(arena, wish->context, wish->context_size);
    if (!owner_fold_name(wish->upstream->format, file->wish.name_norm, arena, &file->name_fold))
        file->name_fold = file->wish.name_norm; /* the walk asks for no such name */
    file->expected = wish->expected;
    file->expected_size = wish->size;
    file->size = -1;
    file->fd = -1;
    pthread_cond_init(&file->moved, NULL);
    return file;
}

void file_let_go_of_stage(struct mirror_file *file)
{
    if (!file->has_failed || file->readers)
        return;
    stage_close(file->stage);
    file->stage = NULL;
}

void file_drop(struct mirror_file *file)
{
    if (--file->references)
        return;
    stage_close(file->stage);
    stage_close(file->sidecar);
    if (file->fd >= 0)
        close(file->fd);
    pthread_cond_destroy(&file->moved);
    arena_free(file->arena);
}
