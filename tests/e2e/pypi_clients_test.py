"""The Python index as pip, uv and twine users meet it."""

import os
import subprocess
import sys
import urllib.parse

import pytest

import packages
import shapes
from conformance import conformance
from index_pages import JSON, files_of, json_page, page_path


@pytest.fixture
def second(at, packhouse):
    """Another org's index, with the owner's token: a name that this org owns would end the search here."""
    packhouse("org", "create", "globex")
    packhouse("repo", "create", "globex/second")
    return at.index_url().replace("/pypi/acme/main/", "/pypi/globex/second/")


@conformance("py-094")
def test_uv_publishes_what_pip_installs(server, pypi, uv, pip):
    wheel, sdist = pypi.make_wheel("Demo.Pkg", "1.0", {"data.txt": "héllo\n"}), pypi.make_sdist("Demo.Pkg", "1.0")
    check = ("--check-url", server.index_url())
    uv.publish(wheel, sdist)
    assert pip.install("demo_pkg").files == wheel.files
    assert set(files_of(server, "demo-pkg")) == {wheel.filename, sdist.filename}
    newer = pypi.make_wheel("Demo.Pkg", "2.0")
    uv.publish(wheel, newer, options=check)
    assert pip.install("Demo-Pkg").files == newer.files
    other = pypi.make_wheel("Demo.Pkg", "2.0", {"other.txt": "other\n"})
    with pytest.raises(uv.Failure):
        uv.publish(other, options=check)
    with pytest.raises(uv.Failure, match="File already exists"):
        uv.publish(other)
    assert pip.install("demo-pkg").files == newer.files


@conformance("py-096", "py-097", "py-122")
def test_twine_tells_why_a_file_is_refused(server, pypi, twine, pip):
    wheel = pypi.make_wheel("hello", "1.0")
    twine.upload(wheel)
    twine.upload(wheel)
    with pytest.raises(twine.Failure, match=r"409(.|\n)*File already exists"):
        twine.upload(pypi.make_wheel("hello", "1.0", {"more.py": "x = 1\n"}))
    assert pip.install("hello").files == wheel.files


@conformance("py-124")
def test_twine_without_a_good_token_is_told_so(server, pypi, twine):
    with pytest.raises(twine.Failure, match="401"):
        twine.with_token("pkhp_wrong").upload(pypi.make_wheel("hello", "1.0"))


@conformance("py-121")
def test_a_local_version_installs(server, pypi, twine, pip, uv):
    wheel = pypi.make_wheel("torchlike", "2.1+cu121")
    twine.upload(wheel)
    assert pip.install("torchlike").files == wheel.files
    assert uv.install("torchlike==2.1+cu121").files == wheel.files


def test_an_sdist_installs(server, pypi, twine, pip, uv):
    sdist = pypi.make_sdist("from.source", "0.1")
    twine.upload(sdist)
    assert pip.install("from-source").files == sdist.files
    assert uv.install("from_source").files == sdist.files


def test_dependencies_and_pythons_are_resolved(server, pypi, twine, pip, uv):
    twine.upload(pypi.make_wheel("leaf", "1.0"), pypi.make_wheel("leaf", "2.0"),
                 pypi.make_wheel("leaf", "3.0", requires_python=">=99"),
                 pypi.make_wheel("leaf", "2.1rc1"), pypi.make_wheel("tree", "1.0", requires=["leaf>=1.5"]))
    for client in (pip, uv):
        files = client.install("tree").files
        assert files["leaf/__init__.py"] == b"version = '2.0'\n"
        assert "tree/__init__.py" in files


@conformance("py-055", "py-056")
def test_pip_resolves_from_metadata_alone(server, pypi, twine, pip):
    """A dry run reads the sidecar; with the wheel's bytes never sent, none is missed."""
    wheel = pypi.make_wheel("lean", "1.0")
    twine.upload(wheel)
    report = pip("install", "--dry-run", "--ignore-installed", "--report", "-", "--quiet", "lean").json()
    assert report["install"][0]["metadata"]["name"] == "lean"


def test_hashes_are_required_and_found(server, pypi, twine, pip, uv):
    wheel = pypi.make_wheel("pinned", "1.0")
    twine.upload(wheel)
    for client in (pip, uv):
        requirements = client.folder / "requirements.txt"
        requirements.write_text(f"pinned==1.0 --hash=sha256:{wheel.sha256}\n")
        assert client.install("--require-hashes", "-r", requirements).files == wheel.files
        requirements.write_text(f"pinned==1.0 --hash=sha256:{'0' * 64}\n")
        with pytest.raises(client.Failure):
            client.install("--require-hashes", "-r", requirements)


@conformance("py-033")
def test_upload_times_are_what_clients_choose_by(server, pypi, twine, pip, uv):
    twine.upload(pypi.make_wheel("timed", "1.0"))
    assert uv.install("--exclude-newer", "2099-01-01T00:00:00Z", "timed").files
    assert pip.install("--uploaded-prior-to", "2099-01-01T00:00:00Z", "timed").files
    for client, option in ((uv, "--exclude-newer"), (pip, "--uploaded-prior-to")):
        with pytest.raises(client.Failure):
            client.install(option, "2020-01-01T00:00:00Z", "timed")


@conformance("py-076", "py-077")
@pytest.mark.parametrize("name", ["pip", "uv"])
def test_a_client_sees_a_new_version_at_once(server, pypi, twine, name, request):
    client = request.getfixturevalue(name)
    for version in ("1.0", "1.1", "2.0"):
        wheel = pypi.make_wheel("fresh", version)
        twine.upload(wheel)
        assert client.install("fresh").files == wheel.files


@conformance("py-083")
def test_odd_characters_in_url_credentials(server, pypi, twine, pip):
    wheel = pypi.make_wheel("hello", "1.0")
    twine.upload(wheel)
    url = server.index_url().replace("__token__", urllib.parse.quote("us@er ä+%", safe=""))
    assert pip.install("--index-url", url, "hello").files == wheel.files


@conformance("py-084", "py-085")
def test_netrc_is_used_after_a_401(server, pypi, twine, pip, uv):
    """uv asks without credentials first; only a 401 makes it look for some."""
    wheel = pypi.make_wheel("hello", "1.0")
    twine.upload(wheel)
    url = f"{server.url}{server.pypi}/simple/"
    pip.environment.update(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=url)
    uv.environment.update(UV_DEFAULT_INDEX=url)
    for client in (pip, uv):
        with pytest.raises(client.Failure):
            client.install("hello")
        netrc = client.home / ".netrc"
        netrc.write_text(f"machine {server.host}\nlogin __token__\npassword {server.token}\n")
        netrc.chmod(0o600)
        assert client.install("hello").files == wheel.files


@conformance("py-078", "py-079", "py-082", "py-124")
def test_credentials_in_every_form(server):
    wheel = packages.wheel("hello", "1.0")
    server.send(shapes.pypi_upload(server.pypi, wheel))
    file = files_of(server, "hello")[wheel.filename]["path"]
    paths = [f"{server.pypi}/simple/", page_path(server, "hello"), page_path(server, "absent"), file, f"{file}.metadata"]
    for path in paths:
        anonymous = server.get(path, token=None)
        assert anonymous.status == 401
        assert anonymous["WWW-Authenticate"].startswith("Basic realm=")
        wrong = server.get(path, headers=[server.basic("__token__", "wrong")])
        assert wrong.status == 401 and wrong["WWW-Authenticate"].startswith("Basic realm=")
        for header in (server.basic("__token__", server.token), server.basic("anybody", server.token),
                       server.basic(server.token, ""), ("Authorization", f"Bearer {server.token}")):
            assert server.get(path, headers=[header]).status == (404 if "absent" in path else 200)


@conformance("py-080", "py-081", "py-088")
def test_an_unseen_project_is_404_and_a_repository_403(server, packhouse):
    packhouse("org", "create", "globex")
    packhouse("repo", "create", "globex/private")
    server.send(shapes.pypi_upload(server.pypi, packages.wheel("seen", "1.0")))
    server.send(shapes.pypi_upload(server.pypi, packages.wheel("unseen", "1.0")))
    token = packhouse("token", "create", "--package", "seen", "--repo", "acme/main", "--role", "reader", "--json").json()["token"]
    for accept in (JSON, "text/html"):
        headers = {"Accept": accept}
        assert server.get(page_path(server, "seen"), headers=headers, token=token).status == 200
        unseen = server.get(page_path(server, "unseen"), headers=headers, token=token)
        absent = server.get(page_path(server, "absent"), headers=headers, token=token)
        assert (unseen.status, absent.status) == (404, 404)
        assert unseen.text.replace("unseen", "absent") == absent.text
        for repository in ("private", "nothing"):
            answer = server.get(f"/pypi/globex/{repository}/simple/seen/", headers=headers, token=token)
            assert answer.status == 403


@conformance("py-088")
def test_uv_goes_on_to_the_second_index(server, second, pypi, twine, uv, pip):
    wheel = pypi.make_wheel("elsewhere", "1.0")
    twine("upload", "--non-interactive", "--repository-url", f"{server.url}/pypi/globex/second/", wheel.path)
    assert uv.install("--index", server.index_url(), "--default-index", second, "elsewhere").files == wheel.files
    assert pip.install("--extra-index-url", second, "elsewhere").files == wheel.files


@conformance("py-086")
def test_credentials_are_in_no_log_or_redirect(new_server):
    server = new_server(settings={"PACKHOUSE_LOG_LEVEL": "debug", "PACKHOUSE_ACCESS_LOG": "stderr"})
    basic = server.basic("__token__", server.token)
    for path in ("simple/Demo_Pkg/", "simple/demo-pkg", "simple/absent/", "simple/"):
        answer = server.get(f"{server.pypi}/{path}", headers=[basic])
        assert server.token not in str(answer.headers) + answer.text
    server.send(shapes.pypi_upload(server.pypi, packages.wheel("hello", "1.0")))
    server.stop()
    log = server.log.read_text()
    assert "/simple/" in log
    assert server.token not in log and basic[1].split()[1] not in log


@conformance("py-087")
def test_a_revoked_token_stops_at_once(server, packhouse):
    made = packhouse("token", "create", "--repo", "acme/main", "--role", "reader", "--json").json()
    assert server.get(f"{server.pypi}/simple/", token=made["token"]).status == 200
    packhouse("token", "revoke", made["id"])
    assert server.get(f"{server.pypi}/simple/", token=made["token"]).status == 401


def test_what_was_uploaded_outlives_a_restart(server, pypi, twine, pip):
    wheel = pypi.make_wheel("lasting", "1.0")
    twine.upload(wheel)
    before = server.get(page_path(server, "lasting"))
    server.restart()
    after = server.get(page_path(server, "lasting"))
    assert (after.body, after["ETag"]) == (before.body, before["ETag"])
    assert pip.install("lasting").files == wheel.files
    assert json_page(server, "lasting")["versions"] == ["1.0"]
    server.verify()


@conformance("py-089")
def test_a_project_that_build_makes(server, twine, pip, tmp_path):
    """What `python -m build` writes, with the newest metadata of setuptools, uploads as it is."""
    project = tmp_path / "project"
    packages.write_tree(project, {
        "pyproject.toml": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
                          '[project]\nname = "Real.Project"\nversion = "1.0.dev3"\nrequires-python = ">=3.8"\n'
                          'license = "MIT"\nreadme = "README.md"\n[tool.setuptools]\npackages = ["real"]\n',
        "README.md": "# Real\n\nwith wörds\n", "real/__init__.py": "x = 1\n",
    })
    subprocess.run([sys.executable, "-m", "build", "--no-isolation"], cwd=project, check=True, capture_output=True)
    files = sorted((project / "dist").iterdir())
    assert len(files) == 2
    twine("upload", "--non-interactive", "--repository-url", twine.repository_url, *files)
    assert json_page(server, "real-project")["versions"] == ["1.0.dev3"]
    assert pip.install("--pre", "real-project").files["real/__init__.py"] == b"x = 1\n"
