"""A publish that dies at any write, flush or rename: whole or absent, and never in the way of the next."""

import http.client
import random

import pytest

import faults
import publishers
from conformance import conformance
from patience import PATIENCE


@conformance("npm-101", "art-019")
@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_a_publish_may_die_at_any_call(new_server, tmp_path, kind):
    planted = faults.Faults(tmp_path / "faults", under=tmp_path)
    server = new_server(preload=planted.preload, environment=planted.environment)
    rng, book, places = random.Random(3), publishers.Book(), set()
    for nth in range(1, 300):
        one = publishers.make(kind, next(book.numbers), rng, server)
        book.enter(one)
        planted.arm(f"die-at={nth}")
        try:
            one.acknowledged = publishers.is_success(one, server.send(one.request).status)
        except (OSError, http.client.HTTPException):
            pass
        told = planted.told()
        planted.disarm()
        if not told:
            assert one.acknowledged
            break
        assert server.process.wait(PATIENCE) == -9
        server.process = None
        places.add(told[0].rsplit("/", 1)[-1])
        server.start()
        assert not publishers.check(server, book), told
        assert not publishers.retry(server, book), told
    else:
        pytest.fail("no publish ever came to its end")
    assert nth > 8 and len(places) > 2, f"{nth} calls, at {places}"
    server.verify(full=True)
