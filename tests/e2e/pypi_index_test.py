"""The simple repository API as it goes over the wire: addresses, forms, files, ranges, caching."""

import gzip
import hashlib
import re
import urllib.parse

import pytest

import packages
import shapes
from conformance import conformance
from index_pages import HTML, JSON, PIP, POETRY, UV, Anchors, files_of, html_page, json_page, page_path

TEXT = "text/html; charset=utf-8"
PYTHON = '>=3.8,<4,!=3.9.*'
WHEEL = packages.wheel("Demo.Pkg", "1.0", {"data.bin": bytes(range(256)) * 100}, requires_python=PYTHON)
SDIST = packages.sdist("Demo.Pkg", "1.0", requires_python=PYTHON)
LOCAL = packages.wheel("demo_pkg", "1.1+cu121")
EARLY = packages.wheel("demo-pkg", "0.9rc1")
DISTRIBUTIONS = [WHEEL, SDIST, LOCAL, EARLY]


@pytest.fixture(scope="module")
def index(shared_server):
    for dist in DISTRIBUTIONS:
        change = {"requires_python": PYTHON} if dist is SDIST else {}
        answer = shared_server.send(shapes.pypi_upload(shared_server.pypi, dist, **change))
        assert answer.status == 200, answer
    return shared_server


def without_changing(answer):
    return {name.lower(): value for name, value in answer.headers.items()
            if name.lower() not in ("date", "x-request-id")}


# Addresses.

@pytest.mark.parametrize("asked, status", [
    pytest.param("simple/demo-pkg", 301, id="py-001"),
    pytest.param("simple/demo-pkg?a=1&b=%2F", 301, id="py-001-query"),
    pytest.param("simple/Demo_Pkg/", 301, id="py-002"),
    pytest.param("simple/DEMO.PKG", 301, id="py-002-no-slash"),
    pytest.param("simple/demo..pkg/", 301, id="py-003"),
    pytest.param("simple/demo-_-pkg/", 301, id="py-003-mixed"),
    pytest.param("+simple/Demo_Pkg", 301, id="alias"),
    pytest.param("legacy/+simple/Demo_Pkg/", 301, id="alias-below-legacy"),
    pytest.param("simple//Demo_Pkg", 301, id="empty-segment"),
])
def test_other_spellings_lead_to_the_page(index, asked, status):
    answer = index.get(f"{index.pypi}/{asked}")
    assert answer.status == status
    assert len(answer.body) < 100
    path, _, query = asked.partition("?")
    location = answer["Location"].partition("?")
    assert location[2] == query
    assert "//" not in path and location[0].endswith("simple/demo-pkg/") or "//" in path
    target = urllib.parse.urljoin(f"{index.pypi}/{path}", location[0])
    assert target.replace("//", "/") == f"{index.pypi}/{path.split('/')[0]}/" + (
        "+simple/" if path.startswith("legacy") else "") + "demo-pkg/"
    assert index.get(target).status == 200


@pytest.mark.parametrize("path", [
    pytest.param("simple//demo-pkg/", id="py-004"),
    pytest.param("+simple/demo-pkg/", id="py-005"),
    pytest.param("legacy/+simple/demo-pkg/", id="py-005-below-legacy"),
])
def test_other_addresses_have_the_page_and_links_that_work(index, path):
    path = f"{index.pypi}/{path}"
    assert index.get(path).body == index.get(page_path(index, "demo-pkg")).body
    for dist in DISTRIBUTIONS:
        assert index.get(files_of(index, "demo-pkg", path)[dist.filename]["path"]).body == dist.content


@conformance("py-006")
def test_an_absent_project_is_plain_text(index):
    answer = index.get(page_path(index, "absent"))
    assert answer.status == 404
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["-bad-", "%00", "..", "%2e%2e", "%2e%2e%2f", "a%2fb", "a%5cb", "a%0ab", "%ff", "a+b", "%", "caf%C3%A9"])
@conformance("py-007")
def test_what_is_no_name_is_not_found(index, name):
    assert index.get(f"{index.pypi}/simple/{name}/").status in (400, 404)
    assert index.get(f"{index.pypi}/files/{name}/{WHEEL.sha256}/{WHEEL.filename}").status in (400, 404)
    assert index.get(f"{index.pypi}/files/demo-pkg/{WHEEL.sha256}/{name}").status in (400, 404)


@conformance("py-008")
def test_posting_to_a_page_is_not_allowed(index):
    request = shapes.pypi_upload(index.pypi, WHEEL)
    for method in ("POST", "PUT", "DELETE"):
        answer = index.http(method, page_path(index, "demo-pkg"), request.body, request.headers)
        assert answer.status == 405
        assert answer["Allow"] == "GET, HEAD"


@conformance("py-009", "py-010", "py-011", "py-064")
def test_head_answers_as_get(index):
    file = files_of(index, "demo-pkg")[WHEEL.filename]["path"]
    for path in (page_path(index, "demo-pkg"), f"{index.pypi}/simple/", file, f"{file}.metadata",
                 page_path(index, "absent"), f"{index.pypi}/simple/Demo_Pkg/"):
        for accept in ("*/*", JSON):
            get = index.get(path, headers={"Accept": accept})
            head = index.head(path, headers={"Accept": accept})
            assert head.status == get.status
            assert head.body == b""
            assert without_changing(head) == without_changing(get)
            assert int(head["Content-Length"]) == len(get.body)
            assert "Date" in get.headers and "Set-Cookie" not in get.headers
    assert index.head(file)["Accept-Ranges"] == "bytes"


@conformance("py-012")
def test_unknown_query_parameters_change_nothing(index):
    plain = index.get(page_path(index, "demo-pkg"))
    assert index.get(page_path(index, "demo-pkg") + "?x=1&formats=y").body == plain.body


# Forms.

@pytest.mark.parametrize("accept, expected", [
    pytest.param([], TEXT, id="py-013"),
    pytest.param(["*/*"], TEXT, id="py-014"),
    pytest.param(["text/*"], TEXT, id="py-015"),
    pytest.param([PIP], JSON, id="py-016"),
    pytest.param([UV], JSON, id="py-017"),
    pytest.param([POETRY], JSON, id="py-018"),
    pytest.param(["text/html"], TEXT, id="py-019"),
    pytest.param([HTML], HTML, id="py-020"),
    pytest.param(["application/vnd.pypi.simple.latest+json"], JSON, id="py-021 py-026"),
    pytest.param([f"{JSON};q=0, text/html"], TEXT, id="py-022"),
    pytest.param(["text/html;q=0.5", JSON], JSON, id="py-023"),
])
def test_a_client_gets_the_form_that_it_reads(index, accept, expected):
    for path in (page_path(index, "demo-pkg"), f"{index.pypi}/simple/"):
        answer = index.get(path, headers=[("Accept", value) for value in accept])
        assert answer.status == 200
        assert answer.all("Content-Type") == [expected]
        assert answer.text.startswith("{" if expected == JSON else "<!DOCTYPE html>")


@conformance("py-024", "py-027")
def test_what_is_not_acceptable_is_406_with_a_list(index):
    answer = index.get(page_path(index, "demo-pkg"), headers={"Accept": "application/vnd.pypi.simple.v2+json"})
    assert answer.status == 406
    assert all(word in answer.text for word in (JSON, HTML, "text/html"))
    assert {"Accept", "Accept-Encoding"} <= set(re.split(r",\s*", answer["Vary"]))


@pytest.mark.parametrize("query, accept, expected", [
    (JSON.replace("+", "%2B"), "text/html", JSON), (JSON, "text/html", JSON), ("text/html", JSON, TEXT),
    ("application/json", JSON, None), ("", JSON, None),
])
@conformance("py-025")
def test_format_in_the_query_wins(index, query, accept, expected):
    answer = index.get(f"{page_path(index, 'demo-pkg')}?format={query}", headers={"Accept": accept})
    assert answer.status == (200 if expected else 406)
    assert not expected or answer["Content-Type"] == expected


@conformance("py-027", "py-069", "py-070", "py-073", "py-075")
def test_pages_revalidate(index):
    etags = set()
    for path in (page_path(index, "demo-pkg"), f"{index.pypi}/simple/"):
        for accept in (JSON, "text/html"):
            plain = index.get(path, headers={"Accept": accept}).body
            for coding in ("identity", "gzip", "zstd, gzip"):
                headers = {"Accept": accept, "Accept-Encoding": coding}
                answer = index.get(path, headers=headers)
                assert answer["Cache-Control"] == "private, no-cache"
                assert {"Accept", "Accept-Encoding"} <= set(re.split(r",\s*", answer["Vary"]))
                body = gzip.decompress(answer.body) if answer.get("Content-Encoding") == "gzip" else answer.body
                assert body == plain
                etags.add((accept, answer.get("Content-Encoding"), path, answer["ETag"]))
                again = index.get(path, headers={**headers, "If-None-Match": answer["ETag"]})
                assert (again.status, again.body) == (304, b"")
                assert (again["ETag"], again["Vary"]) == (answer["ETag"], answer["Vary"])
    assert len({etag for *_, etag in etags}) == len(etags)


@conformance("py-028")
def test_json_is_kept_to(index):
    for path in (page_path(index, "demo-pkg"), f"{index.pypi}/simple/"):
        assert index.get(path, headers={"Accept": JSON})["Content-Type"] == JSON


# The page.

@conformance("py-029", "py-030", "py-031", "py-038", "py-039", "py-040", "py-041")
def test_the_json_page_says_what_the_standard_wants(index):
    page = json_page(index, "demo-pkg")
    assert page["meta"] == {"api-version": "1.4"}
    assert page["name"] == "demo-pkg"
    assert page["versions"] == ["0.9rc1", "1.0", "1.1+cu121"]
    assert set(page) == {"meta", "name", "versions", "files"}
    assert not any("provenance" in file for file in page["files"])


@conformance("py-032", "py-033", "py-034", "py-035", "py-036", "py-037", "py-042")
def test_each_file_is_described(index):
    files = json_page(index, "demo-pkg")["files"]
    assert files == json_page(index, "demo-pkg")["files"]
    assert {file["filename"] for file in files} == {dist.filename for dist in DISTRIBUTIONS}
    for file in files:
        dist = next(dist for dist in DISTRIBUTIONS if dist.filename == file["filename"])
        assert None not in file.values()
        assert file["hashes"] == {"sha256": dist.sha256}
        assert file["size"] == len(dist.content)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", file["upload-time"])
        assert "dist-info-metadata" not in file and "yanked" not in file
        assert file.get("requires-python") == (PYTHON if dist in (WHEEL, SDIST) else None)
        assert file.get("core-metadata") == (
            {"sha256": hashlib.sha256(dist.metadata).hexdigest()} if dist is not SDIST else None)


@conformance("py-043", "py-044", "py-045", "py-046", "py-047", "py-048", "py-052", "py-067")
def test_the_html_page_reads_for_every_client(index):
    text = index.get(page_path(index, "demo-pkg")).text
    assert text.startswith("<!DOCTYPE html>\n")
    assert '<meta name="pypi:repository-version" content="1.4"/>' in text
    assert "&gt;=3.8,&lt;4,!=3.9.*" in text
    files = files_of(index, "demo-pkg")
    assert re.findall(r"<a [^>]+>([^<]+)</a>", text) == list(files)
    for attributes, name in html_page(index, "demo-pkg"):
        file, url = files[name], urllib.parse.urlsplit(attributes["href"])
        assert urllib.parse.unquote(url.path.rsplit("/", 1)[1]) == name
        assert url.fragment == f"sha256={file['hashes']['sha256']}"
        assert not url.query and url.path == file["url"]
        path = urllib.parse.urljoin(page_path(index, "demo-pkg"), url.path)
        assert path.startswith(f"{index.pypi}/files/")
        metadata = file.get("core-metadata")
        expected = f"sha256={metadata['sha256']}" if metadata else None
        assert attributes.get("data-core-metadata") == attributes.get("data-dist-info-metadata") == expected
        assert attributes.get("data-requires-python") == file.get("requires-python")
        assert attributes["data-size"] == str(file["size"])
        assert attributes["data-upload-time"] == file["upload-time"]
        assert ("data-yanked" in attributes) == ("yanked" in file)


@conformance("py-051")
def test_the_root_list_has_relative_links(index):
    index.send(shapes.pypi_upload(index.pypi, packages.sdist("another", "1")))
    answer = index.get(f"{index.pypi}/simple/")
    assert [(a["href"], text) for a, text in Anchors(answer.text).found] == [
        ("another/", "another"), ("demo-pkg/", "demo-pkg")]
    assert json_page(index, None, f"{index.pypi}/simple/")["projects"] == [
        {"name": "another"}, {"name": "demo-pkg"}]


# Files.

@conformance("py-053", "py-054", "py-055", "py-056", "py-057")
def test_files_are_the_bytes_that_were_uploaded(index):
    files = files_of(index, "demo-pkg")
    for dist in DISTRIBUTIONS:
        path = files[dist.filename]["path"]
        answer = index.get(path, headers={"Accept-Encoding": "gzip, deflate"})
        assert (answer.status, answer.body) == (200, dist.content)
        assert int(answer["Content-Length"]) == files[dist.filename]["size"]
        assert "Content-Encoding" not in answer.headers and "Content-Disposition" not in answer.headers
        sidecar = index.get(f"{path}.metadata", headers={"Accept-Encoding": "gzip"})
        if dist is SDIST:
            assert sidecar.status == 404
            continue
        assert (sidecar.status, sidecar.body) == (200, dist.metadata)
        assert "Content-Encoding" not in sidecar.headers
        assert hashlib.sha256(sidecar.body).hexdigest() == files[dist.filename]["core-metadata"]["sha256"]


SIZE = len(WHEEL.content)


@pytest.mark.parametrize("headers, status, content_range, part", [
    pytest.param({"Range": "bytes=0-0"}, 206, f"bytes 0-0/{SIZE}", slice(0, 1), id="py-058"),
    pytest.param({"Range": "bytes=-100"}, 206, f"bytes {SIZE - 100}-{SIZE - 1}/{SIZE}", slice(-100, None), id="py-059"),
    pytest.param({"Range": f"bytes=-{SIZE * 2}"}, 206, f"bytes 0-{SIZE - 1}/{SIZE}", slice(None), id="py-060"),
    pytest.param({"Range": f"bytes={SIZE}-"}, 416, f"bytes */{SIZE}", None, id="py-061"),
    pytest.param({"Range": "bytes=0-9", "If-Range": '"old"'}, 200, None, slice(None), id="py-062"),
    pytest.param({"Range": "bytes=0-1,5-6"}, 200, None, slice(None), id="py-063"),
    pytest.param({"Range": "bytes=10-19"}, 206, f"bytes 10-19/{SIZE}", slice(10, 20), id="resume"),
])
def test_parts_of_a_file(index, headers, status, content_range, part):
    answer = index.get(files_of(index, "demo-pkg")[WHEEL.filename]["path"], headers=headers)
    assert answer.status == status
    assert answer.get("Content-Range") == content_range
    assert part is None or answer.body == WHEEL.content[part]


@conformance("py-065")
def test_files_never_change(index):
    path = files_of(index, "demo-pkg")[WHEEL.filename]["path"]
    for path in (path, f"{path}.metadata"):
        answer = index.get(path)
        assert "immutable" in answer["Cache-Control"] and "private" in answer["Cache-Control"]
        assert not answer["ETag"].startswith("W/")
        assert index.get(path, headers={"If-None-Match": answer["ETag"]}).status == 304
    other = path.replace(WHEEL.sha256, "0" * 64)
    assert index.get(other).status == 404


@conformance("py-066")
def test_a_plus_in_a_file_name_works_both_ways(index):
    path = files_of(index, "demo-pkg")[LOCAL.filename]["path"]
    assert "%2B" in path
    assert index.get(path).body == index.get(path.replace("%2B", "+")).body == LOCAL.content


@conformance("py-074")
def test_refusals_are_not_stored(index):
    for token in (None, "pkhp_wrong"):
        answer = index.get(page_path(index, "demo-pkg"), token=token)
        assert answer.status == 401
        assert answer["Cache-Control"] == "no-store"


@conformance("py-071")
def test_an_upload_is_on_the_page_at_once(server):
    with server.connect() as connection:
        etag = {}
        for number in range(20):
            dist = packages.wheel("quick", f"1.{number}")
            assert server.send(shapes.pypi_upload(server.pypi, dist)).status == 200
            for accept in (JSON, "text/html"):
                headers = [("Accept", accept), ("If-None-Match", etag.get(accept, '"none"')),
                           ("Authorization", f"Bearer {server.token}")]
                answer = connection.request("GET", page_path(server, "quick"), headers)
                assert answer.status == 200 and dist.filename in answer.text
                etag[accept] = answer["ETag"]
            assert "quick/" in server.get(f"{server.pypi}/simple/").text


def test_a_public_repository_says_public(server, packhouse):
    server.send(shapes.pypi_upload(server.pypi, WHEEL))
    packhouse("repo", "set", "acme/main", "--anonymous", "read")
    assert server.get(page_path(server, "demo-pkg"), token=None)["Cache-Control"] == "public, no-cache"
    path = files_of(server, "demo-pkg")[WHEEL.filename]["path"]
    assert server.get(path, token=None).body == WHEEL.content
