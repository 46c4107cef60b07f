"""docs/conformance.md is what all tests proved, or stays as it is."""

import json
import types

import pytest

import conformance


class Lines(list):
    """Where pytest would write its summary."""

    write_line = list.append


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone whose page is full; clone.run(outcomes, **environment) is what the run's summary says."""
    monkeypatch.setattr(conformance, "ROOT", tmp_path)
    monkeypatch.setattr(conformance, "FOUND", tmp_path / "build" / "conformance.json")
    page = tmp_path / "docs" / "conformance.md"
    page.parent.mkdir()
    page.write_text("full\n")

    def run(outcomes, **environment):
        for name in ("PACKHOUSE_WRITE_DOCS", "PACKHOUSE_WHOLE_RUN"):
            monkeypatch.setenv(name, environment.get(name.split("_", 1)[1].lower(), ""))
        record = conformance.Record(types.SimpleNamespace(option=types.SimpleNamespace(collectonly=False)))
        record.found = {line: {"a test": outcome} for line, outcome in outcomes.items()}
        record.pytest_sessionfinish()
        said = Lines()
        record.pytest_terminal_summary(said)
        return said

    return types.SimpleNamespace(run=run, page=page, found=conformance.FOUND)


def test_a_part_of_the_tests_leaves_the_page_alone(clone):
    assert "docs/conformance.md stays" in clone.run({"npm-001": "passed"}, write_docs="1")[0]
    assert clone.page.read_text() == "full\n"
    assert list(json.loads(clone.found.read_text())) == ["npm-001"]


def test_after_all_of_them_a_part_adds_to_the_page(clone):
    assert clone.run({"npm-001": "passed", "npm-002": "failed"}, whole_run="1") == []
    assert clone.page.read_text() == "full\n", "only where docs are to be written"
    assert clone.run({"npm-003": "passed"}, write_docs="1") == []
    text = clone.page.read_text()
    assert "| npm-001 | passed |" in text and "| npm-002 | failed |" in text and "| npm-003 | passed |" in text
