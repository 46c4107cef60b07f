"""The JSON API, /pypi/NAME/json: what Renovate, Dependabot, pipenv and scripts read of a project, published here or
at an upstream."""

import pytest

import packages
import shapes
from conformance import conformance
from pulling import attach

SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.0/8", "PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT": "1m"}
pytestmark = pytest.mark.settings(**SETTINGS)
META = ("Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: {version}\nSummary: shows\nHome-page: https://demo.example/\n"
        "Author-email: Ann <ann@demo.example>\nLicense: MIT\nClassifier: Topic :: Utilities\n"
        "Classifier: License :: OSI Approved :: MIT License\nRequires-Python: >=3.8\nRequires-Dist: left-pad >=1\n"
        "Requires-Dist: tool ; extra == 'dev'\nProvides-Extra: dev\nProject-URL: Source, https://src.example/demo\n"
        "Project-URL: Docs, https://docs.example/demo\n\nThe text.\n")
VERSIONS = ("0.9", "1.0", "1.1", "2.0b1")


def made(version):
    return packages.wheel("demo-pkg", version, meta=META.format(version=version).encode())


@pytest.fixture(params=["here", "upstream"])
def shelf(request, server, upstream):
    """A server that has the project, or whose upstream has."""
    if request.param == "upstream":
        attach(server, "pypi", upstream.pypi_url)
    for version in VERSIONS:
        if request.param == "upstream":
            upstream.pypi.add(made(version))
        else:
            assert server.send(shapes.pypi_upload(server.pypi, made(version))).status == 200
    return server


def read(server, path):
    answer = server.get(f"{server.pypi}/{path}")
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@conformance("py-161", "py-162", "py-164")
def test_a_project_and_each_of_its_versions_are_told(shelf):
    document = read(shelf, "pypi/demo-pkg/json")
    assert list(document["releases"]) == list(VERSIONS)
    assert document["urls"] == document["releases"]["1.1"]
    for path in ("pypi/Demo_Pkg/json", "pypi/demo-pkg/json/", "demo-pkg/json"):
        assert read(shelf, path) == document, path
    for version in VERSIONS:
        [file] = document["releases"][version]
        dist = made(version)
        assert file["filename"] == dist.filename and file["digests"]["sha256"] == dist.sha256
        assert file["size"] == len(dist.content) and file["packagetype"] == "bdist_wheel"
        assert file["python_version"] == "py3" and file["yanked"] is False
        assert file["upload_time_iso_8601"].startswith(file["upload_time"]) and len(file["upload_time"]) == 19
        answer = shelf.http("GET", file["url"].removeprefix(shelf.url))
        assert answer.status == 200 and answer.body == dist.content
        one = read(shelf, f"pypi/demo-pkg/{version}/json")
        assert one["info"]["version"] == version and one["urls"] == [file] and "releases" not in one
    assert read(shelf, "pypi/demo-pkg/1.0.0/json") == read(shelf, "pypi/demo-pkg/1.0/json")


@conformance("py-165")
def test_what_a_release_says_of_itself_is_told(shelf):
    info = read(shelf, "pypi/demo-pkg/json")["info"]
    assert info["version"] == "1.1" and info["summary"] == "shows" and info["license"] == "MIT"
    assert info["home_page"] == "https://demo.example/" and info["requires_python"] == ">=3.8"
    assert info["project_urls"] == {"Source": "https://src.example/demo", "Docs": "https://docs.example/demo"}
    assert info["requires_dist"] == ["left-pad >=1", "tool ; extra == 'dev'"] and info["provides_extra"] == ["dev"]
    assert info["classifiers"] == ["Topic :: Utilities", "License :: OSI Approved :: MIT License"]
    assert info["description"] == "The text.\n" and info["yanked"] is False and info["yanked_reason"] is None


@conformance("py-163")
def test_the_latest_is_no_yanked_one_and_no_pre_release(server, upstream):
    attach(server, "pypi", upstream.pypi_url)
    yanked = {"0.9": False, "1.0": False, "1.1": "broken", "2.0b1": False}
    for version, reason in yanked.items():
        upstream.pypi.add(made(version), yanked=reason)
    document = read(server, "pypi/demo-pkg/json")
    assert document["info"]["version"] == "1.0"
    [file] = document["releases"]["1.1"]
    assert file["yanked"] is True and file["yanked_reason"] == "broken"
    one = read(server, "pypi/demo-pkg/1.1/json")["info"]
    assert one["yanked"] is True and one["yanked_reason"] == "broken"


def test_what_is_not_there_is_404_and_what_is_removed_goes(server, packhouse):
    for version in ("1.0", "1.1"):
        assert server.send(shapes.pypi_upload(server.pypi, made(version))).status == 200
    assert read(server, "pypi/demo-pkg/json")["info"]["version"] == "1.1"
    for path in ("pypi/nothing/json", "pypi/demo-pkg/7/json", "pypi/demo-pkg/x/json", "nothing/json"):
        assert server.get(f"{server.pypi}/{path}").status == 404, path
    packhouse("remove", "pypi:demo-pkg@1.1", "--repo", "acme/main", "--reason", "a leak")
    assert list(read(server, "pypi/demo-pkg/json")["releases"]) == ["1.0"]
    assert server.get(f"{server.pypi}/pypi/demo-pkg/1.1/json").status == 404


def test_who_may_not_read_learns_nothing(server):
    assert server.send(shapes.pypi_upload(server.pypi, made("1.0"))).status == 200
    for path in ("pypi/demo-pkg/json", "pypi/demo-pkg/1.0/json", "demo-pkg/json", "pypi/nothing/json"):
        assert server.http("GET", f"{server.pypi}/{path}", token=None).status == 401, path
