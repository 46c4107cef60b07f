"""Another Python index behind ours, as pip and uv users meet it: honest, old, down, or lying."""

import concurrent.futures
import hashlib
import html
import json
import shutil

import pytest

import lies
import packages
from conformance import conformance
from index_pages import JSON, files_of, html_page, json_page, page_path
from patience import until


def add_upstream(server, upstream):
    answer = server.post("/api/v1/orgs/acme/upstreams", json.dumps(
        {"repository": "main", "format": "pypi", "url": upstream.pypi_url}).encode())
    assert answer.status == 201, answer
    upstream.forget()


@pytest.fixture
def index(server, upstream):
    """The upstream, whose Python index the repository has as a source."""
    add_upstream(server, upstream)
    return upstream


@pytest.fixture
def refresh(server):
    """From now on pages are asked for each time; what was remembered as failed is forgotten."""
    def restart():
        server.stop()
        server.environment.update(PACKHOUSE_UPSTREAM_FRESH="0", PACKHOUSE_UPSTREAM_STALE="0")
        server.start()
    return restart


def add_wheel(index, name, version, **fields):
    return index.pypi.add(packages.wheel(name, version, **fields))


def fetch(server, entry):
    return server.get(entry["path"])


def outside(server, filename="outside-1.1-py3-none-any.whl"):
    return files_of(server, "outside")[filename]


# What an upstream may look like.

@conformance("py-169")
@pytest.mark.parametrize("forms, told", [
    (("json",), ()), (("html",), ()),
    (("json",), (lies.content_type("application/octet-stream"),)),
    (("json",), (lies.content_type("text/html"),)),
    (("html",), (lies.content_type("application/vnd.pypi.simple.v1+json"),)),
], ids=["json", "html", "json-as-octets", "json-as-html", "html-as-json"])
def test_upstreams_of_each_form_install(server, index, pip, uv, forms, told):
    index.pypi.forms = forms
    if told:
        index.lie("/pypi/simple/*", *told)
    for client in (pip, uv):
        files = client.install("needs-outside").files
        assert files["outside/__init__.py"] == b"version = '1.1'\n" and "needs_outside/__init__.py" in files
    assert set(files_of(server, "outside")) == {
        f"outside-{version}{end}" for version in ("1.0", "1.1") for end in ("-py3-none-any.whl", ".tar.gz")}


def test_projects_with_a_lockfile_install(server, index, poetry, pdm):
    for client in (poetry, pdm):
        project = client.new_project()
        installed = client.install("needs-outside", project=project).files
        assert installed["outside/__init__.py"] == b"version = '1.1'\n" and "needs_outside/__init__.py" in installed
        shutil.rmtree(project / ".venv")
        assert client.reinstall(project).files == installed


@conformance("py-170")
def test_links_are_ours_wherever_the_upstream_has_its_files(server, index, pip):
    index.pypi.absolute_urls = False
    made = add_wheel(index, "based", "1.0")
    index.lie("/pypi/simple/based/", lies.other(
        f'<html><head><base href="{index.url}{index.pypi.base}/files/x/"><title>Links for based</title></head>'
        f'<a href="../{made.path.split("/files/")[1]}#sha256={made.dist.sha256}">{made.filename}</a></html>', "text/html"))
    for name in ("outside", "based"):
        page = json_page(server, name)
        assert page["files"] and all(entry["url"].startswith(f"../../files/{name}/") for entry in page["files"])
        assert all(attributes["href"].startswith(f"../../files/{name}/") for attributes, _ in html_page(server, name))
        assert index.url not in server.get(page_path(server, name)).text
    assert pip.install("outside", "based").files["based/__init__.py"] == b"version = '1.0'\n"


def test_a_page_is_told_on_as_it_is(server, index):
    told = {"yanked": "broken <on> 3.13 & more", "requires_python": ">=3.8,<4", "upload_time": "2021-02-03T04:05:06.000007Z"}
    made = add_wheel(index, "told", "1.0", requires_python=">=3.8,<4")
    made.yanked, made.requires_python, made.upload_time = told.values()
    index.pypi.add(packages.sdist("told", "0.9"))
    index.pypi.status["told"] = "deprecated"
    page = json_page(server, "told")
    assert page["project-status"] == {"status": "deprecated"} and page["versions"] == ["0.9", "1.0"]
    entry = next(entry for entry in page["files"] if entry["filename"] == made.filename)
    assert entry == {
        "filename": made.filename, "url": f"../../files/told/{made.dist.sha256}/{made.filename}",
        "hashes": {"sha256": made.dist.sha256}, "requires-python": told["requires_python"], "yanked": told["yanked"],
        "core-metadata": {"sha256": made.metadata_sha256}, "size": len(made.dist.content),
        "upload-time": told["upload_time"]}
    assert f'data-yanked="{html.escape(told["yanked"])}"' in server.get(page_path(server, "told")).text


@pytest.mark.parametrize("page", [
    b"<!DOCTYPE html><title>Sign in</title><a href=/login>Sign in</a>", b'{"message": "try again"}', b"", b"\0" * 99,
    b'{"meta": {"api-version": "2.0"}, "files": []}', b'{"name": "another", "files": []}'])
def test_what_is_no_page_is_no_answer(server, index, page):
    index.lie("/pypi/simple/outside/", lies.other(page))
    assert server.get(page_path(server, "outside")).status in (502, 503, 504)


def test_files_of_another_project_are_not_told_on(server, index):
    made = add_wheel(index, "victim", "9.0")
    index.lie("/pypi/simple/outside/", lies.edited(lambda page: page["files"].append(index.pypi.entry(made))))
    assert made.filename not in files_of(server, "outside")
    path = f"{server.pypi}/files/outside/{made.dist.sha256}/{made.filename}"
    assert server.get(path).status == 404 and not index.asked("*victim*.whl")


@conformance("py-171")
def test_an_upstream_that_is_down_takes_nothing_away(server, index, pip, uv, refresh):
    for client in (pip, uv):
        client.install("needs-outside")
    before = server.get(page_path(server, "outside"), headers={"Accept": JSON}).body
    entry = outside(server)
    index.go("down")
    refresh()
    again = server.get(page_path(server, "outside"), headers={"Accept": JSON})
    assert again.status == 200 and again.body == before
    assert hashlib.sha256(fetch(server, entry).body).hexdigest() == entry["hashes"]["sha256"]
    for client in (type(pip)(pip.folder / "new", server), type(uv)(uv.folder / "new", server)):
        assert client.install("needs-outside").files["outside/__init__.py"] == b"version = '1.1'\n"
    assert server.get(page_path(server, "never-asked-for")).status in (502, 503, 504)
    sdist = files_of(server, "outside")["outside-1.0.tar.gz"]
    assert fetch(server, sdist).status in (502, 503, 504)


@conformance("py-172")
def test_an_older_serial_is_not_believed(server, index, refresh):
    assert "outside-1.1.tar.gz" in files_of(server, "outside")
    index.pypi.remove("outside-1.1.tar.gz")
    index.lie("/pypi/simple/outside/", lies.serial(7))
    refresh()
    assert "outside-1.1.tar.gz" in files_of(server, "outside")
    index.honest()
    refresh()
    assert "outside-1.1.tar.gz" not in files_of(server, "outside")


@conformance("py-173")
def test_yanks_and_deletions_are_followed(server, index, refresh, pip):
    made = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    entry = outside(server)
    assert fetch(server, entry).body == made.dist.content
    made.yanked = "broken"
    refresh()
    assert outside(server)["yanked"] == "broken"
    assert dict(html_page(server, "outside")[0][0]).keys() >= {"href"}
    assert pip.install("outside==1.1").files["outside/__init__.py"] == b"version = '1.1'\n"
    made.yanked = False
    refresh()
    assert "yanked" not in outside(server)
    index.pypi.remove(made.filename)
    refresh()
    assert made.filename not in files_of(server, "outside")
    assert fetch(server, entry).body == made.dist.content


# What an upstream may do to a file.

@conformance("py-174")
@pytest.mark.parametrize("lie", [lies.wrong_bytes(), lies.html_error_page(), lies.truncated(-3), lies.says_length(-5)],
                         ids=["wrong", "html", "short", "shorter-than-listed"])
def test_wrong_bytes_reach_nobody_and_stay_nowhere(server, index, pip, refresh, lie):
    entry = outside(server)
    index.lie("*.whl", lie)
    answer = fetch(server, entry)
    assert answer.status in (502, 503, 504), answer
    with pytest.raises(pip.Failure):
        pip.install("outside==1.1")
    index.honest()
    refresh()
    assert pip.install("outside==1.1").files["outside/__init__.py"] == b"version = '1.1'\n"
    server.verify()


@conformance("py-175")
def test_many_who_ask_at_once_ask_the_upstream_once(server, index):
    index.delay_s = 0.3
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        pages = list(pool.map(lambda _: server.get(page_path(server, "outside"), headers={"Accept": JSON}).body, range(24)))
        assert len(set(pages)) == 1 and len(index.asked("/pypi/simple/outside/")) == 1
        entry = outside(server)
        bodies = list(pool.map(lambda _: fetch(server, entry).body, range(24)))
    assert {hashlib.sha256(body).hexdigest() for body in bodies} == {entry["hashes"]["sha256"]}
    assert len(index.asked("*/outside-1.1-py3-none-any.whl")) == 1


@pytest.mark.parametrize("wanted, first, last", [("bytes=0-9", 0, 9), ("bytes=-16", -16, None), ("bytes=5-", 5, None)])
def test_a_range_of_a_file_that_is_not_here_yet_is_right(server, index, wanted, first, last):
    content = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"].dist.content
    answer = server.get(outside(server)["path"], headers={"Range": wanted})
    assert answer.status in (200, 206)
    expected = content if answer.status == 200 else content[first:] if last is None else content[first:last + 1]
    assert answer.body == expected
    assert server.get(outside(server)["path"]).body == content


def test_pip_and_uv_read_cold_wheels_by_ranges(server, index, pip, uv):
    index.pypi.sidecars = False
    pip.install("--use-feature=fast-deps", "needs-outside==1.0")
    add_wheel(index, "needs-more", "1.0", requires=["needs-outside"])
    assert "outside/__init__.py" in uv.install("needs-more").files


# Digests that nobody told.

def test_a_file_without_a_digest_gets_one_when_it_came(server, index, pip, uv):
    index.pypi.hashes = ()
    made = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    before = outside(server)
    assert before["hashes"] == {} and before["url"] == f"../../files/outside/-/{made.filename}"
    for client in (pip, uv):
        assert client.install("outside==1.1").files["outside/__init__.py"] == b"version = '1.1'\n"
    # What was served is kept a moment later.
    after = until(lambda: (entry := outside(server))["hashes"] and entry)
    assert after["hashes"] == {"sha256": made.dist.sha256} and made.dist.sha256 in after["url"]
    for entry in (before, after):
        answer = fetch(server, entry)
        assert answer.body == made.dist.content and ("immutable" in answer["Cache-Control"]) == (entry is after)


def test_the_first_bytes_are_an_archive_at_least(server, index, refresh):
    index.pypi.hashes = ()
    index.lie("*/files/*", lies.html_error_page())
    for filename in ("outside-1.1-py3-none-any.whl", "outside-1.1.tar.gz"):
        assert fetch(server, outside(server, filename)).status in (502, 503, 504)
    index.honest()
    refresh()
    for filename in ("outside-1.1-py3-none-any.whl", "outside-1.1.tar.gz"):
        made = index.pypi.projects["outside"][filename]
        assert fetch(server, outside(server, filename)).body == made.dist.content


def test_md5_alone_is_told_and_checked_and_sha256_is_added(server, index, refresh, uv):
    index.pypi.hashes = ("md5",)
    made = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    assert outside(server)["hashes"] == {"md5": made.digests["md5"]}
    assert f"#md5={made.digests['md5']}" in server.get(page_path(server, "outside")).text
    index.lie("*.whl", lies.wrong_bytes())
    assert fetch(server, outside(server)).status in (502, 503, 504)
    index.honest()
    refresh()
    assert uv.install("outside==1.1").files["outside/__init__.py"] == b"version = '1.1'\n"
    assert until(lambda: "sha256" in (hashes := outside(server)["hashes"]) and hashes) == made.digests


def test_a_file_that_changes_stays_what_it_was(server, index, refresh, pip):
    old = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    assert fetch(server, outside(server)).body == old.dist.content
    new = add_wheel(index, "outside", "1.1", files={"more.py": "x = 1\n"})
    assert new.filename == old.filename and new.dist.sha256 != old.dist.sha256
    refresh()
    assert outside(server)["hashes"] == {"sha256": old.dist.sha256}
    assert "outside/more.py" not in pip.install("outside==1.1").files
    assert server.get(f"{server.pypi}/files/outside/{new.dist.sha256}/{new.filename}").status == 404


@pytest.mark.parametrize("inside", [("victim", "1.0"), ("posing", "1.1")], ids=["name", "version"])
@pytest.mark.parametrize("sidecars", [True, False])
def test_a_wheel_that_is_another_inside_is_refused(server, index, sidecars, inside):
    made = index.pypi.add(packages.wheel("posing", "1.0", meta=packages.metadata(*inside)))
    index.pypi.sidecars = sidecars
    for _ in range(2):
        answer = fetch(server, files_of(server, "posing")[made.filename])
        assert answer.status in (502, 503, 504), answer


# METADATA beside wheels.

@conformance("py-179")
def test_wheels_that_came_get_the_sidecars_that_the_upstream_lacks(server, index, pip, uv):
    index.pypi.sidecars = False
    made = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    before = outside(server)
    assert "core-metadata" not in before and server.get(before["path"] + ".metadata").status == 404
    pip.install("outside==1.1")
    after = until(lambda: "core-metadata" in (entry := outside(server)) and entry)
    assert after["core-metadata"] == {"sha256": made.metadata_sha256}
    assert server.get(after["path"] + ".metadata").body == made.dist.metadata
    attributes = next(attributes for attributes, text in html_page(server, "outside") if text == made.filename)
    assert attributes["data-core-metadata"] == attributes["data-dist-info-metadata"] == f"sha256={made.metadata_sha256}"
    assert uv.install("outside==1.1").files["outside/__init__.py"] == b"version = '1.1'\n"


def test_the_upstreams_sidecars_are_checked_and_kept(server, index, pip):
    made = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    path = outside(server)["path"] + ".metadata"
    assert [server.get(path).body for _ in range(3)] == [made.dist.metadata] * 3
    assert len(index.asked("*.metadata")) == 1 and not index.asked("*.whl")
    index.go("down")
    assert server.get(path).body == made.dist.metadata


@pytest.mark.parametrize("lie", [lies.wrong_bytes(), lies.status(404)], ids=["wrong", "absent"])
def test_a_sidecar_that_is_not_what_it_says_is_taken_from_the_wheel(server, index, uv, lie):
    made = index.pypi.projects["outside"]["outside-1.1-py3-none-any.whl"]
    index.lie("*.metadata", lie)
    answer = server.get(outside(server)["path"] + ".metadata")
    assert answer.status == 200 and answer.body == made.dist.metadata
    assert outside(server)["core-metadata"] == {"sha256": made.metadata_sha256}
    assert uv.install("outside==1.1").files["outside/__init__.py"] == b"version = '1.1'\n"


# Whose name it is.

@conformance("py-176")
def test_a_private_name_hides_what_the_upstream_has(server, index, pypi, twine, pip, uv):
    twine.upload(pypi.make_wheel("inside", "1.0"))
    add_wheel(index, "inside", "99.0")
    for client in (pip, uv):
        assert client.install("inside").files["inside/__init__.py"] == b"version = '1.0'\n"
    assert json_page(server, "inside")["versions"] == ["1.0"]
    made = add_wheel(index, "Inside", "99.1")
    assert server.get(f"{server.pypi}/files/inside/{made.dist.sha256}/{made.filename}").status == 404
    assert not index.asked("/pypi/simple/inside/*") and not index.asked("*.whl")


@conformance("py-177")
def test_a_claimed_name_is_looked_for_nowhere_else(server, index, pip, uv):
    assert server.post("/api/v1/orgs/acme/claims", b'{"pattern": "acme-*"}').status == 201
    add_wheel(index, "acme-tool", "1.0")
    page = json_page(server, "acme-tool")
    assert page["files"] == page["versions"] == [] and html_page(server, "acme-tool") == []
    for client in (pip, uv):
        with pytest.raises(client.Failure):
            client.install("acme-tool")
    assert not index.asked("*acme*")


@conformance("art-095")
def test_a_claimed_name_that_is_absent_sends_no_client_to_another_index(server, index, new_upstream, pip, uv):
    """uv goes on after a 404, so our page is there, and empty. pip asks every index that it was told of,
    whatever they answer: it is told of ours alone."""
    second = new_upstream()
    add_wheel(second, "acme-tool", "99.0")
    assert server.post("/api/v1/orgs/acme/claims", b'{"pattern": "acme-*"}').status == 201
    both = ("--index", server.index_url(), "--default-index", second.pypi_url)
    with pytest.raises(uv.Failure):
        uv.install(*both, "acme-tool")
    assert not second.asked("*acme*")
    with pytest.raises(pip.Failure):
        pip.install("acme-tool")
    assert not second.asked() and not index.asked("*acme*")
    assert uv.install("--index", second.pypi_url, "acme-tool").files, "the second index has it"


@conformance("py-178")
def test_an_upstream_that_fails_ends_the_walk(server, index, new_upstream, pip):
    second = new_upstream()
    add_wheel(second, "elsewhere", "1.0")
    add_upstream(server, second)
    index.lie("/pypi/simple/elsewhere/", lies.status(503))
    assert server.get(page_path(server, "elsewhere")).status in (502, 503, 504)
    assert not second.asked()
    with pytest.raises(pip.Failure):
        pip.install("elsewhere")
    assert not second.asked("*.whl")


def test_the_list_of_projects_has_what_is_here(server, index, pypi, twine):
    twine.upload(pypi.make_wheel("inside", "1.0"))
    server.get(page_path(server, "outside"))
    projects = [project["name"] for project in json_page(server, "", f"{server.pypi}/simple/")["projects"]]
    assert projects == ["inside", "outside"]
