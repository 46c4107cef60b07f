"""A network in which there is one server and nothing else: no route, no name, no other port.

    island = Island(server)
    island.take(npm)              from now on the client runs there
    island.close()

A network namespace whose loopback is up. In it somebody listens where the server listens; what is said to
him is carried to the server by this process, which is where it was."""

import os
import socket
import subprocess
import sys
import threading

from patience import PATIENCE

# Runs within: brings the loopback up, listens, hands the socket out, and holds the namespace open.
HOLDER = """
import fcntl, socket, struct, sys
host, port, out = sys.argv[1], int(sys.argv[2]), socket.socket(fileno=int(sys.argv[3]))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running
listener = socket.socket()
listener.bind((host, port))
listener.listen(128)
socket.send_fds(out, [b"."], [listener.fileno()])
listener.close()
sys.stdin.read()
"""


def unshare():
    """Root needs no user namespace of its own; others may be allowed one."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]


def why_not():
    """Why this machine can have no such network, or None."""
    tried = subprocess.run([*unshare(), "true"], capture_output=True, text=True, timeout=PATIENCE)
    return tried.stderr.strip() or f"exit {tried.returncode}" if tried.returncode else None


class Island:
    def __init__(self, server):
        self.server = server
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.holder = subprocess.Popen(
                [*unshare(), sys.executable, "-c", HOLDER, server.host, str(server.port), str(theirs.fileno())],
                stdin=subprocess.PIPE, pass_fds=[theirs.fileno()])
            theirs.close()
            ours.settimeout(PATIENCE)
            _, (handle,), _, _ = socket.recv_fds(ours, 1, 1)
        self.listener = socket.socket(fileno=handle)
        threading.Thread(target=self.accept, daemon=True).start()
        as_user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.door = ("nsenter", "--target", str(self.holder.pid), "--net", *as_user, "--")

    def take(self, *clients):
        for client in clients:
            client.door = self.door

    def run(self, *command):
        """What a command prints that is run there."""
        return subprocess.run([*self.door, *command], check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.holder.stdin.close()
        self.holder.wait(PATIENCE)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        try:
            server = socket.create_connection((self.server.host, self.server.port), PATIENCE)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        with client, server:
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()


def pump(source, sink):
    """All that one side says, and that it has ended."""
    try:
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
