"""A full disk is a clear answer, and nothing else: invariant I11."""

import os
import random

import pytest

import disk
import faults
import packages
import publishers
import shapes
from power_cut_test import need

SMALL = 256 << 20
NO_THRESHOLD = {"PACKHOUSE_DISK_REFUSE_PERCENT": "0", "PACKHOUSE_DISK_REFUSE_BYTES": "0",
                "PACKHOUSE_RESERVE_SIZE": "8 MiB"}


@pytest.fixture
def small_disk(tmp_path):
    need("ext4")
    made = disk.Disk(tmp_path / "disk", "ext4", size=SMALL)
    yield made
    made.remove()


def fill(server, book, rng, size=3 << 20):
    """Publishes until there is no room for any format. Returns the refusals."""
    refused, turns = [], 0
    while len(refused) < 6:
        number = next(book.numbers)
        kind = ("npm", "pypi", "artifact")[number % 3]
        one = publishers.make(kind, number, rng, server)
        if kind == "artifact":
            content = rng.randbytes(size)
            one = publishers.Publication(kind, one.name, one.version, content,
                                         shapes.artifact_put(server.artifacts, one.name, *one.version.split("/", 1), content),
                                         one.place)
        book.enter(one)
        answer = server.send(one.request)
        if publishers.is_success(one, answer.status):
            one.acknowledged = True
        else:
            refused.append(answer)
        turns += 1
        assert turns < 2000, "the disk never gets full"
    return refused


def test_a_full_disk_refuses_and_recovers(small_disk, new_server, tmp_path):
    rng, book = random.Random(1), publishers.Book()
    ballast = small_disk.point / "ballast"
    with open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 120 << 20)
    server = new_server(data=small_disk.point / "data", settings=NO_THRESHOLD)

    for answer in fill(server, book, rng):
        assert answer.status == 507, answer
    assert not publishers.check(server, book)
    server.verify(full=True)
    assert server.get("/-/livez").status == 200

    # It starts on a full disk as well, and what is there is served.
    server.kill9()
    server.start()
    assert not publishers.check(server, book)

    ballast.unlink()
    assert not publishers.retry(server, book)
    assert not publishers.check(server, book)
    server.verify(full=True)


def test_a_nearly_full_disk_refuses_before_the_body(new_server):
    server = new_server(settings={"PACKHOUSE_DISK_REFUSE_BYTES": "1000 TiB", "PACKHOUSE_DISK_WARN_BYTES": "1000 TiB"})
    head = (f"PUT {server.artifacts}/web/1.0/x.bin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            "Content-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n")
    answer = server.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 507 "), answer
    for request in (shapes.npm_publish(server.npm, "hello", "1.0.0"),
                    shapes.pypi_upload(server.pypi, packages.wheel("hello", "1.0")),
                    shapes.artifact_put(server.artifacts, "web", "1.0", "x", b"x")):
        assert server.send(request).status == 507
    assert server.get("/-/livez").status == 200
    server.verify()


@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_no_room_at_any_write_is_a_clean_refusal(new_server, tmp_path, kind):
    """Each write and allocation of a publish fails in its turn, as do all after it."""
    rng, book = random.Random(2), publishers.Book()
    planted = faults.Faults(tmp_path / "faults", under=tmp_path)
    server = new_server(preload=planted.preload, environment=planted.environment)
    failed = 0
    for nth in range(1, 200):
        one = publishers.make(kind, nth, rng, server)
        book.enter(one)
        planted.arm(f"full-from={nth}")
        answer = server.send(one.request)
        told = planted.told()
        planted.disarm()
        if publishers.is_success(one, answer.status):
            one.acknowledged = True
            if not told:
                break
        else:
            failed += 1
            assert answer.status == 507, f"write {nth}, {told}: {answer!r}"
        assert not publishers.check(server, book)
    else:
        pytest.fail("no publish ever had all its writes")
    assert failed >= 2, "hardly a write was refused"
    assert not publishers.retry(server, book)
    server.verify(full=True)
    server.restart()
    assert not publishers.check(server, book)
