"""What goes and comes back, at its full number: ./test long. Its line is at the end of docs/removal.md."""

import datetime
import os
import pathlib
import re
import subprocess

import pytest

from packhouse_server import ROOT, binary

pytestmark = pytest.mark.long
SEQUENCES = 10000


def test_removal_10000_sequences():
    program = pathlib.Path(binary()).parent / "tests" / "removal_model_test"
    done = subprocess.run([program], env=os.environ | {"PACKHOUSE_TEST_SEQUENCES": str(SEQUENCES)},
                          text=True, capture_output=True, timeout=4 * 3600)
    assert done.returncode == 0, done.stdout + done.stderr
    page = ROOT / "docs" / "removal.md"
    row = f"| random sequences against a model | {SEQUENCES:,} | 0 | {datetime.date.today()} |"
    text = re.sub(r"\| random sequences against a model \|.*", row, page.read_text())
    page.write_text(text)
