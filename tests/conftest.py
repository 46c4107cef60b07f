"""Lets every test below import what support/ and crash/ have, and ask for the fixtures."""

import pathlib
import sys

for folder in ("support", "crash"):
    sys.path.insert(0, str(pathlib.Path(__file__).parent / folder))

pytest_plugins = ["server_fixtures", "conformance"]
