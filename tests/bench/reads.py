"""Documents and files, against nginx with the same bytes."""

import random
import statistics
import tempfile

import engines
import packages
import shapes

PIP = ("application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, "
       "text/html; q=0.01")
GZIP = ("Accept-Encoding", "gzip")
LARGE = 200 << 20


class Case:
    def __init__(self, name, path, headers, budget, by_bytes=False):
        self.name, self.path, self.headers, self.budget = name, path, list(headers), budget
        self.by_bytes = by_bytes
        self.ours, self.nginx = [], []

    @property
    def ratio(self):
        """The median of the rounds' ratios: both sides of one were measured back to back."""
        return statistics.median(o / n for o, n in zip(self.ours, self.nginx))


def publish(server, request):
    answer = server.send(request)
    if answer.status not in (200, 201):
        raise SystemExit(f"bench: {request.method} {request.path}: {answer!r}")


def dependencies(seed, count):
    chance = random.Random(seed)
    return {f"package-{chance.randrange(10 ** 6)}": f"^{chance.randrange(20)}.{chance.randrange(99)}.0"
            for _ in range(count)}


def fill(server):
    """What is read. Returns the cases."""
    base = server.npm
    publish(server, shapes.npm_publish(base, "small", "1.0.0"))
    noise = random.Random(1).randbytes(20 << 10)
    publish(server, shapes.npm_publish(base, "tarball", "1.0.0", packages.npm_tarball(
        "tarball", "1.0.0", {"noise.bin": noise})))
    for patch in range(500):
        version, manifest = f"1.0.{patch}", {"dependencies": dependencies(patch, 300)}
        publish(server, shapes.npm_publish(
            base, "large", version, packages.npm_tarball("large", version, **manifest), manifest=manifest))
    for patch in range(300):
        publish(server, shapes.pypi_upload(server.pypi, packages.wheel("pages", f"1.0.{patch}")))
    with tempfile.TemporaryFile(dir=server.folder) as file:
        piece = random.Random(2).randbytes(1 << 20)
        for _ in range(LARGE >> 20):
            file.write(piece)
        file.seek(0)
        answer = server.http("PUT", f"{server.artifacts}/image/1.0.0/image.bin",
                             iter(lambda: file.read(1 << 20), b""), timeout=300)
        if answer.status not in (200, 201):
            raise SystemExit(f"bench: the 200 MB file: {answer!r}")
    return [
        Case("small packument", f"{base}/small", [("Accept", "application/json"), GZIP], 0.7),
        Case("5 MB packument, gzip", f"{base}/large", [("Accept", "application/json"), GZIP], 0.7),
        Case("20 KB tarball", f"{base}/tarball/-/tarball-1.0.0.tgz", [], 0.7),
        Case("simple page of 300 files", f"{server.pypi}/simple/pages/", [("Accept", PIP), GZIP], 0.7),
        Case("200 MB file", f"{server.artifacts}/image/1.0.0/image.bin", [], 0.95, by_bytes=True),
    ]


def copy_to_nginx(server, nginx, cases):
    for number, case in enumerate(cases):
        answer = server.get(case.path, headers=case.headers, timeout=300)
        if answer.status != 200:
            raise SystemExit(f"bench: {case.path}: {answer!r}")
        encoding = answer.get("Content-Encoding")
        if GZIP in case.headers and len(answer.body) > 1000 and encoding != "gzip":
            raise SystemExit(f"bench: {case.path} comes without gzip")
        case.size, case.encoding = len(answer.body), encoding
        nginx.add(f"case{number}", answer.body, answer["Content-Type"], encoding)


def take_turns(server, nginx, cases, rounds, seconds, folder):
    token = ("Authorization", f"Bearer {server.token}")
    for number in range(rounds):
        for index, case in enumerate(cases):
            sides = [(case.ours, server.url + case.path), (case.nginx, f"{nginx.url}/case{index}")]
            for results, url in sides if number % 2 else reversed(sides):
                result = engines.wrk(url, seconds, [token, *case.headers], folder=folder)
                results.append(result["bytes_per_second" if case.by_bytes else "per_second"])


def measure(folder, rounds, seconds):
    server = engines.Server(folder / "reads")
    nginx = engines.Nginx(folder / "nginx")
    try:
        cases = fill(server)
        copy_to_nginx(server, nginx, cases)
        nginx.start()
        take_turns(server, nginx, cases, rounds, seconds, folder)
        return cases
    finally:
        nginx.stop()
        server.stop()


def rows(cases):
    for case in cases:
        if case.by_bytes:
            shown = [f"{statistics.median(side) / 1e9:.2f} GB/s" for side in (case.nginx, case.ours)]
        else:
            shown = [f"{statistics.median(side):,.0f}/s" for side in (case.nginx, case.ours)]
        coding = ", gzip" if case.encoding and "gzip" not in case.name else ""
        yield (f"{case.name} ({case.size:,} bytes{coding})", *shown, f"{case.ratio:.2f}",
               f"≥ {case.budget}", case.ratio >= case.budget)
