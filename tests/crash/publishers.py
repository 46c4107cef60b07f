"""Sixteen publishers of all three formats at once, and the book in which they write what they tried and
what was acknowledged. Raw HTTP: it must be fast, and nobody may retry behind our back."""

import hashlib
import http.client
import itertools
import random
import threading
import time
import urllib.parse

import packages
import shapes
from patience import PATIENCE

PACKAGES = 6
SHARED = [random.Random(n).randbytes(3000 + 1000 * n) for n in range(4)]


class Publication:
    """One thing that was sent: where it is to be found, and the digest of its bytes."""

    def __init__(self, kind, name, version, content, request, place):
        self.kind, self.name, self.version = kind, name, version
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.shasum = hashlib.sha1(content).hexdigest()
        self.request, self.place = request, place
        self.acknowledged = False

    def __repr__(self):
        return f"{self.kind}:{self.name}@{self.version}"


def some_bytes(rng):
    """Mostly a few KiB; now and then a lot, or the bytes that others publish at the same time."""
    dice = rng.random()
    if dice < 0.15:
        return rng.choice(SHARED)
    return rng.randbytes(rng.randrange(400_000, 1_200_000) if dice > 0.98 else rng.randrange(100, 30_000))


def make(kind, number, rng, server):
    name = f"crash-{number % PACKAGES}"
    payload = some_bytes(rng)
    if kind == "npm":
        version = f"1.0.{number}"
        content = packages.npm_tarball(name, version, {"payload": payload})
        return Publication(kind, name, version, content,
                           shapes.npm_publish(server.npm, name, version, content,
                                              headers=[("npm-session", rng.randbytes(8).hex())]),
                           f"{server.npm}/{name}/-/{name}-{version}.tgz")
    if kind == "pypi":
        dist = packages.wheel(name, f"1.{number}", {"payload": payload})
        return Publication(kind, name, dist.version, dist.content,
                           shapes.pypi_upload(server.pypi, dist), dist.filename)
    version, path = f"1.0.{number // 20}", f"some/{number}.bin"
    return Publication(kind, name, f"{version}/{path}", payload,
                       shapes.artifact_put(server.artifacts, name, version, path, payload),
                       f"{server.artifacts}/{name}/{version}/{path}")


def is_success(publication, status):
    return status == 200 if publication.kind == "pypi" else status in (200, 201)


class Book:
    """Everything sent to one data directory. A publication is entered before its first byte goes out."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.all = []
        self.complaints = []

    def enter(self, publication):
        with self.lock:
            self.all.append(publication)

    @property
    def acknowledged(self):
        return [one for one in self.all if one.acknowledged]

    @property
    def unanswered(self):
        return [one for one in self.all if not one.acknowledged]


class Publishers:
    """Threads that publish until they are stopped or the server is gone."""

    def __init__(self, server, book, seed, count=16):
        self.server, self.book = server, book
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.publish, args=(n, random.Random(seed * 100 + n)), daemon=True)
                        for n in range(count)]
        for thread in self.threads:
            thread.start()

    def publish(self, n, rng):
        kind = ("npm", "pypi", "artifact")[n % 3]
        connection = self.server.connect()
        headers = [("Authorization", f"Bearer {self.server.token}")]
        try:
            while not self.stopping.is_set():
                publication = make(kind, next(self.book.numbers), rng, self.server)
                request = publication.request
                self.book.enter(publication)
                answer = connection.request(request.method, request.path, request.headers + headers, request.body)
                if is_success(publication, answer.status):
                    publication.acknowledged = True
                elif answer.status != 503:
                    self.book.complaints.append(f"{publication}: {answer!r}")
                    return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def wait_for(self, count):
        """Until so many more are acknowledged, however long that takes; but not for publishers that are gone."""
        wanted = len(self.book.acknowledged) + count
        while len(self.book.acknowledged) < wanted and any(thread.is_alive() for thread in self.threads):
            time.sleep(0.001)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a publisher hangs"


class Reader:
    """Looks at what the server has, on one connection."""

    def __init__(self, server):
        self.server, self.connection = server, server.connect()
        self.headers = {"Authorization": f"Bearer {server.token}"}

    def get(self, path, accept=None):
        headers = {**self.headers, "Accept": accept} if accept else self.headers
        return self.connection.request("GET", path, headers)

    def packument(self, name):
        answer = self.get(f"{self.server.npm}/{name}")
        if answer.status == 404:
            return {"versions": {}, "dist-tags": {}}
        assert answer.status == 200, f"packument of {name}: {answer!r}"
        return answer.json()

    def page(self, name):
        """File names with their SHA-256 and URL."""
        path = f"{self.server.pypi}/simple/{name}/"
        answer = self.get(path, "application/vnd.pypi.simple.v1+json")
        if answer.status == 404:
            return {}
        assert answer.status == 200, f"page of {name}: {answer!r}"
        return {file["filename"]: (file["hashes"]["sha256"],
                                   urllib.parse.urlsplit(urllib.parse.urljoin(f"{self.server.url}{path}", file["url"])).path)
                for file in answer.json()["files"]}


def check(server, book, sample=None):
    """Every acknowledged publish is there with its digest; whatever else is visible was sent, and is
    whole. Returns sentences. `sample` bounds how many old files are read; listings are read whole."""
    if not book.all:
        return []
    reader, wrong = Reader(server), list(book.complaints)
    by_kind = {kind: [one for one in book.all if one.kind == kind] for kind in ("npm", "pypi", "artifact")}
    names = sorted({one.name for one in book.all})
    to_read = set(book.all if sample is None else book.all[-200:] + random.sample(book.all, min(sample, len(book.all))))

    def check_bytes(one, path):
        if one not in to_read:
            return
        answer = reader.get(path)
        if answer.status != 200 or hashlib.sha256(answer.body).hexdigest() != one.sha256:
            wrong.append(f"{one}: listed, and its file answers {answer.status} with {len(answer.body)} other bytes")

    for name in names:
        document = reader.packument(name)
        sent = {one.version: one for one in by_kind["npm"] if one.name == name}
        for version, manifest in document["versions"].items():
            one = sent.get(version)
            if not one or manifest["dist"]["shasum"] != one.shasum:
                wrong.append(f"npm:{name}@{version}: visible, and never sent so")
            else:
                check_bytes(one, one.place)
        for tag, version in document["dist-tags"].items():
            if version not in document["versions"]:
                wrong.append(f"npm:{name}: tag {tag} is {version}, which is not there")
        wrong += [f"{one}: acknowledged, and not listed" for version, one in sent.items()
                  if one.acknowledged and version not in document["versions"]]

        page = reader.page(name)
        sent = {one.place: one for one in by_kind["pypi"] if one.name == name}
        for file, (sha256, path) in page.items():
            one = sent.get(file)
            if not one or sha256 != one.sha256:
                wrong.append(f"pypi:{file}: visible, and never sent so")
            else:
                check_bytes(one, path)
        wrong += [f"{one}: acknowledged, and not listed" for file, one in sent.items()
                  if one.acknowledged and file not in page]

    for one in by_kind["artifact"]:
        if one not in to_read:
            continue
        answer = reader.get(one.place)
        if answer.status == 404 and not one.acknowledged:
            continue
        if answer.status != 200 or hashlib.sha256(answer.body).hexdigest() != one.sha256:
            wrong.append(f"{one}: {'acknowledged' if one.acknowledged else 'half there'}, and answers "
                         f"{answer.status} with {len(answer.body)} other bytes")
    reader.connection.close()
    return wrong


def retry(server, book):
    """Who got no answer asks again, as clients do, and must be told that it is there. Returns sentences."""
    wrong = []
    for one in book.unanswered:
        answer = server.send(one.request)
        if is_success(one, answer.status):
            one.acknowledged = True
        else:
            wrong.append(f"{one}: sent again after the crash: {answer!r}")
    return wrong
