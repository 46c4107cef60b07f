"""Memory does not grow with what the server has done. Issue proof: 10,000 publishes, then 10,000 reads."""

import itertools
import pathlib
import threading

import packages
import shapes
from memory import SANITIZER

COUNT = 10_000
THREADS = 8
SAMPLES = 20
GROWTH_MAX_KIB = 8 * 1024

# Small caches, which are full after the first reads: what still grows then is no cache.
SETTINGS = {"PACKHOUSE_DOCUMENT_CACHE_SIZE": "4 MiB", "PACKHOUSE_READERS": "2"}


def publish_requests(server):
    """One after another of each format, each under a name of its own in a hundred packages."""
    for number in range(COUNT):
        name, version = f"p{number % 100}", f"1.0.{number}"
        kind = number % 3
        if kind == 0:
            yield shapes.artifact_put(server.artifacts, name, version, "web.tgz", f"{number}".encode() * 50)
        elif kind == 1:
            yield shapes.npm_publish(server.npm, f"{name}-{number % 20}-{number // 100}", version)
        else:
            yield shapes.pypi_upload(server.pypi, packages.wheel(f"{name}-{number // 100}", version))


def read_paths(server):
    """What was published, and the documents that list it."""
    for number in range(COUNT):
        name, version = f"p{number % 100}", f"1.0.{number}"
        kind = number % 3
        if kind == 0:
            yield f"{server.artifacts}/{name}/{version}/" + ("web.tgz" if number % 2 else "")
        elif kind == 1:
            yield f"{server.npm}/{name}-{number % 20}-{number // 100}"
        else:
            yield f"{server.pypi}/simple/{name}-{number // 100}/"


def database_kib(server):
    return sum(path.stat().st_size for path in pathlib.Path(server.data).glob("*.db")) // 1024


def drive(server, requests, expected):
    """Sends all from several threads on kept connections. Returns pairs along the way: the resident
    size, and that of the database."""
    lock, samples, failures, done = threading.Lock(), [], [], itertools.count(1)

    def run():
        with server.connect() as connection:
            while True:
                with lock:
                    request = next(requests, None)
                if request is None or failures:
                    return
                headers = [("Authorization", f"Bearer {server.token}"), *request.headers]
                answer = connection.request(request.method, request.path, headers, request.body)
                if answer.status not in expected:
                    failures.append((request.method, request.path, answer))
                    return
                with lock:
                    if next(done) % (COUNT // SAMPLES) == 0:
                        samples.append((server.rss_kib(), database_kib(server)))

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert len(samples) == SAMPLES
    return samples


def test_memory_is_steady_over_many_publishes_and_reads(new_server):
    """The writer keeps up to 64 MiB of the database's pages, which it has just written: so much and no
    more may be added by publishes. Reads add nothing."""
    server = new_server(environment=SANITIZER, settings=SETTINGS)
    published = drive(server, publish_requests(server), {200, 201})
    settled = [resident - min(database, 64 * 1024) for resident, database in published[SAMPLES // 3:]]
    assert max(settled) - settled[0] < GROWTH_MAX_KIB, f"resident and database KiB: {published}"
    reads = (shapes.Request("GET", path, [], None) for path in read_paths(server))
    read = drive(server, reads, {200})
    settled = [resident for resident, _ in read[SAMPLES // 2:]]
    assert max(settled) - settled[0] < GROWTH_MAX_KIB, f"resident and database KiB: {read}"
    assert server.verify(full=False)["versions"] == COUNT
