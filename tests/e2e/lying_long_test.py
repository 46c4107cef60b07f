"""What is run by hand, at its full number: ./test long -k lying. Its table is docs/lying-upstream.md."""

import os
import pathlib
import time

import pytest

import pull_rig

pytestmark = pytest.mark.long
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "lying-upstream.md"


def write_page(seed, outcome):
    lines = ["# Lying upstreams, measured", "",
             "An upstream that answers at random with other bytes, cut or endless answers, errors, redirects into private",
             "networks and documents of something else, one or two of them at a time. *Stored* is a blob that such an answer",
             "left behind, *completed* a client that got all of an answer and was told no error. `./test long -k lying` writes",
             "this page.", "",
             "| fetches | of which asked the upstream | stored | completed | seed |", "| --- | --- | --- | --- | --- |",
             f"| {outcome.fetches} | {outcome.told} | {outcome.stored} | {outcome.completed} | {seed} |", "",
             "| answer | times |", "| --- | --- |"]
    lines += [f"| {status} | {times} |" for status, times in sorted(outcome.statuses.items())]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_lying_10000(tmp_path):
    seed = int(time.time())
    rig = pull_rig.Rig(tmp_path / "rig", seed)
    try:
        outcome = pull_rig.run_random(rig, seed, 10_000)
        rig.server.verify()
        if os.environ.get("PACKHOUSE_WRITE_DOCS") == "1":
            write_page(seed, outcome)
        assert (outcome.stored, outcome.completed) == (0, 0), outcome
    finally:
        rig.close()
