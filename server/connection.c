#include "server/connection.h"

#include "config/clock.h"
#include "server/watchdog.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EARLY_MAX = 256 * 1024, WAIT_MS = 1000 };
enum { LINGER_MS = 2000, LINGER_BYTES = 1024 * 1024, COPY_BYTES = 256 * 1024 };

static int unsent(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) ? 0 : bytes;
}

/* The kernel calls a socket writable only when a third of its buffer is free, which a slow client
 * may take long for: what counts is whether it takes anything. */
static bool wait_writable(const struct connection *connection)
{
    struct pollfd waiting = {.fd = connection->fd, .events = POLLOUT};
    int before, after = unsent(connection->fd), ready;

    do {
        before = after;
        ready = poll(&waiting, 1, (int)connection->send_timeout_ms);
        after = unsent(connection->fd);
    } while ((ready < 0 && errno == EINTR) || (ready == 0 && after < before));
    return ready > 0 && !(waiting.revents & (POLLERR | POLLHUP));
}

/* After a call that sent nothing: whether to try again. */
static bool may_go_on(const struct connection *connection)
{
    return errno == EINTR || (errno == EAGAIN && wait_writable(connection));
}

static bool send_pieces(const struct connection *connection, struct iovec *pieces, size_t count,
                        int flags)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};

    while (message.msg_iovlen) {
        ssize_t sent = sendmsg(connection->fd, &message, MSG_NOSIGNAL | flags);

        if (sent < 0 && !may_go_on(connection))
            return false;
        while (sent > 0 || (message.msg_iovlen && !message.msg_iov->iov_len)) {
            struct iovec *first = message.msg_iov;
            size_t step = (size_t)sent < first->iov_len ? (size_t)sent : first->iov_len;

            first->iov_base = (char *)first->iov_base + step;
            first->iov_len -= step;
            sent -= (ssize_t)step;
            if (first->iov_len)
                break;
            message.msg_iov++;
            message.msg_iovlen--;
        }
    }
    return true;
}

bool connection_send(struct connection *connection, const void *head, size_t head_length,
                     const void *body, size_t body_length)
{
    struct iovec pieces[] = {
        {(void *)head, head_length},
        {(void *)body, body_length}
    };

    if (connection->fd < 0)
        return connection->write(connection->library, head, head_length) &&
               (!body_length || connection->write(connection->library, body, body_length));
    return send_pieces(connection, pieces, body_length ? 2 : 1, 0);
}

/* Where there is no socket to sendfile() to, or no file to sendfile() from. */
static bool copy_file(struct connection *connection, int file, int64_t offset, int64_t length)
{
    char *buffer = malloc(COPY_BYTES);
    bool is_sent = buffer != NULL;

    while (is_sent && length) {
        size_t wanted = length < COPY_BYTES ? (size_t)length : COPY_BYTES;
        ssize_t got = pread(file, buffer, wanted, offset);

        is_sent = got > 0 && connection_send(connection, buffer, (size_t)got, NULL, 0);
        offset += got;
        length -= got;
    }
    free(buffer);
    return is_sent;
}

bool connection_send_file(struct connection *connection, const void *head, size_t head_length,
                          int file, int64_t offset, int64_t length)
{
    struct iovec piece = {(void *)head, head_length};
    off_t at = offset;

    if (!length)
        return connection_send(connection, head, head_length, NULL, 0);
    if (connection->fd < 0)
        return connection_send(connection, head, head_length, NULL, 0) &&
               copy_file(connection, file, offset, length);
    if (head_length && !send_pieces(connection, &piece, 1, MSG_MORE))
        return false;
    while (length) {
        ssize_t sent = sendfile(connection->fd, file, &at,
                                length < 1 << 30 ? (size_t)length : (size_t)1 << 30);

        if (sent < 0 && (errno == EINVAL || errno == ENOSYS))
            return copy_file(connection, file, at, length);
        if (sent == 0 || (sent < 0 && !may_go_on(connection)))
            return false;
        length -= sent > 0 ? sent : 0;
    }
    return true;
}

bool connection_take_over(struct connection *connection, const char *behind_head)
{
    uintptr_t start = (uintptr_t)behind_head, end = (uintptr_t)connection->received_end;

    if (connection->fd < 0 || !behind_head || end < start || end - start > EARLY_MAX)
        return false;
    connection->early = behind_head;
    connection->early_length = end - start;
    return true;
}

int connection_receive(struct connection *connection, void *buffer, size_t size)
{
    struct pollfd waiting = {.fd = connection->fd, .events = POLLIN};

    if (connection->early_length) {
        size = size < connection->early_length ? size : connection->early_length;
        memcpy(buffer, connection->early, size);
        connection->early += size;
        connection->early_length -= size;
        return (int)size;
    }
    for (;;) { /* the watchdog ends it */
        ssize_t got = recv(connection->fd, buffer, size, 0);

        if (got >= 0)
            return (int)got;
        if (errno != EAGAIN && errno != EINTR)
            return -1;
        poll(&waiting, 1, WAIT_MS);
    }
}

bool connection_is_at_end(const struct connection *connection)
{
    char byte;

    if (connection->fd < 0 || watchdog_expired(connection->watchdog, connection->fd))
        return true;
    return recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 ||
           (errno != EAGAIN && errno != EINTR);
}

void connection_linger(struct connection *connection)
{
    struct pollfd waiting = {.fd = connection->fd, .events = POLLIN};
    int64_t end_ms = clock_monotonic_ms() + LINGER_MS, left_ms = LINGER_MS;
    char dropped[8192];
    ssize_t total = 0, got = 1;

    if (connection->fd < 0)
        return;
    shutdown(connection->fd, SHUT_WR);
    while (got && total < LINGER_BYTES && left_ms > 0) {
        got = recv(connection->fd, dropped, sizeof dropped, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            break;
        if (got < 0 && poll(&waiting, 1, (int)left_ms) <= 0)
            break;
        total += got > 0 ? got : 0;
        left_ms = end_ms - clock_monotonic_ms();
    }
    shutdown(connection->fd, SHUT_RDWR);
}

void connection_cut(struct connection *connection)
{
    if (connection->fd >= 0)
        shutdown(connection->fd, SHUT_RDWR);
}
