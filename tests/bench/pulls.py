"""Single things pulled through: one large file for many clients, documents that are cached, many packages."""

import base64
import concurrent.futures
import hashlib
import json
import random
import shutil
import socket
import statistics
import time

import engines
import installs
import packages
import reads
import recorded
import start

CLIENTS = 50
LARGE = 100 << 20
RATE = "10m"  # bytes a second of each connection to the upstream
HUGE_VERSIONS = 65000
MANY = 10000
READ = [("Accept", "application/json"), reads.GZIP]


def packument(base, name, versions, tarballs):
    """A document like a registry's; tarballs are {version: bytes}, or None where nobody will fetch any."""
    def dist(version):
        content = tarballs[version] if tarballs else version.encode()
        return {"tarball": f"{base}/{name}-{version}.tgz", "shasum": hashlib.sha1(content).hexdigest(),
                "integrity": "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()}
    shown = {version: {"name": name, "version": version, "description": "of a bench", "dist": dist(version),
                       **({} if tarballs else {"dependencies": reads.dependencies(version, 40)})}
             for version in versions}
    return json.dumps({"_id": name, "name": name, "dist-tags": {"latest": list(versions)[-1]}, "versions": shown,
                       "time": {version: "2024-01-01T00:00:00.000Z" for version in versions}}).encode()


class Shelf:
    """Things of a bench beside the recorded ones, under /extra/ of the upstream."""

    def __init__(self, upstream):
        self.upstream, self.url = upstream, f"{upstream.url}/extra/npm"
        for folder in ("npm", "files"):
            (upstream.extra / folder).mkdir(exist_ok=True)

    def add(self, name, content):
        """One version with these files; returns its tarball."""
        tarball = packages.npm_tarball(name, "1.0.0", content)
        (self.upstream.extra / "files" / f"{name}-1.0.0.tgz").write_bytes(tarball)
        (self.upstream.extra / "npm" / name).write_bytes(
            packument(f"{self.upstream.url}/extra/files", name, ["1.0.0"], {"1.0.0": tarball}))
        return tarball

    def add_huge(self, name, versions):
        text = packument(f"{self.upstream.url}/extra/files", name, [f"1.0.{patch}" for patch in range(versions)], None)
        (self.upstream.extra / "npm" / name).write_bytes(text)
        return len(text)


def through(folder, shelf):
    return installs.Pulling(folder, {"npm": shelf.url})


def download(server, path, expected):
    """Seconds to the last byte, and the ETag. Other bytes end the bench."""
    began = time.monotonic()
    with socket.create_connection((server.host, server.port), 600) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
                     "Connection: close\r\n\r\n".encode())
        came = b""
        while b"\r\n\r\n" not in came:
            came += sock.recv(65536)
        head, _, came = came.partition(b"\r\n\r\n")
        at = 0
        while came:
            if came != expected[at:at + len(came)]:
                raise SystemExit(f"bench: other bytes than the upstream's: {head!r}")
            at += len(came)
            came = sock.recv(1 << 18)
    if at != len(expected):
        raise SystemExit(f"bench: {at} bytes of {len(expected)}: {head!r}")
    etag = next((line for line in head.decode().split("\r\n") if line.lower().startswith("etag:")), None)
    return time.monotonic() - began, etag


def crowd(server, path, expected, count):
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        done = list(pool.map(lambda _: download(server, path, expected), range(count)))
    return max(took for took, _ in done), {etag for _, etag in done}


def measure_crowd(folder, rounds):
    upstream = recorded.Upstream(folder / "slow", rate=RATE)
    shelf = Shelf(upstream)
    expected = shelf.add("big", {"noise.bin": random.Random(3).randbytes(LARGE)})
    upstream.start()
    alone, together, asked, etags, peaks = [], [], [], set(), []
    try:
        for number in range(rounds):
            for count, results in ((1, alone), (CLIENTS, together)) if number % 2 else ((CLIENTS, together), (1, alone)):
                server = through(folder / f"crowd{number}-{count}", shelf)
                try:
                    took, told = crowd(server, f"{server.npm}/big/-/big-1.0.0.tgz", expected, count)
                    peaks.append(installs.peak_mb(server.pid))
                finally:
                    server.stop()
                    shutil.rmtree(server.folder)
                results.append(took)
                etags |= told
                asked.append(max(upstream.asked().values()))
    finally:
        upstream.stop()
    ratio = statistics.median(many / one for many, one in zip(together, alone))
    yield (f"{CLIENTS} clients, cold, one {LARGE >> 20} MB file: last byte", f"{statistics.median(alone):.1f} s alone",
           f"{statistics.median(together):.1f} s", f"{ratio:.2f}", "≤ 1.1", ratio <= 1.1)
    yield ("the same: upstream requests for it, ETags", "", f"{max(asked)}, {len(etags)}", "", "1, 1",
           max(asked) == 1 and len(etags) == 1 and None not in etags)
    yield ("the same: peak memory", "", f"{max(peaks):.0f} MB", "", "≤ 150 MB", max(peaks) <= 150)


def nearest_recorded(size):
    """The recorded packument whose answer is nearest to so many bytes."""
    docs = recorded.FOLDER / "npm-docs"
    found = min(docs.rglob("full.json"), key=lambda path: abs(path.stat().st_size - size))
    return found.parent.relative_to(docs).as_posix()


def measure_hot(folder, rounds, seconds):
    upstream = recorded.Upstream(folder / "upstream", delay=0).start()
    nginx, server = engines.Nginx(folder / "nginx"), installs.Through(folder / "server", upstream)
    try:
        name = nearest_recorded(3900000).replace("/", "%2f")
        case = reads.Case("cached packument of an upstream", f"{server.npm}/{name}", READ, 0.7)
        plain = server.get(case.path, headers=[READ[0]], timeout=300)
        case.name = f"cached {len(plain.body) / 1e6:.1f} MB packument, gzip"
        reads.copy_to_nginx(server, nginx, [case])
        nginx.start()
        reads.take_turns(server, nginx, [case], rounds, seconds, folder)
        yield from reads.rows([case])
    finally:
        nginx.stop()
        server.stop()
        upstream.stop()


def first_byte(server, path):
    """Milliseconds to the first byte of the body; the rest is read."""
    request = "".join(f"{name}: {value}\r\n" for name, value in READ)
    with socket.create_connection((server.host, server.port), 600) as sock:
        began = time.monotonic()
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
                     f"Connection: close\r\n{request}\r\n".encode())
        came = b""
        while len(came.partition(b"\r\n\r\n")[2]) < 1:
            piece = sock.recv(65536)
            if not piece:
                raise SystemExit(f"bench: no body: {came[:300]!r}")
            came += piece
        took = (time.monotonic() - began) * 1000
        if b" 200 " not in came[:20]:
            raise SystemExit(f"bench: {came[:300]!r}")
        while sock.recv(1 << 20):
            pass
    return took


def measure_huge(folder, rounds):
    upstream = recorded.Upstream(folder / "upstream", delay=0)
    shelf = Shelf(upstream)
    size = shelf.add_huge("huge", HUGE_VERSIONS)
    upstream.start()
    server = through(folder / "server", shelf)
    try:
        began = time.monotonic()
        first_byte(server, f"{server.npm}/huge")
        cold = time.monotonic() - began
        took = [first_byte(server, f"{server.npm}/huge") for _ in range(max(3, rounds))]
        peak = installs.peak_mb(server.pid)
    finally:
        server.stop()
        upstream.stop()
    median = statistics.median(took)
    yield (f"cached {size / 1e6:.0f} MB packument: first byte", f"{cold:.1f} s all of it, cold", f"{median:.1f} ms", "",
           "≤ 20 ms", median <= 20)
    yield ("the same: peak memory", "", f"{peak:.0f} MB", "", "≤ 150 MB", peak <= 150)


def starts(server, path, rounds):
    """Milliseconds to the first answer, and the memory after it."""
    took, memory = [], []
    for _ in range(max(rounds, 3)):
        took.append(start.first_answer(server, path) * 1000)
        time.sleep(0.5)
        memory.append(server.rss_kib() * 1024 / 1e6)
        server.stop()
    return statistics.median(took), statistics.median(memory)


def measure_many(folder, rounds, count):
    upstream = recorded.Upstream(folder / "upstream", delay=0, log=False)
    shelf = Shelf(upstream)
    names = [f"many-{number:05}" for number in range(count)]
    for name in names:
        shelf.add(name, {"index.js": f"module.exports = '{name}';\n"})
    upstream.start()
    server = through(folder / "server", shelf)

    def pull(some):
        with server.connect() as connection:
            for name in some:
                answer = connection.request("GET", f"{server.npm}/{name}/-/{name}-1.0.0.tgz",
                                            {"Authorization": f"Bearer {server.token}"})
                if answer.status != 200:
                    raise SystemExit(f"bench: {answer!r}")
    try:
        pull(names[:1])
        server.stop()
        few = starts(server, f"{server.npm}/{names[0]}", rounds)
        server.start()
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(pull, (names[part::16] for part in range(16))))
        installs.settle(server)
        server.stop()
        many = starts(server, f"{server.npm}/{names[0]}", rounds)
    finally:
        server.stop()
        upstream.stop()
    for index, (what, unit, slack) in enumerate((("start to first packument", "ms", 1.2), ("memory after it", "MB", 1.2))):
        ratio = many[index] / few[index]
        yield (f"{what}, {count:,} upstream packages", f"{few[index]:.0f} {unit} with 1", f"{many[index]:.0f} {unit}",
               f"{ratio:.2f}", f"≤ {slack}", ratio <= slack)


def measure(folder, rounds, seconds, count=MANY):
    recorded.need()
    for name, rows in (("crowd", lambda at: measure_crowd(at, rounds)), ("hot", lambda at: measure_hot(at, rounds, seconds)),
                       ("huge", lambda at: measure_huge(at, rounds)), ("many", lambda at: measure_many(at, rounds, count))):
        at = folder / name
        at.mkdir()
        yield from rows(at)
        shutil.rmtree(at)
