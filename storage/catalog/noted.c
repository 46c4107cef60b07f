#include "storage/catalog/noted.h"

#include "storage/catalog/writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct noted {
    pthread_mutex_t lock;
    struct note **slots;
    size_t slot_count, count, most, bytes, bytes_most;
    bool has_woken; /* since it was taken last */
    void (*wake)(void *context);
    void *wake_context;
};

struct noted *noted_new(size_t most, size_t bytes_most)
{
    struct noted *noted = calloc(1, sizeof *noted);
    size_t slots = 1;

    while (slots < most)
        slots *= 2;
    if (!noted || !(noted->slots = calloc(slots, sizeof *noted->slots))) {
        free(noted);
        return NULL;
    }
    noted->slot_count = slots;
    noted->most = most;
    noted->bytes_most = bytes_most;
    pthread_mutex_init(&noted->lock, NULL);
    return noted;
}

static void notes_free(struct note *notes)
{
    for (struct note *note = notes, *next; note; note = next) {
        next = note->next;
        free(note);
    }
}

void noted_free(struct noted *noted)
{
    if (!noted)
        return;
    for (size_t i = 0; i < noted->slot_count; i++)
        notes_free(noted->slots[i]);
    pthread_mutex_destroy(&noted->lock);
    free(noted->slots);
    free(noted);
}

void noted_on_half_full(struct noted *noted, void (*wake)(void *context), void *context)
{
    pthread_mutex_lock(&noted->lock);
    noted->wake = wake;
    noted->wake_context = context;
    pthread_mutex_unlock(&noted->lock);
}

/* FNV-1a; keys are names and numbers of ours, and what collides shares a slot. */
static uint64_t hash_of(const void *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static size_t size_of(const struct note *note)
{
    return sizeof *note + note->key_length + note->value_length;
}

static struct note *make_note(const void *key, size_t key_length, const void *value,
                              size_t value_length)
{
    struct note *note = malloc(sizeof *note + key_length + value_length);
    char *bytes = (char *)(note + 1);

    if (!note)
        return NULL;
    memcpy(bytes, key, key_length);
    if (value_length)
        memcpy(bytes + key_length, value, value_length);
    *note = (struct note){.key = bytes,
                          .value = bytes + key_length,
                          .key_length = key_length,
                          .value_length = value_length};
    return note;
}

/* Where the note of the key is, or would be. Called with the lock. */
static struct note **find(struct noted *noted, const void *key, size_t key_length)
{
    struct note **at = &noted->slots[hash_of(key, key_length) & (noted->slot_count - 1)];

    while (*at && ((*at)->key_length != key_length || memcmp((*at)->key, key, key_length) != 0))
        at = &(*at)->next;
    return at;
}

static bool has_room(const struct noted *noted, const struct note *note)
{
    return noted->count < noted->most && size_of(note) <= noted->bytes_most - noted->bytes;
}

static void count_in(struct noted *noted, const struct note *note)
{
    noted->count++;
    noted->bytes += size_of(note);
}

static void count_out(struct noted *noted, const struct note *note)
{
    noted->count--;
    noted->bytes -= size_of(note);
}

/* Another value for a key takes the place of the old one. Called with the lock. */
static struct note *renew(struct noted *noted, struct note **at, const void *value, size_t value_length)
{
    struct note *old = *at, *fresh;

    if (old->value_length == value_length && !memcmp(old->value, value, value_length))
        return old;
    if (!(fresh = make_note(old->key, old->key_length, value, value_length)))
        return old;
    count_out(noted, old);
    if (!has_room(noted, fresh)) {
        count_in(noted, old);
        free(fresh);
        return old;
    }
    fresh->times = old->times;
    fresh->next = old->next;
    *at = fresh;
    count_in(noted, fresh);
    free(old);
    return fresh;
}

void noted_add(struct noted *noted, const void *key, size_t key_length, const void *value,
               size_t value_length, int64_t now_us)
{
    struct note **at, *note;

    pthread_mutex_lock(&noted->lock);
    at = find(noted, key, key_length);
    if (*at) {
        note = renew(noted, at, value, value_length);
    } else if ((note = make_note(key, key_length, value, value_length)) && has_room(noted, note)) {
        *at = note;
        count_in(noted, note);
    } else {
        free(note);
        note = NULL;
    }
    if (note) {
        note->times++;
        note->last_us = now_us;
    }
    if (!noted->has_woken &&
        (noted->count >= noted->most / 2 || noted->bytes >= noted->bytes_most / 2)) {
        noted->has_woken = true;
        if (noted->wake)
            noted->wake(noted->wake_context);
    }
    pthread_mutex_unlock(&noted->lock);
}

size_t noted_count(struct noted *noted)
{
    size_t count;

    pthread_mutex_lock(&noted->lock);
    count = noted->count;
    pthread_mutex_unlock(&noted->lock);
    return count;
}

static struct note *take_all(struct noted *noted)
{
    struct note *all = NULL;

    pthread_mutex_lock(&noted->lock);
    for (size_t i = 0; noted->count && i < noted->slot_count; i++)
        while (noted->slots[i]) {
            struct note *note = noted->slots[i];

            noted->slots[i] = note->next;
            count_out(noted, note);
            note->next = all;
            all = note;
        }
    noted->has_woken = false;
    pthread_mutex_unlock(&noted->lock);
    return all;
}

static void put_back(struct noted *noted, struct note *notes)
{
    pthread_mutex_lock(&noted->lock);
    noted->has_woken |= notes != NULL; /* it is tried again when its time comes, not at each note */
    for (struct note *note = notes, *next; note; note = next) {
        struct note **at = find(noted, note->key, note->key_length);

        next = note->next;
        if (*at) { /* noted again meanwhile, so that one has the newer value */
            (*at)->times += note->times;
            free(note);
        } else if (has_room(noted, note)) {
            note->next = NULL;
            *at = note;
            count_in(noted, note);
        } else {
            free(note);
        }
    }
    pthread_mutex_unlock(&noted->lock);
}

enum status notes_write(struct noted *noted, struct writer *writer,
                        enum status (*run)(struct transaction *tx, void *first, struct error *err),
                        size_t batch, struct error *err)
{
    struct note *notes = take_all(noted);
    enum status rc = STATUS_OK;

    while (notes && !(rc = writer_run(writer, run, notes, NULL, 0, err)))
        for (size_t i = 0; notes && i < batch; i++) {
            struct note *written = notes;

            notes = notes->next;
            free(written);
        }
    put_back(noted, notes);
    return rc;
}
