"""Lets every test below import what tests/support/ has, and ask for its fixtures."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "support"))

pytest_plugins = ["fixtures", "conformance"]
