/* Attempts on their way: the fetcher's door to libcurl. For one thread, but multi_wake(). */
#pragma once
#include "storage/remote/transfer.h"

struct multi;

struct multi *multi_open(const struct fetcher_options *options, struct error *err);
void multi_close(struct multi *multi); /* all attempts must have been dropped */

/* Begins an attempt, after transfer_begin(). false: this machine could not. */
bool multi_begin(struct multi *multi, struct transfer *transfer);
/* Moves what is ready, calling the transfers. */
void multi_move(struct multi *multi);
/* The next attempt that has ended, and is dropped with that; NULL: none. */
struct transfer *multi_next(struct multi *multi, enum attempt_end *end);
/* Breaks an attempt off. */
void multi_drop(struct multi *multi, struct transfer *transfer);
/* Waits until something can move, for timeout_ms, or for multi_wake(). */
void multi_wait(struct multi *multi, int64_t timeout_ms);
void multi_wake(struct multi *multi); /* from any thread */
