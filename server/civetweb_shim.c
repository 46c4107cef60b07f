#include "server/civetweb_shim.h"

#include "server/civetweb_workers.h"
#include "server/watchdog.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_BYTES = 512 * 1024 };

static struct watchdog *_Atomic watched;
static atomic_int listening = -1;   /* the descriptor that the library accepts from */
static atomic_int replacement = -1; /* what is to take its place */

/* What this thread knows of the connection it serves. */
static _Thread_local struct {
    int fd;
    size_t received;
    const char *received_end;
    const char *chunk; /* where the first bytes since the last request were put; NULL: none came */
    const char *line_end; /* the first LF from there on */
    bool is_known, is_handling;
    bool is_unclean; /* what came behind a head had line ends that no head may have */
} worker;

static int (*libc_poll)(struct pollfd *, nfds_t, int);
static ssize_t (*libc_recv)(int, void *, size_t, int);
static int (*libc_setstacksize)(pthread_attr_t *, size_t);

/* Sanitizers and fault injectors stand between us and libc, and are not to be passed by: hence the
 * next symbol, not the system call. They may poll before constructors have run. */
static void find_libc(void)
{
    *(void **)&libc_setstacksize = dlsym(RTLD_NEXT, "pthread_attr_setstacksize");
    *(void **)&libc_recv = dlsym(RTLD_NEXT, "recv");
    *(void **)&libc_poll = dlsym(RTLD_NEXT, "poll");
}

__attribute__((constructor)) static void find_libc_early(void)
{
    find_libc();
}

/* glibc declares that poll() only writes to fds, which is not so. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct watchdog *watchdog = atomic_load_explicit(&watched, memory_order_acquire);
    bool is_connection = count == 1 && fds->events & POLLIN && !worker.is_handling && watchdog &&
                         civetweb_workers_is_one();
    int ready;

    if (!libc_poll)
        find_libc();
    if (!is_connection)
        return libc_poll(fds, count, timeout_ms);
    worker.fd = fds->fd;
    worker.is_known = true;
    watchdog_waiting(watchdog, fds->fd);
    ready = libc_poll(fds, count, timeout_ms);
    if (ready > 0)
        watchdog_arrived(watchdog, fds->fd);
    return ready;
}

/* Every CR with its LF, and no line that begins with a blank. */
static bool is_clean(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] == '\r' ? i + 1 < count && bytes[i + 1] != '\n'
                             : bytes[i] == '\n' && (!i || bytes[i - 1] != '\r' ||
                                                    (i + 1 < count && bytes[i + 1] == ' ')))
            return false;
    return true;
}

/* The bytes are looked at before the library cuts them. Where the next request's head stands behind
 * this one's is not known yet, for a body may come first. */
static void note_received(const char *bytes, size_t count)
{
    const char *at = bytes, *end = bytes + count, *rest = memmem(bytes, count, "\r\n\r\n", 4);

    if (!worker.chunk) {
        worker.chunk = bytes;
        while (at < end && (*at == '\r' || *at == '\n'))
            at++; /* RFC 9112 2.2: an empty line before a request is passed over */
    }
    if (!worker.line_end)
        worker.line_end = memchr(at, '\n', (size_t)(end - at));
    if (rest && !is_clean(rest + 4, (size_t)(end - rest - 4)))
        worker.is_unclean = true;
}

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    ssize_t got;

    if (!libc_recv)
        find_libc();
    got = libc_recv(fd, buffer, size, flags);
    if (got > 0 && !worker.is_handling && civetweb_workers_is_one()) {
        worker.received += (size_t)got;
        worker.received_end = (const char *)buffer + got;
        note_received(buffer, (size_t)got);
    }
    return got;
}

int accept(int listener, struct sockaddr *restrict address, socklen_t *restrict length)
{
    struct watchdog *watchdog = atomic_load(&watched);
    int idle = watchdog ? atomic_exchange(&replacement, -1) : -1, fd;

    if (idle >= 0) {
        dup3(idle, listener, O_CLOEXEC);
        errno = EAGAIN;
        return -1;
    }
    fd = accept4(listener, address, length, watchdog ? SOCK_CLOEXEC | SOCK_NONBLOCK : 0);
    if (fd < 0 || !watchdog)
        return fd;
    atomic_store(&listening, listener);
    if (watchdog_accepted(watchdog, fd)) {
        civetweb_workers_suffice(watchdog_open(watchdog));
        return fd;
    }
    close(fd);
    errno = EMFILE;
    return -1;
}

int pthread_attr_setstacksize(pthread_attr_t *attributes, size_t size)
{
    if (!libc_setstacksize)
        find_libc();
    return libc_setstacksize(attributes, size < STACK_BYTES ? STACK_BYTES : size);
}

void civetweb_shim_attach(struct watchdog *watchdog)
{
    atomic_store(&listening, -1);
    atomic_store(&replacement, -1);
    atomic_store(&watched, watchdog);
}

void civetweb_shim_connection_begins(void)
{
    worker.is_known = worker.is_unclean = false;
    civetweb_shim_leave();
}

int civetweb_shim_socket(void)
{
    return worker.is_known ? worker.fd : -1;
}

size_t civetweb_shim_received(void)
{
    return worker.received;
}

const char *civetweb_shim_received_end(void)
{
    return worker.received_end;
}

bool civetweb_shim_had_crlf(const char *at)
{
    if (worker.chunk && at + 1 >= worker.chunk)
        return worker.line_end == at + 1;
    return !worker.is_unclean; /* it came with an earlier request, and has been moved since */
}

void civetweb_shim_enter(void)
{
    worker.is_handling = true;
}

void civetweb_shim_leave(void)
{
    worker.is_handling = false;
    worker.received = 0;
    worker.chunk = worker.line_end = worker.received_end = NULL;
}

void civetweb_shim_stop_accepting(int idle)
{
    int listener = atomic_load(&listening);

    if (listener < 0)
        return;
    /* Only the thread that sleeps on the descriptor exchanges it: it would not notice another's. */
    atomic_store(&replacement, idle);
    shutdown(listener, SHUT_RDWR);
}

bool civetweb_shim_accepts(void)
{
    return atomic_load(&listening) >= 0;
}

bool civetweb_shim_has_stack(void)
{
    pthread_attr_t attributes;
    void *base;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attributes))
        return false;
    pthread_attr_getstack(&attributes, &base, &size);
    pthread_attr_destroy(&attributes);
    return size >= STACK_BYTES;
}
