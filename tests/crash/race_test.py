"""A version is published once, however many publish it at the same moment: invariant I4."""

import hashlib
import threading
import urllib.parse

import pytest

import packages
import shapes
from conformance import conformance
from patience import PATIENCE

THREADS, ROUNDS = 64, 200


class Npm:
    name, refused, win = "npm", {403, 409}, {200, 201}

    def publish(self, server, number, who):
        version = f"1.0.{number}"
        content = packages.npm_tarball("race", version, {"who": str(who)})
        return shapes.npm_publish(server.npm, "race", version, content), content

    def stored(self, server, number):
        return server.get(f"{server.npm}/race/-/race-1.0.{number}.tgz")


class Pypi:
    name, refused, win = "pypi", {409}, {200}

    def publish(self, server, number, who):
        dist = packages.wheel("race", f"1.{number}", {"who": str(who)})
        return shapes.pypi_upload(server.pypi, dist), dist.content

    def stored(self, server, number):
        page = f"{server.pypi}/simple/race/"
        answer = server.get(page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
        url, = [file["url"] for file in answer.json()["files"] if file["filename"] == f"race-1.{number}-py3-none-any.whl"]
        return server.get(urllib.parse.urljoin(f"{server.url}{page}", url).removeprefix(server.url))


class Artifact:
    name, refused, win = "artifact", {409}, {201}

    def publish(self, server, number, who):
        content = f"{number} of {who}".encode()
        return shapes.artifact_put(server.artifacts, "race", "1.0.0", f"{number}.bin", content), content

    def stored(self, server, number):
        return server.get(f"{server.artifacts}/race/1.0.0/{number}.bin")


def race(server, kind, rounds):
    """Returns (winner's SHA-256, answers) of each round. All threads wait for one another before each."""
    gate = threading.Barrier(THREADS, timeout=PATIENCE)
    answers = [[None] * THREADS for _ in range(rounds)]
    headers = [("Authorization", f"Bearer {server.token}")]

    def run(who):
        with server.connect(timeout=PATIENCE) as connection:
            for number in range(rounds):
                request, content = kind.publish(server, number, who)
                gate.wait()
                answer = connection.request(request.method, request.path, request.headers + headers, request.body)
                answers[number][who] = (answer.status, hashlib.sha256(content).hexdigest(), answer)

    threads = [threading.Thread(target=run, args=(who,), daemon=True) for who in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@conformance("art-010", "py-111")
@pytest.mark.parametrize("kind", [Npm(), Pypi(), Artifact()], ids=lambda kind: kind.name)
def test_of_64_publishes_of_one_version_one_wins(server, kind):
    for number, answers in enumerate(race(server, kind, ROUNDS)):
        assert all(answers), f"round {number}: a thread got no answer"
        winners = [digest for status, digest, _ in answers if status in kind.win]
        others = [answer for status, _, answer in answers if status not in kind.win | kind.refused]
        assert not others, f"round {number}: {others[0]!r}"
        assert len(winners) == 1, f"round {number}: {len(winners)} were told that they won"
        stored = kind.stored(server, number)
        assert stored.status == 200 and hashlib.sha256(stored.body).hexdigest() == winners[0]
    server.verify(full=True)
