#include "server/civetweb_shim.h"

#include "server/watchdog.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
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
    bool is_known, is_handling;
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
    bool is_connection = count == 1 && fds->events & POLLIN && !worker.is_handling && watchdog;
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

ssize_t recv(int fd, void *buffer, size_t size, int flags)
{
    ssize_t got;

    if (!libc_recv)
        find_libc();
    got = libc_recv(fd, buffer, size, flags);
    worker.received += got > 0 ? (size_t)got : 0;
    if (got > 0 && !worker.is_handling)
        worker.received_end = (const char *)buffer + got;
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
    if (watchdog_accepted(watchdog, fd))
        return fd;
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
    worker.is_known = false;
    worker.received = 0;
    worker.received_end = NULL;
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

void civetweb_shim_enter(void)
{
    worker.is_handling = true;
}

void civetweb_shim_leave(void)
{
    worker.is_handling = false;
    worker.received = 0;
    worker.received_end = NULL;
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
