#!/usr/bin/env python3
"""Prepares every statement of the source on the real schema: all must prepare, and none of those that
answer a request may scan a table."""
import pathlib
import re
import sqlite3
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = {"PK64": "INTEGER PRIMARY KEY AUTOINCREMENT", "I64": "INTEGER", "TXT": "TEXT", "BIN": "BLOB",
         "PLAIN": "STRICT", "ROWLESS": "STRICT, WITHOUT ROWID"}
# These look at everything because that is their task.
MAY_SCAN = {"verify.c", "migration.c", "eviction.c"}
STATEMENT = re.compile(r'static const char (\w+)\[\]\s*=\s*((?:"(?:[^"\\]|\\.)*"\s*)+);')
SQL = re.compile(r"^(SELECT|INSERT|UPDATE|DELETE)\b")


def statements():
    for source in sorted(ROOT.glob("storage/*/*.c")) + sorted(ROOT.glob("server/**/*.c")):
        if "static const char" not in source.read_text():
            continue
        text = subprocess.run(["cc", "-E", "-P", "-D_GNU_SOURCE", f"-I{ROOT}", *sys.argv[1:], str(source)],
                              capture_output=True, text=True, check=True).stdout
        for name, literal in STATEMENT.findall(text):
            sql = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literal)).replace('\\"', '"')
            if SQL.match(sql):
                yield source.name, name, sql


def schema():
    db = sqlite3.connect(":memory:")
    for file in sorted(ROOT.glob("storage/metadata/schema/*.sql")):
        db.executescript(re.sub(r"\b(%s)\b" % "|".join(WORDS), lambda m: WORDS[m[1]], file.read_text()))
    return db


def main():
    db, passed, failed = schema(), 0, 0
    for source, name, sql in statements():
        count = max([int(n) for n in re.findall(r"\?(\d+)", sql)], default=0)
        try:
            plan = [row[3] for row in db.execute("EXPLAIN QUERY PLAN " + sql, [None] * count)]
        except sqlite3.Error as error:
            print(f"{source} {name}: {error}\n  {sql}")
            failed += 1
            continue
        in_order = re.compile(r"USING (INTEGER PRIMARY KEY|(COVERING )?INDEX)")
        scans = [line for line in plan if re.match(r"SCAN (?!CONSTANT)", line)
                 and not ("LIMIT" in sql and in_order.search(line))]
        if scans and source not in MAY_SCAN:
            print(f"{source} {name}: {scans}\n  {sql}")
            failed += 1
        else:
            passed += 1
    print(f"{passed} statements are right, {failed} are not")
    return 1 if failed or passed < 20 else 0


sys.exit(main())
