"""docs/errors.md names every code that a client may get, and none that does not exist."""

import re

from packhouse_server import ROOT

# What only whoever starts the server or works on its directory gets to see.
OPERATORS = {"bad-address", "cannot-listen", "data-in-use", "data-used", "no-data", "schema", "schema-newer",
             "unsafe-file-system", "json-member"}
GIVEN = re.compile(r'(?:STATUS_[A-Z_]+|\brc),\s*"([a-z0-9-]+)"|\b(?:invalid|refuse|fail_head)\(\w+, "([a-z0-9]+(?:-[a-z0-9]+)+)"'
                   r'|[?:] "((?:version|file|path|name)-[a-z-]+|denied)"')
WORD = re.compile(r'\[STATUS_[A-Z_]+\] = "([a-z-]+)"')


def given():
    codes = set()
    for path in [*ROOT.glob("policy/*.c"), *ROOT.glob("storage/*/*.c"), *ROOT.glob("protocols/*/*.c"), *ROOT.glob("server/*.c"),
                 *ROOT.glob("server/a*/*.c")]:
        for match in GIVEN.finditer(path.read_text()):
            codes.add(next(group for group in match.groups() if group))
    words = set(WORD.findall((ROOT / "config/error.c").read_text()))
    return (codes | words) - OPERATORS - {"ok"}


def listed():
    page = (ROOT / "docs/errors.md").read_text()
    return {code for row in re.findall(r"^\| (`.*?) \|", page, re.M) for code in re.findall(r"`([a-z0-9-]+)`", row)}


def test_every_code_is_on_the_page_and_no_other():
    assert given() == listed()
