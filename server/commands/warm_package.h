/* Asks a Packhouse server for a package, so that the server has it: its document and the files of
 * its versions. Goes to no other server, whatever a lockfile or a document names. */
#pragma once
#include "server/commands/warm_list.h"
#include <stdatomic.h>
#include <stdint.h>

/* Of all packages and threads. */
struct warm_server {
    const char *url, *token, *org, *repo; /* url without a final slash; token may be "" */
    _Atomic int64_t bytes;                /* that have come */
    atomic_bool is_stopping;              /* asks for nothing more */
};

struct warm_asker;
/* One thread's; NULL: out of memory. */
struct warm_asker *warm_asker_new(struct warm_server *server);
void warm_asker_free(struct warm_asker *asker);

/* Fills in each version's failure. Anything but STATUS_OK is no failure of the package's, and would
 * meet the next one as well: STATUS_UNAUTHENTICATED, or STATUS_BUSY (the server cannot be reached).
 */
enum status warm_package(struct warm_asker *asker, struct warm_package *package, struct error *err);
