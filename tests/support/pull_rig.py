"""A server with an upstream of each format, and eyes for what must never happen: bytes of a lying upstream
that are kept, or that a client holds whole.

    rig.make("npm", "victim")     a package of the upstream: .page_path, .file_path, .content, .lie_about_page(…)
    rig.fetch(path)               one request on a connection of its own: .status .body .is_whole .sentence
    rig.kept()                    blobs and stages on the disk; rig.left_since(kept): those that are wrong"""

import concurrent.futures
import hashlib
import itertools
import json
import pathlib
import random
import re
import socket
import time
import urllib.parse

import index_pages
import lie_tables
import memory
import packages
from packhouse_server import Server
from upstream import Upstream

PRIVATE = "127.0.0.2"  # what the upstream's own address is not
SETTINGS = {
    "PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.1/32",
    # So that lies about time are found out in little of it.
    "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "3s",
    "PACKHOUSE_UPSTREAM_STALL_TIMEOUT": "2s",
    "PACKHOUSE_UPSTREAM_RETRIES": "2",
    "PACKHOUSE_UPSTREAM_FILE_MAX": "64 MiB",
    "PACKHOUSE_UPSTREAM_DOCUMENT_MAX": "128 MiB",
    # The disk of who tests is not the subject.
    "PACKHOUSE_UPSTREAM_REFUSE_PERCENT": "0", "PACKHOUSE_UPSTREAM_REFUSE_BYTES": "0",
    **memory.SANITIZER,
}


class Fetched:
    """What one client got. Whole is what ends as its framing says: RFC 9112 6.3, 8."""

    def __init__(self, came):
        head, _, rest = came.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.1 ") else 0
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            self.body, self.is_whole = unchunk(rest)
        else:
            length = int(self.headers.get("content-length", -1))
            self.body, self.is_whole = rest, length == len(rest)

    def __repr__(self):
        return f"<{self.status} {'whole' if self.is_whole else 'cut'} {len(self.body)} bytes {self.body[:300]!r}>"

    @property
    def sentence(self):
        """What a person is told."""
        if "json" in self.headers.get("content-type", ""):
            return json.loads(self.body)["detail"]
        return self.body.decode().strip()


def unchunk(rest):
    body = b""
    while match := re.match(rb"([0-9a-fA-F]+)\r\n", rest):
        size, at = int(match[1], 16), match.end()
        if not size:
            return body, True
        body += rest[at:at + size]
        if len(rest) < at + size + 2:
            break
        rest = rest[at + size + 2:]
    return body, False


class NpmTarget:
    def __init__(self, rig, name, size):
        self.rig, self.format, self.name = rig, "npm", name
        files = {"noise": random.Random(name).randbytes(size)} if size else None
        self.made = rig.upstream.npm.add(name, "1.0.0", files)
        self.content = self.made.body.content
        self.page_path = f"{rig.npm}/{name}"
        self.file_path = f"{rig.npm}/{name}/-/{name}-1.0.0.tgz"
        self.page_pattern, self.file_pattern = f"/npm/{name}", self.made.path


class PypiTarget:
    def __init__(self, rig, name, size):
        self.rig, self.format, self.name = rig, "pypi", name
        files = {"noise": random.Random(name).randbytes(size)} if size else None
        self.made = rig.upstream.pypi.add(packages.wheel(name, "1.0", files))
        self.content = self.made.body.content
        self.page_path = f"{rig.pypi}/simple/{name}/"
        self.page_pattern, self.file_pattern = f"/pypi/simple/{name}/", self.made.path
        self.found = None

    @property
    def file_path(self):
        """As our page says. A page that could not be read leads nowhere."""
        if self.found is None:
            answer = self.rig.fetch(self.page_path, Accept=index_pages.JSON)
            if answer.status == 200 and answer.is_whole:
                for file in json.loads(answer.body)["files"]:
                    if file["filename"] == self.made.filename:
                        self.found = urllib.parse.urljoin(self.page_path, file["url"])
        return self.found or f"{self.page_path}no-such-file"


class Rig:
    """A repository with two upstreams of its own, on a server of its own, or on `beside`'s."""

    def __init__(self, folder, seed=0, beside=None, repo="main"):
        self.upstream, self.elsewhere = Upstream(seed=seed), Upstream(PRIVATE)
        self.server = beside.server if beside else Server(folder, settings=SETTINGS)
        self.numbers, self.truths = itertools.count(1), beside.truths if beside else set()
        self.npm, self.pypi, self.names, self.others = f"/npm/acme/{repo}", f"/pypi/acme/{repo}", {}, []
        if beside:
            self.ask("/orgs/acme/repositories", name=repo)
        for form, url in (("npm", self.upstream.npm_url), ("pypi", self.upstream.pypi_url)):
            self.names[form] = f"{form}-{repo}"
            self.ask("/orgs/acme/upstreams", repository=repo, format=form, url=url, name=self.names[form])

    def ask(self, path, **body):
        answer = self.server.post(f"/api/v1{path}", json.dumps(body).encode())
        assert answer.status == 201, answer

    def beside(self, count):
        """This one and others, so that the failures of an upstream are not those of all: its breaker opens."""
        self.others += [Rig(None, beside=self, repo=f"lane-{number}") for number in range(len(self.others), count - 1)]
        return [self, *self.others]

    def close(self):
        try:
            self.server.stop()
        finally:
            for rig in [self, *self.others]:
                rig.upstream.close()
                rig.elsewhere.close()

    def make(self, form, name=None, size=0):
        name = name or f"victim{next(self.numbers)}"
        made = (NpmTarget if form == "npm" else PypiTarget)(self, name, size)
        self.truths.add(hashlib.sha256(made.content).hexdigest())
        if form == "pypi":
            self.truths.add(hashlib.sha256(made.made.dist.metadata).hexdigest())
        return made

    def refresh(self, form):
        """What `packhouse upstream refresh` does, for a person who knows that the upstream is well again."""
        done = self.server.post(f"/api/v1/orgs/acme/upstreams/{self.names[form]}/refresh")
        assert done.status == 200, done

    def fetch(self, path, timeout=120, **headers):
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.server.host}", f"Authorization: Bearer {self.server.token}",
                 "Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
        came = bytearray()
        with socket.create_connection((self.server.host, self.server.port), timeout) as sock:
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            try:
                while piece := sock.recv(1 << 18):
                    came += piece
            except ConnectionResetError:
                pass
        return Fetched(bytes(came))

    def kept(self):
        data = pathlib.Path(self.server.data)
        return {path.relative_to(data) for folder in ("blobs", "stage")
                for path in (data / folder).rglob("*") if path.is_file()}

    def left_since(self, before, within=60):
        """What is kept besides, and is no right file: those may come to rest a moment after they were read.
        So may the stages of what failed go."""
        until = time.monotonic() + within
        while left := {path for path in self.kept() - before if path.name.split(".")[0] not in self.truths}:
            if time.monotonic() > until:
                return left
            time.sleep(0.02)
        return set()


class Outcome:
    """Of a random run: how many fetches, and what should be 0."""

    def __init__(self):
        self.fetches = self.told = self.stored = self.completed = 0
        self.statuses, self.first = {}, None

    def add(self, what, answer, told):
        completed = answer.status not in (404, 502, 503, 504) and answer.is_whole
        self.fetches += 1
        self.told += told > 0
        self.completed += completed
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if completed and self.first is None:
            self.first = (what, answer)

    def __repr__(self):
        return f"{self.__dict__}"


def run_random(rig, seed, count, lanes=6, each=10):
    """Fetches with lies that leave no way to the right bytes, alone and two together, in several lanes at once.
    After each round it is looked at what is kept; the first culprits, or their round, are in `first`."""
    rng, outcome, rigs = random.Random(seed), Outcome(), rig.beside(lanes)
    with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
        while outcome.fetches < count:
            before = rig.kept()
            plans = [[] for _ in rigs]
            for number in range(outcome.fetches, min(count, outcome.fetches + lanes * each)):
                plans[number % lanes].append(plan(rng, f"random{seed}-{number}"))
            for done in [one for lane in pool.map(run_plans, rigs, plans) for one in lane]:
                outcome.add(*done)
            left = rig.left_since(before)
            outcome.stored += len(left)
            if left and outcome.first is None:
                outcome.first = (left, plans)
    return outcome


def plan(rng, name):
    form, about_file = rng.choice(("npm", "pypi")), rng.random() < 0.6
    table = pick(lie_tables.ON_THE_WIRE, lie_tables.ABOUT_FILES if about_file else lie_tables.ABOUT_PAGES)
    return form, name, about_file, rng.sample(sorted(table), rng.choice((1, 1, 2))), table


def run_plans(rig, plans):
    return [run_plan(rig, *one) for one in plans]


def run_plan(rig, form, name, about_file, names, table):
    target = rig.make(form, name)
    if about_file and rig.fetch(target.page_path, Accept=index_pages.JSON).status != 200:
        rig.refresh(form)  # its breaker is open
    path = target.file_path if about_file else target.page_path
    lie = rig.upstream.lie(target.file_pattern if about_file else target.page_pattern,
                           *[made for name in names for made in table[name](rig)])
    answer = rig.fetch(path, Accept=index_pages.JSON)
    lie.stop()
    return (form, about_file, names), answer, lie.told


def pick(*tables):
    return {name: lie for table in tables for name, lie in table.items() if name not in lie_tables.SLOW}
