/* Workers are made when connections need them, not all at the start: a thousand threads cost 70 ms
 * and 20 MB before anybody has asked for anything.
 *
 * As packaged (1.15, 1.16) the library makes all of its workers in mg_start2(), and the thread that
 * accepts behind them. pthread_create() and pthread_join() of the executable win over libc's, as in
 * civetweb_shim.h: while the library starts, workers beyond the first few are written down instead,
 * with no thread of theirs, which the library takes for one that it need not join. They are made as
 * connections are accepted, and joined within mg_stop(), before it frees what they work with. Where
 * the library's calls do not come here, it has made them all itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Around mg_start2(), on its thread: of so many workers at most all but a few are put off. */
void civetweb_workers_hold(size_t workers);
void civetweb_workers_held(void);
/* Makes so many that they suffice for so many open connections and some more. Cheap where they are
 * there. Called by the thread that accepts. */
void civetweb_workers_suffice(size_t connections);
/* Around mg_stop(), on its thread. */
void civetweb_workers_stop(void);
void civetweb_workers_stopped(void);
/* Whether this thread is one of the library's. */
bool civetweb_workers_is_one(void);
