"""What policy costs: the same server with `careful` and without one, in turn within each round. CPU time is the
server's, for on a busy machine nothing else holds."""

import base64
import concurrent.futures
import hashlib
import json
import random
import shutil
import statistics
import subprocess
import time

import engines
import installs
import packhouse_server
import policies
import pulls
import reads
import recorded
import replays
import start

VERSIONS = 10_000
EACH = 3  # documents for one number: the clock of CPU time ticks a hundred times a second
FEW = 10  # versions that the cooldown holds
DOCUMENTS, DOCUMENT_VERSIONS = 10_000, 10
YOUNG_EACH = 20  # one of so many documents has a version that the cooldown holds
DAY = 86400
FILTERED, EQUAL, INSTALL, REVISION = 1.3, 0.95, 1.1, 1.2


def example(name):
    return subprocess.run([packhouse_server.binary(), "policy", "example", name], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def careful(days=7):
    """The cases that come with it look at the first seven days."""
    return example("careful").replace("younger_than: 7d", f"younger_than: {days}d").partition("\ncases:")[0] + "\n"


def manifest(name, version, base):
    digest = base64.b64encode(hashlib.sha512(f"{name}@{version}".encode()).digest()).decode()
    return {"name": name, "version": version, "description": "of a bench " * 8, "license": "MIT",
            "scripts": {"test": "jest", "build": "tsc"}, "maintainers": [{"name": "somebody", "email": "a@b.c"}],
            "dependencies": reads.dependencies(version, 8), "devDependencies": reads.dependencies(version + "d", 12),
            "_npmUser": {"name": "somebody", "email": "a@b.c"},
            "dist": {"integrity": f"sha512-{digest}", "shasum": "a" * 40, "fileCount": 10, "unpackedSize": 12345,
                     "tarball": f"{base}/{name}-{version}.tgz"}}


def packument(base, name, count, young):
    """The last so many versions are younger than any cooldown; the others are old."""
    now = time.time()
    versions = [f"1.{number // 100}.{number % 100}" for number in range(count)]
    ages = [4 * DAY * (count - number) / count if number >= count - young else 400 * DAY - number
            for number in range(count)]
    times = {version: time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now - age))
             for version, age in zip(versions, ages)}
    return json.dumps({"_id": name, "name": name, "dist-tags": {"latest": versions[-1]},
                       "versions": {version: manifest(name, version, base) for version in versions},
                       "time": {"created": times[versions[0]], "modified": times[versions[-1]], **times}}).encode()


def ask(server, names, path=None):
    with server.connect() as connection:
        for name in names:
            answer = connection.request("GET", path or f"{server.npm}/{name}",
                                        {"Authorization": f"Bearer {server.token}", "Accept-Encoding": "gzip"})
            if answer.status != 200:
                raise SystemExit(f"bench: {name}: {answer!r}")
    return answer


def cpu_of(server, work):
    before = installs.cpu_seconds(server.pids())
    work()
    installs.settle(server)
    return installs.cpu_seconds(server.pids()) - before


def both(folder, make, mode="enforce"):
    """Two servers, without a policy and with one."""
    servers = [make(folder / kind) for kind in ("without", "with")]
    policies.set_policy(servers[1], careful().replace("mode: enforce", f"mode: {mode}"))
    return servers


def stop(servers, upstream):
    for server in servers:
        server.stop()
    upstream.stop()


def cached_alike(servers, path, rounds, seconds, folder):
    """Reads each second of a cached document, without and with policy."""
    found = [[], []]
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            headers = [("Authorization", f"Bearer {servers[side].token}"), *pulls.READ]
            found[side].append(engines.wrk(servers[side].url + path, seconds, headers, folder=folder)["per_second"])
    return found


def measure_filtered(folder, rounds, seconds):
    upstream = recorded.Upstream(folder / "upstream", delay=0, log=False)
    shelf = pulls.Shelf(upstream)
    cases = {"few": FEW, "half": VERSIONS // 2}
    for case, young in cases.items():
        for number in range(rounds * EACH):
            name = f"{case}-{number}"
            (upstream.extra / "npm" / name).write_bytes(packument(shelf.url, name, VERSIONS, young))
    upstream.start()
    servers = both(folder, lambda at: pulls.through(at, shelf))
    took = {case: ([], []) for case in cases}
    try:
        for number in range(rounds):
            for case in cases:
                names = [f"{case}-{number * EACH + each}" for each in range(EACH)]
                for side in (0, 1) if number % 2 else (1, 0):
                    took[case][side].append(cpu_of(servers[side], lambda: ask(servers[side], names)) / EACH)
        shown = len(json.loads(servers[1].get(f"{servers[1].npm}/few-0", timeout=300).body)["versions"])
        if shown != VERSIONS - FEW:
            raise SystemExit(f"bench: {shown} versions are shown")
        cached = cached_alike(servers, f"{servers[0].npm}/few-0", rounds, seconds, folder)
    finally:
        stop(servers, upstream)
    for case, young in cases.items():
        ratio = statistics.median(ours / bare for bare, ours in zip(*took[case]))
        bare, ours = (f"{statistics.median(side) * 1000:.0f} ms" for side in took[case])
        yield (f"packument of {VERSIONS:,} versions, {young:,} held: cold, CPU time", bare, ours, f"{ratio:.2f}",
               f"≤ {FILTERED}", ratio <= FILTERED)
    ratio = statistics.median(ours / bare for bare, ours in zip(*cached))
    bare, ours = (f"{statistics.median(side):,.0f}/s" for side in cached)
    yield "the same, cached", bare, ours, f"{ratio:.2f}", f"≥ {EQUAL}", ratio >= EQUAL


def measure_install(folder, rounds):
    """In audit mode, which takes and counts the same verdicts: some versions were young when they were recorded."""
    installer = installs.NpmCi(folder)
    upstream = recorded.Upstream(folder / "upstream", delay=0, log=False).start()
    cold, warm, servers = [[], []], [[], []], []
    try:
        for number in range(rounds):
            servers = both(folder / f"round-{number}", lambda at: installs.Through(at, upstream), "audit")
            for results in (cold, warm):
                for side in (0, 1) if number % 2 else (1, 0):
                    results[side].append(cpu_of(servers[side], lambda: installer.run(servers[side])))
            for server in servers:
                server.stop()
            shutil.rmtree(folder / f"round-{number}")
    finally:
        stop(servers, upstream)
    count = recorded.need()["npm"]
    for kind, results in (("cold", cold), ("warm", warm)):
        ratio = statistics.median(ours / bare for bare, ours in zip(*results))
        bare, ours = (f"{statistics.median(side):.2f} s" for side in results)
        yield (f"npm ci, {count:,} packages under careful: {kind}, CPU time", bare, ours, f"{ratio:.2f}", f"≤ {INSTALL}",
               ratio <= INSTALL)


def holds(server, name):
    return b"policyRestrictions" in server.get(f"{server.npm}/{name}", timeout=300).body


def measure_revision(folder, rounds, seconds):
    """Reads at random over 10,000 cached documents, before a new revision and from its first moment on."""
    upstream = recorded.Upstream(folder / "upstream", delay=0, log=False)
    shelf = pulls.Shelf(upstream)
    names = [f"many-{number:05}" for number in range(DOCUMENTS)]
    for number, name in enumerate(names):
        (upstream.extra / "npm" / name).write_bytes(
            packument(shelf.url, name, DOCUMENT_VERSIONS, number % YOUNG_EACH == 0))
    upstream.start()
    server = installs.Pulling(folder / "server", {"npm": shelf.url},
                              settings={"PACKHOUSE_DOCUMENT_CACHE_SIZE": "1 GiB"})
    before, after, shows = [], [], []
    headers = [("Authorization", f"Bearer {server.token}"), reads.GZIP]

    def wander():
        return engines.wrk(server.url, seconds, headers, script=start.WANDER.replace("seed-%07d", "many-%05d"), folder=folder,
                           arguments=[server.npm, DOCUMENTS])

    try:
        policies.set_policy(server, careful())
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda part: ask(server, names[part::16]), range(16)))
        ask(server, names)
        installs.settle(server)
        for number in range(rounds):
            before.append(wander()["per_second"])
            policies.set_policy(server, careful(8 + number))
            after.append(wander()["per_second"])
        for number, name in enumerate(random.Random(1).sample(names[::YOUNG_EACH], 2 * rounds)):
            policies.set_policy(server, example("open") if number % 2 else careful())
            shows.append(holds(server, name))
    finally:
        stop([server], upstream)
    ratio = statistics.median(old / new for old, new in zip(before, after))
    yield (f"reads of {DOCUMENTS:,} cached documents, before and from a new revision on, {seconds} s each",
           f"{statistics.median(before):,.0f}/s", f"{statistics.median(after):,.0f}/s", f"{ratio:.2f}", f"≤ {REVISION}",
           ratio <= REVISION)
    right = shows == [number % 2 == 0 for number in range(len(shows))]
    yield "a new revision shows on the next request", "", "yes" if right else "no", "", "yes", right


def measure_replay(folder, rounds):
    for what, ours, budget, is_met in replays.rows(replays.measure(folder, rounds)):
        yield what, "", ours, "", budget, is_met


def measure(folder, rounds, seconds):
    recorded.need()
    for name, rows in (("filtered", lambda at: measure_filtered(at, rounds, seconds)),
                       ("install", lambda at: measure_install(at, rounds)),
                       ("revision", lambda at: measure_revision(at, rounds, seconds)),
                       ("replay", lambda at: measure_replay(at, rounds))):
        at = folder / name
        at.mkdir()
        yield from rows(at)
        shutil.rmtree(at)
