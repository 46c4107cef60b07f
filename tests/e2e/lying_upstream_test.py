"""Upstreams that lie: whatever they say, nothing wrong is kept, no client holds it whole, the answer is a
clear error, and the package installs once the upstream behaves again."""

import threading
import time

import pytest

import clients
import index_pages
import lies
import memory
import packages
import pull_rig
from conformance import conformance
from lie_tables import ABOUT_FILES, ABOUT_PAGES, IN_PAGES, MENDABLE, ON_THE_WIRE, ONCE

FORMATS = ("npm", "pypi")
TELLS = {502, 503, 504}


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    made = pull_rig.Rig(tmp_path_factory.mktemp("lying"))
    yield made
    try:
        made.server.verify()
    finally:
        made.close()


def rows(*tables):
    return [pytest.param(form, lie, id=f"{name.replace(' ', '-')}-{form}")
            for table in tables for name, lie in table.items() for form in FORMATS]


def assert_told(answer):
    """One sentence for people, with a status that says whose fault it is."""
    assert answer.is_whole and answer.status in TELLS, answer
    assert 10 < len(answer.sentence) < 600 and "\n" not in answer.sentence, answer.sentence


def assert_right_in_the_end(rig, target):
    """The upstream is honest again, and a person has said so. A page that was kept may be shown once more
    while it is asked for anew."""
    rig.upstream.honest()
    rig.refresh(target.format)
    until = time.monotonic() + 60
    while True:
        target.found = None
        answer = rig.fetch(target.file_path)
        if answer.status == 200 or time.monotonic() > until:
            break
        time.sleep(0.1)
    assert answer.status == 200 and answer.is_whole and answer.body == target.content, answer
    assert rig.server.get("/-/livez", token=None).status == 200


@pytest.mark.parametrize("form, lie", rows(ON_THE_WIRE, ABOUT_FILES))
def test_a_file_is_right_or_refused(rig, form, lie):
    target = rig.make(form)
    path = target.file_path  # the listing is read before the lie
    rig.fetch(target.page_path)
    before = rig.kept()
    told = rig.upstream.lie(target.file_pattern, *lie(rig))
    for _ in range(2):
        answer = rig.fetch(path)
        if answer.status == 404 and lie in (ABOUT_FILES["404"], ABOUT_FILES["410"]):
            assert answer.is_whole
        else:
            assert_told(answer)
    assert told.told >= 1 and not rig.elsewhere.requests
    assert not rig.left_since(before)
    assert_right_in_the_end(rig, target)


@pytest.mark.parametrize("form, lie", rows(ON_THE_WIRE, ABOUT_PAGES))
def test_a_page_is_right_or_refused(rig, form, lie):
    target = rig.make(form)
    before = rig.kept()
    told = rig.upstream.lie(target.page_pattern, *lie(rig))
    for _ in range(2):
        assert_told(rig.fetch(target.page_path, Accept=index_pages.JSON))
    assert told.told >= 1 and not rig.elsewhere.requests
    if form == "npm":
        assert_told(rig.fetch(target.file_path))
    assert not rig.left_since(before) and not rig.upstream.asked(target.file_pattern)
    assert_right_in_the_end(rig, target)


@pytest.mark.parametrize("form, lie", rows(IN_PAGES))
def test_no_bytes_come_of_a_page_that_lies_about_files(rig, form, lie):
    target = rig.make(form)
    before = rig.kept()
    rig.upstream.lie(target.page_pattern, *lie(rig))
    page = rig.fetch(target.page_path, Accept=index_pages.JSON)
    assert page.is_whole and page.status in {200, *TELLS}, page
    answer = rig.fetch(target.file_path)
    assert answer.is_whole and answer.status in {404, *TELLS}, answer
    assert not rig.elsewhere.requests and not rig.left_since(before)
    assert_right_in_the_end(rig, target)


def test_tags_that_point_nowhere_are_not_shown(rig):
    target = rig.make("npm")
    rig.upstream.lie(target.page_pattern, lies.tags_without_versions())
    answer = rig.server.get(target.page_path)
    assert answer.status in {200, *TELLS}, answer
    if answer.status == 200:
        assert set(answer.json()["dist-tags"].values()) <= set(answer.json()["versions"])
    assert_right_in_the_end(rig, target)


def test_of_keys_that_come_twice_all_readers_see_one(rig):
    target = rig.make("npm")
    rig.upstream.lie(target.page_pattern, lies.duplicate_keys({"name": "attack", "dist-tags": {"latest": "66.6.6"}}))
    answer = rig.server.get(target.page_path)
    assert answer.status in {200, *TELLS}, answer
    if answer.status == 200:
        document = index_pages.read_strictly(answer.body)
        assert document["name"] == target.name and document["dist-tags"] == {"latest": "1.0.0"}
    assert_right_in_the_end(rig, target)


@pytest.mark.parametrize("name", MENDABLE)
@pytest.mark.parametrize("about", ["page", "file"])
@pytest.mark.parametrize("form", FORMATS)
def test_what_can_be_mended_is_right_or_refused(rig, form, about, name):
    target = rig.make(form, size=20_000)
    path = target.file_path if about == "file" else None
    pattern = target.page_pattern if about == "page" else target.file_pattern
    rig.upstream.lie(pattern, *MENDABLE[name](rig), times=1 if name in ONCE else None)
    answer = rig.fetch(path or target.file_path)
    if answer.status == 200:
        assert answer.is_whole and answer.body == target.content
    elif form == "npm" or about == "file":
        assert_told(answer)
    assert_right_in_the_end(rig, target)


def test_a_drop_in_the_middle_is_resumed_and_not_passed_on(rig):
    """npm and pip ask once: a drop that we pass on fails the install. Storage 7.4."""
    for form in FORMATS:
        target = rig.make(form, size=3 << 20)
        path = target.file_path
        rig.upstream.lie(target.file_pattern, lies.drop(0.5), times=2)
        answer = rig.fetch(path)
        assert answer.status == 200 and answer.is_whole and answer.body == target.content
        first, *resumed = rig.upstream.asked(target.file_pattern)
        assert len(resumed) == 2 and "range" not in first.headers
        assert all(request.headers["range"].startswith("bytes=") and request.headers["if-range"]
                   for request in resumed)


@conformance("npm-081", "py-174")
@pytest.mark.parametrize("lie", [lies.wrong_bytes, lambda: lies.truncated(0.7), lies.changing],
                         ids=["wrong", "cut", "changing"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_large_file_that_is_wrong_is_never_whole(rig, form, lie):
    """Larger files stream; their last piece waits for the digest."""
    target = rig.make(form, size=9 << 20)
    path = target.file_path
    before = rig.kept()
    told = rig.upstream.lie(target.file_pattern, lie())
    for _ in range(2):
        answer = rig.fetch(path)
        if answer.status == 200:
            assert not answer.is_whole and len(answer.body) <= len(target.content) - (256 << 10)
        else:
            assert_told(answer)
    assert told.told >= 1 and not rig.left_since(before)
    assert_right_in_the_end(rig, target)


@conformance("art-110")
def test_unmatched_bytes_are_readable_for_nobody(rig):
    """Many who wait for one file; none of them gets it, whole or from a range of it."""
    target = rig.make("npm", size=9 << 20)
    path = target.file_path
    rig.fetch(target.page_path)
    before = rig.kept()
    rig.upstream.lie(target.file_pattern, lies.wrong_bytes())
    answers = []

    def ask(headers):
        answers.append(rig.fetch(path, **headers))

    threads = [threading.Thread(target=ask, args=({"Range": "bytes=-100"} if n % 4 == 3 else {},)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tail = bytes((byte + 1) & 0xff for byte in target.content[-16:])
    for answer in answers:
        assert tail not in answer.body
        assert answer.status in TELLS or not answer.is_whole, answer
    assert len(answers) == 16 and not rig.left_since(before)
    assert_right_in_the_end(rig, target)


@conformance("npm-081")
def test_npm_installs_nothing_of_a_liar(rig, tmp_path):
    npm = clients.Npm(tmp_path / "npm", rig.server)
    target = rig.make("npm")
    rig.upstream.lie(target.file_pattern, lies.wrong_bytes())
    with pytest.raises(npm.Failure):
        npm.install(target.name, options=("--fetch-retries=0",))
    rig.upstream.honest()
    rig.refresh("npm")
    assert target.name.encode() in npm.install(target.name).files["index.js"]


@conformance("py-174")
def test_pip_installs_nothing_of_a_liar(rig, tmp_path):
    pip = clients.Pip(tmp_path / "pip", rig.server)
    target = rig.make("pypi")
    lie = rig.upstream.lie(target.file_pattern, lies.wrong_bytes())
    with pytest.raises(pip.Failure):
        pip.install("--retries", "0", target.name)
    assert lie.told >= 1
    rig.upstream.honest()
    rig.refresh("pypi")
    assert pip.install(target.name).files == target.made.dist.files


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name, lie", [
    ("a bomb", lambda: lies.gzip_bomb(512 << 20)),
    ("endless", lambda: lies.endless(b"x" * 65536, head=b'{"name":"')),
    ("broken in the middle of 100 MB", lies.broken_json),
])
def test_memory_stays_where_it_was(rig, form, name, lie):
    if "100" in name:
        made = getattr(rig.upstream, form).add_huge(f"huge-{form}")
        path = f"{rig.npm}/huge-npm" if form == "npm" else f"{rig.pypi}/simple/huge-pypi/"
        pattern = "/npm/huge-npm" if form == "npm" else "/pypi/simple/huge-pypi/"
        assert made.body.length
    else:
        target = rig.make(form)
        path, pattern = target.page_path, target.page_pattern
    told = rig.upstream.lie(pattern, lie())
    with memory.Watch(rig.server) as watch:
        assert_told(rig.fetch(path, Accept=index_pages.JSON))
    assert told.told >= 1
    assert watch.growth_kib < 96 * 1024
    rig.upstream.honest()
    rig.refresh(form)


def test_connections_reset_on_accept_are_an_error_or_mended(rig):
    for form in FORMATS:
        target = rig.make(form)
        rig.upstream.go("down")
        rig.upstream.reset_on_accept = 1000
        rig.upstream.go("up")
        assert_told(rig.fetch(target.page_path))
        assert_right_in_the_end(rig, target)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("state", ["down", "unplugged"])
def test_an_upstream_that_is_away_is_said_to_be(rig, form, state):
    target = rig.make(form)
    rig.upstream.go(state)
    assert_told(rig.fetch(target.page_path))
    assert_right_in_the_end(rig, target)


def test_lying_300(rig):
    """Fetches at random, of files and of pages, each with one or two lies: none is kept, none is completed."""
    outcome = pull_rig.run_random(rig, seed=20260301, count=300)
    assert (outcome.fetches, outcome.stored, outcome.completed) == (300, 0, 0), outcome
    assert outcome.told >= 200, "the upstream was hardly asked"
    rig.server.verify()
