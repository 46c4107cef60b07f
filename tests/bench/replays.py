"""A policy that is run over the fetches of a week: rows are written straight into a stopped server's data."""

import hashlib
import json
import sqlite3
import statistics
import subprocess
import time

import engines
import packhouse_server

DAYS, EACH_DAY = 7, 100_000
BUDGET = 5.0
NAMES = 5_000
DAY_US = 86_400_000_000


def facts(number, now_us):
    """As a listing has it. Of a hundred one is young, so that there is something to tell."""
    name, version = f"package-{number % NAMES}", f"1.{number // NAMES}.0"
    age = 1 if number % 100 == 0 else 400
    digest = hashlib.sha512(f"{name}@{version}".encode()).hexdigest()[:88]
    known = {"format": "npm", "name": name, "version": version, "file": f"{name}-{version}.tgz", "upstream": "npm",
             "digests": [f"sha512-{digest}"], "published_us": now_us - age * DAY_US, "size_bytes": 20_000 + number,
             "license": "MIT", "publisher": f"person-{number % 700}"}
    return name, version, json.dumps(known, separators=(",", ":"))


def seed(data):
    """A row for each version and day, of another account each day."""
    now_us = time.time_ns() // 1000
    db = sqlite3.connect(f"{data}/meta.db", isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    org, repository = db.execute("SELECT org_id, id FROM repository WHERE name = 'main'").fetchone()
    account, = db.execute("SELECT min(id) FROM account").fetchone()
    db.execute("BEGIN")
    for number in range(EACH_DAY):
        name, version, text = facts(number, now_us)
        db.execute("INSERT INTO fact_snapshot(id, sha256, facts) VALUES(?, ?, ?)",
                   (number + 1, hashlib.sha256(text.encode()).digest(), text))
        db.executemany("INSERT INTO fetch VALUES(?, ?, ?, 1, ?, ?, ?, 0, '', ?, 3, ?)",
                       [(org, at // DAY_US, repository, name, version, account, number + 1, at)
                        for at in (now_us - day * DAY_US for day in range(DAYS))])
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def measure(folder, rounds):
    server = engines.Server(folder / "replay")
    server.stop()
    seed(server.data)
    server.start()
    text = subprocess.run([packhouse_server.binary(), "policy", "example", "careful"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    body = json.dumps({"text": text, "days": DAYS}).encode()
    seconds = []
    for _ in range(rounds):
        began = time.monotonic()
        answer = server.post("/api/v1/orgs/acme/policy/replay", body)
        seconds.append(time.monotonic() - began)
        told = answer.json()
        if answer.status != 200 or told["decisions"] != EACH_DAY // 100 or told["fetches"] < 3 * (DAYS - 1) * EACH_DAY:
            raise SystemExit(f"bench: the replay tells something else: {answer}")
    server.stop()
    return statistics.median(seconds)


def rows(seconds):
    yield (f"`policy diff --replay {DAYS}d` over {DAYS * EACH_DAY:,} counted fetches", f"{seconds:.2f} s",
           f"< {BUDGET:.0f} s", seconds < BUDGET)
