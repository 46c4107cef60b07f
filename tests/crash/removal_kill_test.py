"""kill -9 while versions are removed, restored, given up and published again: whatever was answered holds."""

import http.client
import json
import random
import threading
import time

import pytest

from packhouse_server import Server

PACKAGES, VERSIONS = 4, 6
API = "/api/v1/orgs/acme/repositories/main"


class Worker(threading.Thread):
    """One package, changed at random until the server is gone. `last` is what the last answered change left;
    `open` is what may hold besides: a change whose answer the kill cut off."""

    def __init__(self, server, number, seed):
        super().__init__(daemon=True)
        self.server, self.package, self.rng = server, f"p{number}", random.Random(seed)
        self.state, self.open = {}, {}
        self.answers = 0
        self.wrong = None

    def url(self, version):
        return f"{self.server.artifacts}/{self.package}/{version}/data.txt"

    def bytes_of(self, version):
        return f"{self.package} {version}".encode() * 50

    def change(self, version):
        """The request of a change that is possible now, and what it leaves."""
        state = self.state.get(version, "absent")
        body = {"package": f"artifact:{self.package}", "version": version}
        if state == "absent":
            return ("PUT", self.url(version), self.bytes_of(version)), "live"
        if state == "removed" and self.rng.random() < 0.6:
            return ("POST", f"{API}/restorations", json.dumps(body).encode()), "live"
        body |= {"reason": "killed", "now": state == "removed" or self.rng.random() < 0.3}
        return ("POST", f"{API}/removals", json.dumps(body).encode()), "gone" if body["now"] else "removed"

    def run(self):
        versions = [f"1.{self.rng.randrange(1 << 30)}.{i}" for i in range(VERSIONS)]
        while True:
            version = self.rng.choice(versions)
            if self.state.get(version) == "gone":
                version = f"2.{self.rng.randrange(1 << 30)}.0"
                versions[self.rng.randrange(VERSIONS)] = version
            request, after = self.change(version)
            self.open = {version: after}
            try:
                answer = self.server.http(*request)
            except (OSError, http.client.HTTPException):  # an answer that the kill cut off, or in half
                return
            if answer.status not in (200, 201):
                self.wrong = f"{request[:2]}: {answer}"
                return
            self.state[version], self.open = after, {}
            self.answers += 1

    def look(self):
        for version, state in {**self.state, **{v: None for v in self.open}}.items():
            answer = self.server.get(self.url(version))
            allowed = {self.state.get(version, "absent"), self.open.get(version)}
            assert answer.status == 200 if allowed <= {"live"} else answer.status in (200, 404), (version, answer)
            if "live" not in allowed:
                assert answer.status == 404, (version, allowed, answer)
            if answer.status == 200:
                assert answer.body == self.bytes_of(version)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_in_the_middle_of_removals_leaves_nothing_half_done(tmp_path, seed):
    rng = random.Random(seed)
    server = Server(tmp_path / "server", settings={"PACKHOUSE_TRASH_DAYS": "1", "PACKHOUSE_SWEEP_GRACE_HOURS": "0"})
    try:
        for kill in range(5):
            workers = [Worker(server, f"{kill}-{i}", rng.randrange(1 << 30)) for i in range(PACKAGES)]
            for worker in workers:
                worker.start()
            deadline = time.monotonic() + 120
            while sum(worker.answers for worker in workers) < 30 and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.05))
            server.kill9()
            for worker in workers:
                worker.join(60)
                assert not worker.is_alive() and not worker.wrong, worker.wrong
            assert sum(worker.answers for worker in workers)
            server.start()
            server.verify()
            for worker in workers:
                worker.look()
    finally:
        server.kill9()
