"""Which lines of the conformance lists hold, told by the tests that ran.

A test says which line it proves by its id or by a decorator; one may prove many, many may prove one:

    @conformance("npm-042")
    def test_…

    @pytest.mark.parametrize("case", [pytest.param(…, id="py-101")])

The table goes to build/conformance.md, and to docs/conformance.md where PACKHOUSE_WRITE_DOCS=1 and all tests have
run here once (PACKHOUSE_WHOLE_RUN=1): else the page would lose what other tests prove. Runs add to what earlier runs
found; `./test` starts afresh by removing build/conformance.*."""

import csv
import json
import os
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTS = ROOT / "tests" / "support" / "conformance"
FOUND = ROOT / "build" / "conformance.json"
WHOLE = "conformance.whole"  # beside FOUND, once all tests have run
LINE = re.compile(r"\b(npm|py|art)-(\d{3})\b")
TITLES = {"npm": "The npm registry", "py": "The Python index", "art": "Artifacts, access, policy and events"}


def conformance(*lines):
    """Marks a test as the proof of lines: "npm-042", …. Other words are for the reader alone."""
    return pytest.mark.conformance(*[line for line in lines if LINE.fullmatch(line)])


def read_list(prefix):
    """Pairs of a line's id and its words."""
    with open(LISTS / f"{prefix}.tsv", encoding="utf-8", newline="") as file:
        return [(f"{prefix}-{int(number):03}", words)
                for number, words in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]


def lines_of(item):
    marked = [line for marker in item.iter_markers("conformance") for line in marker.args]
    in_id = [match.group() for match in LINE.finditer(item.callspec.id)] if hasattr(item, "callspec") else []
    return sorted(set(marked + in_id))


def known_lines():
    return {line for prefix in TITLES for line, _ in read_list(prefix)}


def pytest_configure(config):
    config.addinivalue_line("markers", "conformance(*lines): the lines of the conformance lists that it proves")
    config.addinivalue_line("markers", "settings(**PACKHOUSE_…): settings of this test's server")
    config.addinivalue_line("markers", "long: only in ./test long")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Record(config))


def pytest_collection_modifyitems(items):
    known = known_lines()
    for item in items:
        lines = lines_of(item)
        unknown = [line for line in lines if line not in known]
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: no such line: {', '.join(unknown)}")
        # So that -k npm-042 finds it, however the test says so.
        item.extra_keyword_matches.update(lines)
        item.user_properties.append(("conformance", lines))


class Record:
    """Gathers what each line's tests said. Reports carry the lines, so workers' ones arrive too."""

    def __init__(self, config):
        self.config, self.found, self.leaves_page = config, {}, False

    def pytest_runtest_logreport(self, report):
        lines = dict(report.user_properties).get("conformance") or []
        if report.when != "call" and report.outcome == "passed":
            return
        for line in lines:
            tests = self.found.setdefault(line, {})
            # A teardown that fails after a good call is a failure: the server said something bad.
            if tests.get(report.nodeid) != "failed":
                tests[report.nodeid] = report.outcome

    def pytest_sessionfinish(self):
        write_docs = os.environ.get("PACKHOUSE_WRITE_DOCS") == "1"
        if self.config.option.collectonly or not (self.found or write_docs):
            return
        found = merge(self.found)
        FOUND.parent.mkdir(exist_ok=True)
        FOUND.write_text(json.dumps(found, indent=1, sort_keys=True))
        (ROOT / "build" / "conformance.md").write_text(table(found), encoding="utf-8")
        if os.environ.get("PACKHOUSE_WHOLE_RUN") == "1":
            (FOUND.parent / WHOLE).touch()
        self.leaves_page = write_docs and not (FOUND.parent / WHOLE).exists()
        if write_docs and not self.leaves_page:
            (ROOT / "docs").mkdir(exist_ok=True)
            (ROOT / "docs" / "conformance.md").write_text(table(found), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter):
        if self.leaves_page:
            terminalreporter.write_line("docs/conformance.md stays as it is: run the whole ./test here first")


def merge(new):
    try:
        found = json.loads(FOUND.read_text())
    except FileNotFoundError:
        found = {}
    for line, tests in new.items():
        found.setdefault(line, {}).update(tests)
    return found


def state(tests):
    outcomes = set(tests.values())
    if "failed" in outcomes:
        return "failed"
    return "passed" if outcomes == {"passed"} else "not yet"


def table(found):
    """The page. A line without a test, or whose test was skipped, is "not yet"."""
    out = ["# Conformance", "",
           "Each line is something that a real client or a standard expects. `./test` writes this page",
           "from the tests that ran: *passed*, *failed*, or *not yet* where no test proves it.", ""]
    counts = []
    for prefix, title in TITLES.items():
        rows = [(line, state(found.get(line, {})) if line in found else "not yet", words)
                for line, words in read_list(prefix)]
        passed = sum(1 for _, outcome, _ in rows if outcome == "passed")
        failed = sum(1 for _, outcome, _ in rows if outcome == "failed")
        counts.append((title, passed, failed, len(rows) - passed - failed, rows))
    out += ["| list | passed | failed | not yet |", "| --- | --- | --- | --- |"]
    out += [f"| {title} | {passed} | {failed} | {rest} |" for title, passed, failed, rest, _ in counts]
    for title, _, _, _, rows in counts:
        out += ["", f"## {title}", "", "| line | state | what |", "| --- | --- | --- |"]
        out += [f"| {line} | {outcome} | {words.replace('|', chr(92) + '|')} |" for line, outcome, words in rows]
    return "\n".join(out) + "\n"
