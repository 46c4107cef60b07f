"""A flush that failed is never tried again and never forgotten: invariant I12. The kernel may have
marked the pages clean, so the next flush would say yes and mean nothing."""

import random

import pytest

import faults
import publishers
from patience import PATIENCE


def publish(server, book, rng, kind):
    one = publishers.make(kind, next(book.numbers), rng, server)
    book.enter(one)
    answer = server.send(one.request)
    one.acknowledged = publishers.is_success(one, answer.status)
    return answer


@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_after_a_failed_flush_nothing_is_acknowledged(new_server, tmp_path, kind):
    """Each flush of a publish fails in its turn, on a server of its own."""
    places = set()
    for nth in range(1, 30):
        rng, book = random.Random(nth), publishers.Book()
        planted = faults.Faults(tmp_path / f"faults-{nth}", under=tmp_path)
        server = new_server(preload=planted.preload, environment=planted.environment,
                            settings={"PACKHOUSE_STAY_READONLY": "true"})
        assert publish(server, book, rng, kind).status in (200, 201)
        planted.arm(f"fail-sync={nth}")
        answer = publish(server, book, rng, kind)
        told = planted.told()
        if not told:
            assert answer.status in (200, 201)
            break
        places.add(told[0].rsplit("/", 1)[-1])
        assert answer.status >= 500, f"flush {nth} failed, {told}: {answer!r}"
        for _ in range(3):
            assert publish(server, book, rng, kind).status >= 500, "acknowledged after a failed flush"
        ready = server.get("/-/readyz")
        assert ready.status == 503 and b"flush" in ready.body, ready
        assert server.get("/-/livez").status == 200
        assert not [one for one in publishers.check(server, book) if "acknowledged" in one]

        planted.disarm()
        server.kill9()
        server.start()
        assert not publishers.check(server, book)
        assert not publishers.retry(server, book)
        server.verify(full=True)
    assert nth >= 4, f"a publish has its file, its folder and its commit to flush; failed were {places}"


def test_without_stay_readonly_the_server_ends_with_70(new_server, tmp_path):
    planted = faults.Faults(tmp_path / "faults", under=tmp_path)
    server = new_server(preload=planted.preload, environment=planted.environment)
    rng, book = random.Random(1), publishers.Book()
    assert publish(server, book, rng, "artifact").status == 201
    planted.arm("fail-sync=1")
    try:
        assert publish(server, book, rng, "artifact").status >= 500
    except OSError:
        pass
    assert server.process.wait(PATIENCE) == 70
    server.process = None
    planted.disarm()
    server.start()
    assert not publishers.check(server, book)
