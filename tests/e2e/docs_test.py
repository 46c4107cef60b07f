"""What the documentation says is true: its commands run, its tables are the program's own."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import packages
from packhouse_server import ROOT, binary
from patience import PATIENCE

PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])
ADDRESS = "127.0.0.1:8080"
UPSTREAMS = {"https://npm.example.com/": "npm_url", "https://npm.partner.example.com/": "npm_url",
             "https://pypi.example.com/simple/": "pypi_url"}
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def name(page):
    return str(page.relative_to(ROOT))


def blocks(page, language):
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


@pytest.fixture
def desk(new_server, upstream, tmp_path):
    """A reader's terminal: every client on the PATH, a home of its own, things to publish."""
    server = new_server(settings={"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8"})
    upstream.npm.add("left-pad", "1.3.0")
    upstream.pypi.add(packages.wheel("six", "1.17.0"))
    folder = tmp_path / "desk"
    bin, home, work = folder / "bin", folder / "home", folder / "work"
    for place in (bin, home, work):
        place.mkdir(parents=True)
    os.symlink(binary(), bin / "packhouse")
    packages.wheel("hello", "1.0").write(work / "dist")
    (work / "web.tgz").write_bytes(packages.tar_gz({"index.html": b"<h1>hello</h1>\n"}))
    environment = {
        "PATH": f"{bin}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin", "HOME": str(home),
        "LANG": "C.UTF-8", "CI": "1", "NO_COLOR": "1", "T": server.token, "UV_PYTHON_DOWNLOADS": "never",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "npm_config_update_notifier": "false", "no_proxy": "127.0.0.1",
    }

    def type_in(script):
        script = script.replace(ADDRESS, f"{server.host}:{server.port}")
        for example, url in UPSTREAMS.items():
            script = script.replace(example, getattr(upstream, url))
        return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=work, env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)

    yield type_in
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=name)
def test_every_block_of_commands_runs(desk, page):
    """The blocks of a page, one after another, as a reader would type them."""
    script = "\n".join(f"echo '### block {number}'\n{text}" for number, text in enumerate(blocks(page, "sh"), 1))
    done = desk(script)
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_block_escapes_the_test(page):
    """What is typed is marked sh, and so is run; the rest says what else it is."""
    kinds = {kind for kind, _ in BLOCK.findall(page.read_text())}
    assert kinds <= {"sh", "text", "yaml", "nginx", "ini"}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=name)
def test_every_settings_file_is_right(page, tmp_path):
    for text in blocks(page, "yaml"):
        (tmp_path / "p.yaml").write_text(text)
        subprocess.run([binary(), "config", "check", "--config", tmp_path / "p.yaml"], check=True, env={})


def test_the_settings_page_has_the_program_s_table():
    table = subprocess.run([binary(), "config", "example", "--page"], check=True, text=True,
                           capture_output=True).stdout
    assert (ROOT / "docs" / "settings.md").read_text().endswith("-->\n" + table)


def test_the_commands_page_has_the_program_s_list():
    listed = subprocess.run([binary(), "--help"], check=True, text=True, capture_output=True).stdout
    listed = listed[listed.index("On the server's machine"):listed.index("Each command explains")].strip()
    assert listed == blocks(ROOT / "docs" / "commands.md", "text")[-1].strip()


def test_the_exit_codes_are_the_header_s():
    header = (ROOT / "server" / "commands" / "command.h").read_text()
    page = (ROOT / "docs" / "commands.md").read_text()
    assert re.findall(r"EXIT_\w+ = (\d+)", header) == re.findall(r"^\| (\d+) \|", page, re.M)


def test_the_index_lists_every_page():
    listed = set(re.findall(r"^\| \[([^\]]+)\]", (ROOT / "docs" / "README.md").read_text(), re.M))
    assert listed == {page.name for page in (ROOT / "docs").iterdir()} - {"README.md"}


def readmes():
    # What .gitignore leaves out may have READMEs of its own.
    return [page for page in ROOT.glob("**/*.md")
            if not {"build", "data", "node_modules", ".pytest_cache"} & set(page.relative_to(ROOT).parts)]


@pytest.mark.parametrize("page", readmes(), ids=name)
def test_what_a_page_points_at_is_there(page):
    text = page.read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / target).exists(), target
    if page.name == "README.md" and page.parent != ROOT:
        for target in re.findall(r"^\|([^|]*)\|", text, re.M):
            for file in re.findall(r"`([\w/]+\.(?:[chy]|py|sh|conf|md|tsv)|[\w/]+/)`", target):
                assert (page.parent / file).exists() or file.endswith("_test.c"), file
        assert len(text.splitlines()) <= 30, "a folder's README is short"
