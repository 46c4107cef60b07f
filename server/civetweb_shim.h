/* What the HTTP library does not tell: which socket a worker serves, and when bytes arrive on it.
 *
 * libcivetweb calls poll(), recv(), accept() and pthread_attr_setstacksize() through its procedure
 * linkage table, so functions of these names in the executable win over libc's (ELF symbol
 * interposition). As packaged (1.15, 1.16) the library offers no access to the socket, which
 * sendfile(2), time limits and eviction need; leaves accepted sockets open to exec; and gives its
 * threads 100 KiB of stack, where a deep call tree runs into a neighbour. The four functions here
 * mend that while a listener runs, and otherwise do what libc does. The listener's test and its
 * check at start prove that the library behaves so; where it does not, the listener says so and
 * goes on without. Only civetweb_workers.h does the like. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct watchdog;

/* From now on accepted sockets and arriving bytes are told to this watchdog; NULL: to nobody. One
 * listener in a process at a time. */
void civetweb_shim_attach(struct watchdog *watchdog);

/* A worker takes up a new connection: what this thread knew is forgotten. */
void civetweb_shim_connection_begins(void);
/* The socket that this thread last waited on, -1 for none. Only a guess until its peer is checked.
 */
int civetweb_shim_socket(void);
/* Bytes that this thread has received since its connection began, or since the last request. */
size_t civetweb_shim_received(void);
/* Where the last of them ended in the library's buffer: so much of a body has come along with its
 * head. NULL where nothing was received for this request, which had come along with the last one.
 */
const char *civetweb_shim_received_end(void);
/* Whether CRLF stood at this place of the library's buffer, where it has cut a request line off:
 * with the line's end it cuts any blank behind it, so that a line which others ignore becomes a
 * field. */
bool civetweb_shim_had_crlf(const char *at);
/* Between these two, the thread's waiting is the handler's own and says nothing of the connection.
 */
void civetweb_shim_enter(void);
void civetweb_shim_leave(void);

/* Closes the listening socket: idle takes its place under its number, for the library goes on
 * sleeping there until that becomes readable. Does nothing where accept() was never seen. */
void civetweb_shim_stop_accepting(int idle);
/* Whether a socket has come through our accept() since the last attach. */
bool civetweb_shim_accepts(void);
/* Whether threads made by the library have our stack size: asked on such a thread. */
bool civetweb_shim_has_stack(void);
