"""What every client does with the newest version held: ./test long -k policy_clients. Its table is
docs/policy-clients.md. The version is older than what clients wait for by themselves."""

import os
import pathlib
import shutil

import pytest

import clients
import packages
from policies import COOLDOWN, ago, set_policy
from pulling import attach

pytestmark = pytest.mark.long
SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "1m"}
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "policy-clients.md"
NPM = {"npm 11": clients.Npm, "npm 10": clients.Npm10, "pnpm": clients.Pnpm, "Yarn 1": clients.Yarn1,
       "Yarn 4": clients.Berry, "Bun": clients.Bun}
PYTHON = {"pip": clients.Pip, "uv": clients.Uv, "uv project": clients.UvProject, "Poetry": clients.Poetry,
          "PDM": clients.Pdm}
ASKED = {"npm": {"by name": "left-pad", "a range": "left-pad@^1.3.0", "latest": "left-pad@latest",
                 "exactly": "left-pad@1.3.1"},
         "pypi": {"by name": "left-pad", "a range": "left-pad>=1.3", "latest": None, "exactly": "left-pad==1.3.1"}}


def told(failure):
    """What a person reads of it: our sentence, or what the client makes of a version that is not there."""
    text = failure.stdout + failure.stderr
    if "New releases wait" in text:
        return "refused, in our sentence"
    return "refused: 403" if "403" in text else "refused: no such version"


def outcome(install):
    try:
        installed = install()
    except clients.Failure as failure:
        return told(failure)
    if installed is None:
        return "1.3.1 installed"
    text = " ".join(str(content) for content in installed.files.values())
    assert "1.3.1" not in text, "what is held was installed"
    return "1.3.0 installed"


def ask_all(folder, server, kinds, form):
    rows = {}
    for name, kind in kinds.items():
        locked = kind(folder / name / "locked", server)
        installed = locked.install(ASKED[form]["exactly"])
        rows[name] = (kind, installed.folder if form == "npm" else None)
    set_policy(server, COOLDOWN)
    table = {}
    for name, (kind, project) in rows.items():
        row = {}
        for how, spec in ASKED[form].items():
            client = kind(folder / name / how.replace(" ", "-"), server)
            row[how] = outcome(lambda: client.install(spec)) if spec else "–"
        client = kind(folder / name / "again", server)
        shutil.rmtree(project / "node_modules", ignore_errors=True) if project else None
        row["from its lockfile"] = outcome(lambda: client.reinstall(project)) if project else "–"
        table[name] = row
    return table


def write_page(tables):
    lines = ["# What clients do with a version that is held", "",
             "A package has the versions 1.3.0 and 1.3.1, and policy holds the newer one. *Our sentence* is the policy's, with",
             "the rule and until when, in the client's own output. Measured with the real clients: `./test long -k policy_clients`",
             "writes this page.", ""]
    for table in tables:
        columns = list(next(iter(table.values())))
        lines += [f"| client | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
        lines += [f"| {name} | {' | '.join(row[column] for column in columns)} |" for name, row in table.items()]
        lines.append("")
    PAGE.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")


def test_every_client_takes_another_version_or_says_why(new_server, upstream, tmp_path):
    tables = []
    for form, kinds in (("npm", NPM), ("pypi", PYTHON)):
        server = new_server(settings=SETTINGS)
        attach(server, "npm", upstream.npm_url)
        attach(server, "pypi", upstream.pypi_url)
        for version, age in (("1.3.0", {"days": 400}), ("1.3.1", {"days": 3})):
            if form == "npm":
                upstream.npm.add("left-pad", version, published=ago(**age))
            else:
                upstream.pypi.add(packages.wheel("left-pad", version), upload_time=ago(**age))
        tables.append(ask_all(tmp_path, server, kinds, form))
    if os.environ.get("PACKHOUSE_WRITE_DOCS") == "1":
        write_page(tables)
    for table in tables:
        for name, row in table.items():
            assert row["exactly"].startswith("refused"), (name, row)
            assert row["from its lockfile"].startswith(("refused", "–")), (name, row)
            assert row["by name"] == row["a range"] == "1.3.0 installed", (name, row)
