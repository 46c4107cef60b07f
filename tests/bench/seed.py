#!/usr/bin/env python3
"""Writes many npm packages straight into the rows of a stopped server's data directory.

    tests/bench/seed.py DATA TEMPLATE --packages 10000

TEMPLATE is a package that was published through the server. Each new one is its copy, all versions
and files, under a name of the same length: whatever columns there are, and whatever the server
wrote into them, comes along. The files' bytes are not made, so only documents can be asked for."""

import argparse
import secrets
import sqlite3
import time


def rows_of(db, table, where, *values):
    cursor = db.execute(f"SELECT * FROM {table} WHERE {where}", values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor]


def next_id(db, table):
    return (db.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0) + 1


def renamed(value, old, new):
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, bytes):
        return value.replace(old.encode(), new.encode())
    return value


def insert(db, table, rows):
    if not rows:
        return
    names = list(rows[0])
    db.executemany(f"INSERT INTO {table}({', '.join(names)}) VALUES({', '.join('?' * len(names))})",
                   [tuple(row[name] for name in names) for row in rows])


class Template:
    def __init__(self, db, name):
        self.name = name
        (self.package,) = rows_of(db, "package", "name_norm = ?", name)
        ours = "package_id = ?", self.package["id"]
        self.tables = {
            "version": rows_of(db, "version", *ours),
            "file": rows_of(db, "file", *ours),
            "tag": rows_of(db, "tag", *ours),
            "version_document": rows_of(db, "version_document",
                                        "version_id IN (SELECT id FROM version WHERE package_id = ?)",
                                        self.package["id"]),
            "blob": rows_of(db, "blob", "id IN (SELECT blob_id FROM file WHERE package_id = ?)",
                            self.package["id"]),
        }

    def copy(self, db, name, ids):
        """Inserts the copy; ids counts what was given out for each table."""
        package_id, versions, blobs = ids["package"], {}, {}
        ids["package"] += 1
        for table, made in (("version", versions), ("blob", blobs)):
            for row in self.tables[table]:
                made[row["id"]] = ids[table]
                ids[table] += 1
        digests = {row["id"]: secrets.token_bytes(32) for row in self.tables["blob"]}

        def change(table, row):
            row = {key: renamed(value, self.name, name) for key, value in row.items()}
            if table == "package":
                row["id"] = package_id
            if "package_id" in row:
                row["package_id"] = package_id
            if "version_id" in row:
                row["version_id"] = versions[row["version_id"]]
            if table == "file":
                row["id"], ids["file"] = ids["file"], ids["file"] + 1
                row["pin_sha256"] = digests[row["blob_id"]]
                row["blob_id"] = blobs[row["blob_id"]]
            if table == "blob":
                row["sha256"] = digests[row["id"]]
                row["id"] = blobs[row["id"]]
            if table == "version":
                row["id"] = versions[row["id"]]
            return row

        insert(db, "package", [change("package", self.package)])
        for table in ("version", "version_document", "tag", "blob", "file"):
            insert(db, table, [change(table, row) for row in self.tables[table]])


def name_of(template, number):
    """As long as the template's, so that lengths within documents stay right."""
    digits = str(number).zfill(7)
    return "seed-" + digits.rjust(len(template) - 5, "0")


def seed(data, template, packages):
    db = sqlite3.connect(f"{data}/meta.db", isolation_level=None)
    db.execute("PRAGMA synchronous=OFF")
    db.execute("PRAGMA cache_size=-500000")
    db.execute("BEGIN")
    pattern = Template(db, template)
    ids = {table: next_id(db, table) for table in ("package", "version", "file", "blob")}
    for number in range(packages):
        pattern.copy(db, name_of(template, number), ids)
        if number % 500 == 499:
            db.execute("COMMIT")
            db.execute("BEGIN")
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    count = db.execute("SELECT count(*) FROM version").fetchone()[0]
    db.close()
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("template")
    parser.add_argument("--packages", type=int, default=10000)
    args = parser.parse_args()
    began = time.monotonic()
    print(f"{seed(args.data, args.template, args.packages):,} versions, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
