#include "storage/mirror/documents.h"

#include "storage/memory/arena.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHARGE_MAX = 16 << 20, ENTRIES_MAX = 20000, ABSENT_FIRST_US = 60000000 };

struct document_table {
    struct entry *buckets[BUCKETS];
    struct entry *newest, *oldest;
    size_t count, charge;
};

static void *or_abort(void *memory)
{
    if (!memory) {
        fputs("packhouse: out of memory\n", stderr);
        abort();
    }
    return memory;
}

struct document_table *document_table_new(void)
{
    return or_abort(calloc(1, sizeof(struct document_table)));
}

static void unlink_use(struct document_table *table, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &table->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &table->oldest) = entry->newer;
}

static void link_newest(struct document_table *table, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = table->newest;
    *(table->newest ? &table->newest->newer : &table->oldest) = entry;
    table->newest = entry;
}

static void remove_entry(struct document_table *table, struct entry *entry)
{
    struct entry **link = &table->buckets[mirror_bucket(entry->upstream_id, entry->name_norm, NULL)];

    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    unlink_use(table, entry);
    entry_set_document(table, entry, NULL);
    table->count--;
    free(entry->name_norm);
    free(entry);
}

void document_table_free(struct document_table *table)
{
    while (table->oldest)
        remove_entry(table, table->oldest);
    free(table);
}

/* A document whose rows are still to be written is held by its fill, and must stay to be seen. */
static bool is_idle(const struct entry *entry)
{
    return !entry->users && !entry->flight && (!entry->document || entry->document->references == 1);
}

static void make_room(struct document_table *table)
{
    size_t looks = 64; /* those in use stay; there are not many */

    for (struct entry *entry = table->oldest, *newer; entry && looks; entry = newer, looks--) {
        if (table->count <= ENTRIES_MAX && table->charge <= CHARGE_MAX)
            return;
        newer = entry->newer;
        if (is_idle(entry))
            remove_entry(table, entry);
    }
}

struct entry *document_table_use(struct document_table *table, int64_t upstream_id,
                                 const char *name_norm)
{
    struct entry **bucket = &table->buckets[mirror_bucket(upstream_id, name_norm, NULL)];
    struct entry *entry = *bucket;

    while (entry && (entry->upstream_id != upstream_id || strcmp(entry->name_norm, name_norm)))
        entry = entry->next;
    if (entry) {
        unlink_use(table, entry);
    } else {
        make_room(table);
        entry = or_abort(calloc(1, sizeof *entry));
        entry->upstream_id = upstream_id;
        entry->name_norm = or_abort(strdup(name_norm));
        entry->absent_for_us = ABSENT_FIRST_US;
        entry->next = *bucket;
        *bucket = entry;
        table->count++;
    }
    link_newest(table, entry);
    return entry;
}

/* Rows are read anew, so that what was removed with its upstream is not served from here. */
void document_table_forget(struct document_table *table, int64_t upstream_id)
{
    for (struct entry *entry = table->newest; entry; entry = entry->older)
        if (entry->upstream_id == upstream_id) {
            entry->absent_until_us = entry->retry_us = 0;
            entry->absent_for_us = ABSENT_FIRST_US;
            if (entry->document)
                atomic_store(&entry->document->shown.fresh_until_us, 0);
            if (entry->document && entry->document->references == 1) {
                entry_set_document(table, entry, NULL);
                entry->is_loaded = false;
            }
        }
}

void entry_set_document(struct document_table *table, struct entry *entry,
                        struct kept_document *document)
{
    if (entry->document) {
        table->charge -= entry->document->charge;
        kept_document_drop(entry->document);
    }
    entry->document = document;
    if (document)
        table->charge += document->charge;
}

struct kept_document *kept_document_new(struct mirror *mirror, const struct upstream *upstream,
                              const char *name, const char *name_norm)
{
    struct arena *arena = arena_new();
    struct kept_document *document = arena_alloc(arena, sizeof *document);

    document->mirror = mirror;
    document->arena = arena;
    document->upstream = mirror_copy_upstream(upstream, arena);
    document->shown.name = arena_copy(arena, name);
    document->name_norm = arena_copy(arena, name_norm);
    if (!owner_fold_name(upstream->format, document->name_norm, arena, &document->name_fold))
        document->name_fold = document->name_norm; /* the walk asks for no such name */
    document->references = 1;
    return document;
}

void kept_document_show(struct kept_document *document)
{
    const struct upstream_document *row = &document->row;

    document->shown.content_type = row->content_type;
    document->shown.url = row->url;
    document->shown.size = row->size;
    document->shown.generation = (uint64_t)row->generation;
    document->shown.fetched_us = row->fetched_us;
    atomic_store(&document->shown.fresh_until_us,
                 row->checked_us + document->mirror->options.fresh_us);
    document->charge = sizeof *document + 2048 + (row->body ? (size_t)row->size : 0);
}

struct kept_document *kept_document_hold(struct kept_document *document)
{
    document->references++;
    return document;
}

void kept_document_drop(struct kept_document *document)
{
    if (!document || --document->references)
        return;
    plain_remove(document->mirror->plains, document);
    stage_close(document->stage);
    arena_free(document->arena);
}
