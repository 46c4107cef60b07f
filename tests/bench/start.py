"""The start on a million versions, and whether a hundred times more packages make reading slower."""

import json
import pathlib
import socket
import statistics
import subprocess
import time

import engines
import packages
import packhouse_server
import reads
import seed
import shapes

TEMPLATE = "template-pkg"
VERSIONS = 100
FEW, MANY = 100, 10000

# Each request asks for another package; every thread goes its own way through them.
WANDER = """
function init(args)
  base, count, at = args[1], tonumber(args[2]), 0
  math.randomseed(tonumber(tostring({}):sub(8), 16))
end
function request()
  return wrk.format("GET", string.format("%s/seed-%07d", base, math.random(0, count - 1)))
end
"""


def fill(server):
    for patch in range(VERSIONS):
        version = f"1.0.{patch}"
        reads.publish(server, shapes.npm_publish(server.npm, TEMPLATE, version,
                                                 packages.npm_tarball(TEMPLATE, version)))


def first_answer(server, path):
    """Seconds from exec to the first packument's last byte. Asks again until someone listens."""
    ready = server.folder / "ready.json"
    ready.unlink(missing_ok=True)
    request = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
               "Connection: close\r\n\r\n").encode()
    port = engines.free_port()
    began = time.monotonic()
    server.process = subprocess.Popen(
        [packhouse_server.binary(), "serve", "--data", server.data, "--listen", f"127.0.0.1:{port}",
         "--ready-file", str(ready)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=open(server.log, "ab"), env=server.environment, cwd=server.folder)
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 30) as sock:
                sock.sendall(request)
                answer = b"".join(iter(lambda: sock.recv(65536), b""))
            break
        except ConnectionRefusedError:
            if server.process.poll() is not None or time.monotonic() - began > 60:
                raise SystemExit(f"bench: no start on the seeded data\n{server.tail()}") from None
            time.sleep(0.0005)
    took = time.monotonic() - began
    if not answer.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"bench: {answer[:300]!r}")
    while not ready.exists():
        time.sleep(0.001)
    server.url = json.loads(pathlib.Path(ready).read_text())["url"].rstrip("/")
    server.port = port
    return took


def wander(server, count, folder, seconds):
    """Requests per second over so many packages, once all of their documents have been rendered."""
    with server.connect() as connection:
        for number in range(count):
            answer = connection.request("GET", f"{server.npm}/{seed.name_of(TEMPLATE, number)}",
                                        {"Authorization": f"Bearer {server.token}",
                                         "Accept-Encoding": "gzip"})
            if answer.status != 200:
                raise SystemExit(f"bench: {answer!r}")
    headers = [("Authorization", f"Bearer {server.token}"), reads.GZIP]
    return lambda: engines.wrk(server.url, seconds, headers, script=WANDER, folder=folder,
                               arguments=[server.npm, count])


def measure(folder, rounds, seconds, packages_count=MANY):
    server = engines.Server(folder / "start", settings={"PACKHOUSE_DOCUMENT_CACHE_SIZE": "1 GiB"})
    fill(server)
    server.stop()
    empty = []
    for _ in range(max(rounds, 3)):
        empty.append(first_answer(server, f"{server.npm}/{TEMPLATE}"))
        server.stop()
    count = seed.seed(server.data, TEMPLATE, packages_count)
    full = []
    for _ in range(max(rounds, 3)):
        full.append(first_answer(server, f"{server.npm}/{seed.name_of(TEMPLATE, packages_count // 2)}"))
        server.stop()
    first_answer(server, f"{server.npm}/{TEMPLATE}")
    try:
        sides = {few: (wander(server, few, folder, seconds), []) for few in (FEW, packages_count)}
        for _ in range(rounds):
            for ask, results in sides.values():
                results.append(ask())
    finally:
        server.stop()
    return {"versions": count, "empty": empty, "full": full,
            "few": sides[FEW][1], "many": sides[packages_count][1], "packages": packages_count}


def rows(result):
    empty, full = (statistics.median(result[key]) * 1000 for key in ("empty", "full"))
    yield (f"start to first packument, {result['versions']:,} versions", f"{empty:.0f} ms with 100",
           f"{full:.0f} ms", f"{full / empty:.2f}", "≤ 50 ms", full <= 50)
    ratios = [many["p50"] / few["p50"] for few, many in zip(result["few"], result["many"])]
    shown = [f"{statistics.median(run['p50'] for run in result[key]):,.0f} µs" for key in ("few", "many")]
    yield (f"latency over {result['packages']:,} packages", f"{shown[0]} over {FEW}", shown[1],
           f"{statistics.median(ratios):.2f}", "≤ 1.2", statistics.median(ratios) <= 1.2)
