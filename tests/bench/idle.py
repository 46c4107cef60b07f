"""Memory without work, and with a thousand connections that do nothing."""

import contextlib
import resource
import socket
import time

import engines

CONNECTIONS = 1000


def open_connections(stack, port, path, count):
    """Each has had one answer, so that it is a keep-alive connection at rest."""
    sockets = []
    for _ in range(count):
        sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = sock.recv(65536)
            if not piece:
                raise SystemExit("bench: an idle connection was closed")
            answer += piece
        sockets.append(sock)
    return sockets


def still_open(sockets):
    """A closed one would read as an end; one at rest has nothing to say."""
    count = 0
    for sock in sockets:
        sock.setblocking(False)
        try:
            sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            count += 1
    return count


def measure(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    server = engines.Server(folder / "idle")
    nginx = engines.Nginx(folder / "idle-nginx")
    nginx.add("page", b"hello\n", "text/plain")
    nginx.start()
    try:
        result = {}
        for count, key in ((0, "idle"), (CONNECTIONS, "connected")):
            with contextlib.ExitStack() as stack:
                ours = open_connections(stack, server.port, "/-/livez", count)
                theirs = open_connections(stack, nginx.port, "/page", count)
                time.sleep(1)
                result[key] = (engines.memory_mib(nginx.pids()),
                               engines.memory_mib([server.pid], "Rss"))
                for name, sockets in (("Packhouse", ours), ("nginx", theirs)):
                    if still_open(sockets) != count:
                        raise SystemExit(f"bench: {name} kept {still_open(sockets)} of {count} connections")
        return result
    finally:
        nginx.stop()
        server.stop()


def rows(result):
    for key, name, budget in (("idle", "memory, idle", 30),
                              ("connected", f"memory, {CONNECTIONS:,} idle connections", 60)):
        nginx, ours = result[key]
        yield (name, f"{nginx:.0f} MiB", f"{ours:.0f} MiB", f"{ours / nginx:.2f}",
               f"≤ {budget} MB", ours * 1.048576 <= budget)
