"""The server as a team has it: behind nginx, at https alone. The documented lines; clients that reach nothing else."""

import json
import re

import pytest

import clients
import trees
from index_pages import HTML, JSON
from pulling import attach


@pytest.fixture
def proxy(new_proxy, upstream):
    made = new_proxy(settings={"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.1/32"})
    trees.plant(upstream)
    attach(made.server, "npm", upstream.npm_url)
    attach(made.server, "pypi", upstream.pypi_url)
    return made


@pytest.fixture
def desk(proxy, new_island, tmp_path):
    """A client that knows the proxy's authority, and is where nothing but the proxy is."""
    there = new_island(proxy.front)

    def sit(kind):
        client = kind(tmp_path / kind.__name__, proxy.front)
        proxy.let_trust(client)
        there.take(client)
        return client

    return sit


def assert_leads_nowhere_else(proxy, answer):
    """Every address in an answer is the proxy's."""
    told = "\n".join([answer.text, *map(str, answer.headers)])
    assert answer.status < 400 and "http://" not in told and f":{proxy.server.port}" not in told, told[:2000]
    return re.findall(r"https://[^/\"'<> ]+", told)


def test_npm_publishes_and_installs_through_tls(proxy, desk):
    npm = desk(clients.Npm)
    package = npm.make_package("@acme/hello", "1.0.0")
    npm.publish(package)
    installed = npm.install("@acme/hello@1.0.0", trees.TOP)
    assert installed.files == package.files
    assert trees.found(installed.folder) == trees.EXPECTED["npm"]
    lock = json.loads((installed.folder / "package-lock.json").read_text())["packages"]
    assert len(lock) == 8
    assert all(entry["resolved"].startswith(f"{proxy.url}/npm/acme/main/") for path, entry in lock.items() if path)
    for name in ("@acme%2fhello", "tree", "@far%2fbranch", "leaf"):
        for accept in ("application/json", "application/vnd.npm.install-v1+json"):
            answer = proxy.server.get(f"{proxy.server.npm}/{name}", headers={"Accept": accept})
            assert set(assert_leads_nowhere_else(proxy, answer)) == {proxy.url}


@pytest.mark.parametrize("kind", [clients.Pnpm, clients.Yarn1, clients.Berry, clients.Bun], ids=lambda kind: kind.__name__.lower())
def test_the_others_of_npm_s_kind_install_through_tls(kind, desk):
    assert trees.found(desk(kind).install(trees.TOP).folder) == trees.EXPECTED["npm"]


def test_pip_and_uv_publish_and_install_through_tls(proxy, desk, pypi):
    wheel, sdist = pypi.make_wheel("hello", "1.0"), pypi.make_sdist("hello", "1.1")
    desk(clients.Twine).upload(wheel)
    desk(clients.Uv).publish(sdist)
    for kind in (clients.Pip, clients.Uv):
        client = desk(kind)
        assert client.install("hello").files == sdist.files
        assert client.install("hello==1.0").files == wheel.files
        assert trees.found(client.install(trees.TOP).folder) == trees.EXPECTED["pypi"]
    for name in ("", "hello/", "tree/", "far-branch/", "leaf/"):
        for accept in (JSON, HTML):
            assert_leads_nowhere_else(proxy, proxy.server.get(f"{proxy.server.pypi}/simple/{name}", headers={"Accept": accept}))
    for spelling in ("Hello/", "hello", "Far.Branch"):
        answer = proxy.server.get(f"{proxy.server.pypi}/simple/{spelling}")
        assert answer.status == 301
        assert_leads_nowhere_else(proxy, answer)


@pytest.mark.parametrize("kind", [clients.Poetry, clients.Pdm], ids=lambda kind: kind.__name__.lower())
def test_projects_install_through_tls(kind, desk):
    assert trees.found(desk(kind).install(trees.TOP).folder) == trees.EXPECTED["pypi"]


def test_artifacts_go_and_come_through_tls(proxy, desk):
    curl = desk(clients.Curl)
    path = curl.write("web.tgz", b"web" * 1000)
    curl.upload(path, "web/1.4.2/")
    assert curl.download("web/1.4.2/web.tgz") == b"web" * 1000
    for accept in ("application/json", "text/plain", "text/html"):
        for place in ("web/", "web/1.4.2/"):
            answer = proxy.server.get(f"{proxy.server.artifacts}/{place}", headers={"Accept": accept})
            assert_leads_nowhere_else(proxy, answer)
