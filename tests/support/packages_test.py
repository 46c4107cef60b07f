"""What the tests publish is what real tools take: checked without a server."""

import subprocess
import sys

import pytest

import conformance
import packages
import shapes
from patience import PATIENCE


def run(*command, cwd=None):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("make", [packages.wheel, packages.sdist])
def test_pip_installs_what_is_made(make, tmp_path):
    dist = make("Hello.World", "1.0", {"data.txt": "words"}).write(tmp_path)
    target = tmp_path / "target"
    run(sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-compile", "--target", target, dist.path)
    installed = packages.read_tree(target)
    assert {name: installed.get(name) for name in dist.files} == dist.files


def test_twine_finds_nothing_wrong(tmp_path):
    made = [make("hello", "1.0").write(tmp_path) for make in (packages.wheel, packages.sdist)]
    run(sys.executable, "-m", "twine", "check", *[dist.path for dist in made])


def test_npm_packs_what_is_made(tmp_path):
    package = packages.NpmPackage(tmp_path / "in", "hello", "1.0.0", {"lib/a.js": "1\n"})
    run("npm", "pack", "--pack-destination", tmp_path, cwd=package.folder)
    run("tar", "-xzf", tmp_path / "hello-1.0.0.tgz", "-C", tmp_path)
    assert packages.read_tree(tmp_path / "package") == package.files


@pytest.mark.parametrize("make", [packages.wheel, packages.sdist, packages.npm_tarball])
def test_the_same_words_make_the_same_bytes(make):
    one, two = make("hello", "1.0.0", {"a": "b"}), make("hello", "1.0.0", {"a": "b"})
    assert getattr(one, "content", one) == getattr(two, "content", two)


def test_a_multipart_body_has_its_parts():
    import email.parser
    import email.policy
    content_type, body = shapes.multipart([("name", "hello")], [("content", "a.whl", b"\r\n--\x00\r\n", None)])
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    text, file = message.iter_parts()
    assert text.get_payload(decode=True) == b"hello"
    assert file.get_filename() == "a.whl" and file.get_payload(decode=True) == b"\r\n--\x00\r\n"


def test_the_lists_number_their_lines_from_one():
    for prefix, count in (("npm", 176), ("py", 180), ("art", 130)):
        lines = conformance.read_list(prefix)
        assert [line for line, _ in lines] == [f"{prefix}-{n:03}" for n in range(1, count + 1)]
        assert all(words for _, words in lines)


@pytest.mark.parametrize("tests, expected", [
    ({"a": "passed", "b": "passed"}, "passed"),
    ({"a": "passed", "b": "failed"}, "failed"),
    ({"a": "passed", "b": "skipped"}, "not yet"),
])
def test_a_line_is_as_good_as_its_worst_test(tests, expected):
    assert conformance.state(tests) == expected
    assert f"| npm-042 | {expected} |" in conformance.table({"npm-042": tests})
