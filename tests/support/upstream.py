"""An upstream registry on the loopback that does as it is told: well-behaved, down, slow, or lying.

    upstream.npm_url, upstream.pypi_url          what `packhouse upstream add npm --url …` and `pypi --url …` take
    upstream.npm.add("hello", "1.0.0")           a package with its tarball: .body, .integrity, .path, .url
    upstream.npm.add_huge("huge")                its packument has 100 MB, made as it goes out
    upstream.pypi.add(packages.wheel("hello", "1.0"))
    upstream.pypi.add_huge("huge")
      npm:  signed, advisories, relative_urls, with_abbreviated; see upstream_packages.py
      pypi: forms ("json", "html"), hashes, sidecars, sizes, upload_times, with_serial, absolute_urls

    upstream.requests                            all that was asked: .method .path .target .headers .body .status
    upstream.asked("*/hello*", method="GET")     those whose path (decoded) matches; so `not upstream.asked("*secret*")`
    upstream.wait_until_asked("*/hello*")        of a test that has to know that we wait for it
    upstream.forget()                            the log begins anew

    upstream.go("down")                          refuses connections and cuts those that are open
    upstream.go("unplugged")                     nothing answers, not even the connect
    upstream.go("paused")                        connections and requests are taken; answers stop where they are
    upstream.go("up")
    upstream.delay_s = 0.2                       before each answer
    upstream.rate = 1 << 20                      bytes a second, on each connection
    upstream.flapping = 0.2                      each request fails with that probability, in one of several ways;
                                                 .flaps is how many did
    upstream.reset_on_accept = 3                 so many connections are reset before they say a word
    upstream.etag, last_modified, gzip, ranges = True, True, True, True
    upstream.keep_alive = True

    lie = upstream.lie("*/hello-1.0.0.tgz", lies.wrong_bytes(), lies.drop(0.5), times=2)
    lie.told                                     how often it was; lie.stop() ends it
    upstream.honest()                            ends all lies and goes "up", at full speed

A lie is of lies.py; several make one, in their order. `times` is how often, `after` how many requests are
answered truly before, `method` whose. The last `lie` that matches a path is the one that is told.
`Upstream("127.0.0.2")` is another host: with PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES=127.0.0.1/32, a forbidden one.
The fixture is `upstream`; `new_upstream()` makes more of them, and empty."""

import fcntl
import fnmatch
import random
import socket
import struct
import termios
import threading
import time
import urllib.parse

import lies
from patience import PATIENCE
from upstream_answer import DEFAULT, Answer
from upstream_packages import NpmRegistry, PythonIndex

LAST_MODIFIED = "Tue, 01 Jan 2030 00:00:00 GMT"
LARGEST_HEAD = 1 << 20


class Request:
    def __init__(self, method, target, pairs, body):
        self.method, self.target, self.pairs, self.body = method, target, pairs, body
        self.path, _, self.query = target.partition("?")
        self.path = urllib.parse.unquote(self.path)
        self.headers = {name.lower(): value for name, value in pairs}
        self.at, self.status, self.sent = time.monotonic(), None, 0

    def __repr__(self):
        return f"<{self.method} {self.target} {self.status}>"


class Lie:
    """What is said instead of the truth on the paths of a pattern."""

    def __init__(self, pattern, told_lies, times, after, method):
        self.pattern, self.lies, self.times, self.after, self.method = pattern, told_lies, times, after, method
        self.seen = self.told = 0
        self.stopped = False

    def stop(self):
        self.stopped = True

    def matches(self, request):
        """Called once for each request, under the upstream's lock."""
        if self.stopped or not fnmatch.fnmatchcase(request.path, self.pattern):
            return False
        if self.method and request.method != self.method:
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.told >= self.times):
            return False
        self.told += 1
        return True


class Gone(Exception):
    """This connection is over."""


class Upstream:
    def __init__(self, host="127.0.0.1", seed=0):
        self.host, self.random = host, random.Random(seed)
        self.lock, self.asking = threading.Lock(), threading.Condition()
        self.closing, self.moving = threading.Event(), threading.Event()
        self.requests, self.lies, self.connections = [], [], set()
        self.accepted = self.flaps = 0
        # A second socket on the port that never listens: while we are down the port stays ours.
        self.placeholder = self.new_socket(0)
        self.port = self.placeholder.getsockname()[1]
        self.listener, self.fillers, self.state = None, [], "down"
        self.url = f"http://{host}:{self.port}"
        self.npm, self.pypi = NpmRegistry(self, "/npm"), PythonIndex(self, "/pypi")
        self.npm_url, self.pypi_url = f"{self.url}/npm/", f"{self.url}/pypi/simple/"
        self.pages = {}
        self.reset_on_accept = 0
        self.etag = self.last_modified = self.gzip = self.ranges = self.keep_alive = True
        self.honest()

    def honest(self):
        with self.lock:
            self.lies.clear()
        self.delay_s, self.rate, self.flapping, self.reset_on_accept = 0.0, None, 0.0, 0
        self.go("up")

    # Switches.

    def new_socket(self, port):
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((self.host, port))
        return made

    def go(self, state):
        if state == self.state:
            return
        assert state in ("up", "down", "paused", "unplugged"), state
        listens = self.state in ("up", "paused")
        if listens and state not in ("up", "paused"):
            self.stop_listening()
        for filler in self.fillers:
            filler.close()
        if self.state == "unplugged":
            self.listener.close()
            self.fillers, self.listener = [], None
        self.state = state
        if state in ("up", "down"):
            self.moving.set()
        else:
            self.moving.clear()
        if state == "down":
            self.cut_connections()
        elif state == "unplugged":
            self.fill_up()
        elif self.listener is None:
            self.listen()

    def listen(self):
        self.listener = self.new_socket(self.port)
        self.listener.listen(512)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def stop_listening(self):
        listener, self.listener = self.listener, None
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def fill_up(self):
        """A listener whose queue is full drops what comes, as a wire that is cut does."""
        self.listener = self.new_socket(self.port)
        self.listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
            self.fillers.append(filler)
        time.sleep(0.05)

    def cut_connections(self):
        with self.lock:
            cut = list(self.connections)
        for connection in cut:
            try:
                connection.shutdown(socket.SHUT_RDWR)  # its thread wakes up, and closes it
            except OSError:
                pass

    def close(self):
        self.closing.set()
        self.moving.set()
        self.go("down")
        self.placeholder.close()

    # Lies, and what was asked.

    def lie(self, pattern, *told_lies, times=None, after=0, method=None):
        made = Lie(pattern, told_lies, times, after, method)
        with self.lock:
            self.lies = [*(lie for lie in self.lies if not lie.stopped), made]
        return made

    def serve(self, path, content, content_type="application/octet-stream"):
        """A page of a test's own: bytes, a Body, or a function of the request that returns an Answer."""
        self.pages[path] = content if callable(content) else lambda _: Answer(200, content, content_type)
        return self.url + path

    def asked(self, pattern="*", method=None):
        with self.asking:
            return [request for request in self.requests
                    if fnmatch.fnmatchcase(request.path, pattern) and method in (None, request.method)]

    def wait_until_asked(self, pattern="*", times=1, method=None, within=PATIENCE):
        end_at = time.monotonic() + within
        with self.asking:
            while len(found := self.asked(pattern, method)) < times:
                left = end_at - time.monotonic()
                assert left > 0, f"{pattern} was asked {len(found)} times in {within} s"
                self.asking.wait(left)
            return found

    def forget(self):
        with self.asking:
            self.requests = []

    # The wire.

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                refuse = self.state == "down" or self.reset_on_accept > 0
                self.reset_on_accept -= self.reset_on_accept > 0
                if not refuse:
                    self.connections.add(connection)
            if refuse:
                reset(connection)
            else:
                threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = connection.makefile("rb")
        try:
            while (request := self.read_request(connection, reader)) is not None:
                with self.asking:
                    self.requests.append(request)
                    self.asking.notify_all()
                self.wait(self.delay_s)
                if not self.say(connection, request, self.answer(request)):
                    break
        except (Gone, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
            try:
                reader.close()
                connection.close()
            except OSError:
                pass

    def read_request(self, connection, reader):
        line = reader.readline(LARGEST_HEAD)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        pairs = []
        while (line := reader.readline(LARGEST_HEAD).decode("latin-1").rstrip("\r\n")):
            name, _, value = line.partition(":")
            pairs.append((name, value.strip()))
        headers = {name.lower(): value for name, value in pairs}
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(reader.readline().split(b";")[0], 16):
                body += reader.read(size)
                reader.readline()
            while reader.readline().strip():
                pass
        elif "content-length" in headers:
            body = reader.read(int(headers["content-length"]))
        return Request(method, target, pairs, body)

    def answer(self, request):
        """The truth, then what the lies make of it: of its content first, then of how it is sent."""
        with self.lock:
            lie = next((lie for lie in reversed(self.lies) if lie.matches(request)), None)
            told = list(lie.lies) if lie else []
            if self.random.random() < self.flapping:
                told.append(self.random.choice(lies.FLAPS)())
                self.flaps += 1
        answer = self.truth(request)
        for lie in told:
            lie.of_content(answer, request, self)
        answer.validate(request, self.etag, LAST_MODIFIED if self.last_modified else None, self.ranges)
        if self.gzip:
            answer.compress(request)
        for lie in told:
            lie.of_wire(answer, request, self)
        return answer

    def truth(self, request):
        if request.path in self.pages:
            return self.pages[request.path](request)
        for registry in (self.npm, self.pypi):
            if request.path.startswith(registry.base + "/"):
                return registry.answer(request)
        return Answer(404, b"not found\n", "text/plain")

    def wait(self, seconds=0.0):
        """Where a pause takes hold."""
        if seconds:
            self.closing.wait(seconds)
        self.moving.wait()
        if self.closing.is_set():
            raise Gone

    def say(self, connection, request, answer):
        """Sends one answer. True where another may follow on the connection."""
        self.wait()
        request.status = answer.status
        cut, body = answer.cut, answer.body
        if cut and cut.phase == "request":
            end(connection, cut)
        length = (body.length if body else None) if answer.length is DEFAULT else answer.length
        chunked = answer.chunked or (body is not None and answer.length is DEFAULT and body.length is None)
        keeps = (self.keep_alive and not answer.close and request.headers.get("connection", "").lower() != "close"
                 and (chunked or length is not None or body is None))
        head = self.head(answer, length, chunked, keeps)
        if cut and cut.phase in ("line", "head"):
            connection.sendall(head[:7] if cut.phase == "line" else head[:head.index(b"\r\n") + 9])
            end(connection, cut)
        connection.sendall(head)
        if request.method == "HEAD" or body is None:
            return keeps
        self.say_body(connection, request, answer, chunked)
        if chunked and answer.ends:
            connection.sendall(b"0\r\n\r\n")
        is_whole = answer.ends if chunked else length is not None and request.sent >= length
        return keeps and is_whole

    def head(self, answer, length, chunked, keeps):
        pairs = list(answer.headers)
        if chunked:
            pairs.append(("Transfer-Encoding", "chunked"))
        elif length is not None:
            pairs.append(("Content-Length", str(length)))
        pairs.append(("Connection", "keep-alive" if keeps else "close"))
        first = answer.line or f"HTTP/1.1 {answer.status} {answer.reason}"
        return "\r\n".join([first, *(f"{name}: {value}" for name, value in pairs), "", ""]).encode("latin-1")

    def say_body(self, connection, request, answer, chunked):
        body, cut = answer.body, answer.cut
        stop = cut.bytes_of(body.length) if cut else None
        for piece in self.paced(with_extra(body.pieces(), answer.extra), answer):
            left = None if stop is None else stop - request.sent
            if left is not None and len(piece) > left:
                piece = piece[:left]
            if len(piece):
                connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                request.sent += len(piece)
            if stop is not None and request.sent >= stop:
                break
        if cut:
            end(connection, cut)

    def paced(self, pieces, answer):
        """The same bytes, as slowly as they are to go."""
        for piece in pieces:
            step = len(piece)
            if answer.pieces_of or self.rate:
                step = answer.pieces_of or max(1, self.rate // 20)
            for at in range(0, len(piece), step):
                part = piece[at:at + step]
                self.wait(answer.every_s + (len(part) / self.rate if self.rate else 0.0))
                yield part


def with_extra(pieces, extra):
    """What is more than was said comes with the last piece, so that it is there when the answer is over."""
    pieces = list(pieces) if extra else pieces
    if extra:
        pieces[-1:] = [bytes(pieces[-1]) + extra] if pieces else [extra]
    return pieces


def reset(connection):
    """An RST instead of an end, and without waiting for what was not read."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    connection.close()


def end(connection, cut):
    if cut.reset:
        # What was sent before is to arrive: a reset drops what the other side has not read yet.
        wait_until_taken(connection)
        reset(connection)
    raise Gone


def wait_until_taken(connection, within=PATIENCE):
    """Until the other side's kernel has all that was sent (SIOCOUTQ)."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        left = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
        if not left:
            return
        time.sleep(0.001)
