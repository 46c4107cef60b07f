/* Things that are noted often and written down in batches: counted in memory by their key, bounded,
 * without a query. Shared by all threads; locked inside. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct noted;
struct transaction;
struct writer;

enum { NOTE_KEY_MAX = 1024 };

struct note {
    struct note *next;
    int64_t times, last_us;
    const void *key, *value;
    size_t key_length, value_length;
};

/* Holds at most that many notes, and bytes of them. */
struct noted *noted_new(size_t most, size_t bytes_most); /* NULL: out of memory */
void noted_free(struct noted *noted);                    /* NULL does nothing */

/* Adds one to the note of this key; the last value is kept. What finds no room is not noted. */
void noted_add(struct noted *noted, const void *key, size_t key_length, const void *value,
               size_t value_length, int64_t now_us);
/* Calls wake, from a thread that notes, when half of the room is used: it must not wait, nor note. */
void noted_on_half_full(struct noted *noted, void (*wake)(void *context), void *context);

size_t noted_count(struct noted *noted);
/* Takes all that was noted and writes it with an operation that is given the first of a list, and writes
 * at most batch of them. What could not be written is noted still, where there is room. */
enum status notes_write(struct noted *noted, struct writer *writer,
                        enum status (*run)(struct transaction *tx, void *first, struct error *err),
                        size_t batch, struct error *err);
