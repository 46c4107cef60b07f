"""Every client with Packhouse as all that it can reach: trees come through it, the second time without an upstream."""

import shutil

import pytest

import clients
import trees
from pulling import attach

CLIENTS = (clients.Npm, clients.Pnpm, clients.Yarn1, clients.Berry, clients.Bun,
           clients.Pip, clients.Uv, clients.UvProject, clients.Poetry, clients.Pdm)
SETTINGS = {"PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES": "127.0.0.1/32"}


def name(kind):
    return kind.__name__.lower()


def grown(kind):
    return trees.EXPECTED["npm" if issubclass(kind, clients.Npm) else "pypi"]


def checked_out(project, folder):
    """What of a project is in version control."""
    return shutil.copytree(project, folder, ignore=shutil.ignore_patterns("node_modules", ".venv", ".pdm-*", ".yarn"))


@pytest.fixture
def forest(new_server, new_upstream):
    """A server behind which the upstream is."""
    def start(seed=0, **settings):
        server, upstream = new_server(settings={**SETTINGS, **settings}), new_upstream(seed=seed)
        trees.plant(upstream)
        attach(server, "npm", upstream.npm_url)
        attach(server, "pypi", upstream.pypi_url)
        return server, upstream

    return start


def test_nothing_but_packhouse_is_on_the_island(forest, new_island):
    server, upstream = forest()
    there = new_island(server)
    look = ("import errno, socket, sys; s = socket.socket(); s.settimeout(60)\n"
            "print(errno.errorcode.get(s.connect_ex((sys.argv[1], int(sys.argv[2]))), 'connected'))")

    def connects(host, port):
        return there.run(clients.PYTHON, "-c", look, host, str(port)).strip()

    assert connects(server.host, server.port) == "connected"
    assert connects(upstream.host, upstream.port) == "ECONNREFUSED"
    assert connects("192.0.2.1", 443) == "ENETUNREACH"
    assert connects("127.0.0.53", 53) == "ECONNREFUSED"


@pytest.mark.parametrize("kind", CLIENTS, ids=name)
def test_a_tree_comes_through_packhouse_alone_and_again_without_the_upstream(kind, forest, new_island, tmp_path):
    """The second time to a desk where nothing was cached, when nothing of what Packhouse keeps is fresh."""
    server, upstream = forest(PACKHOUSE_UPSTREAM_FRESH="0s")
    there, project = new_island(server), None
    for desk in ("first", "second"):
        client = kind(tmp_path / desk, server)
        there.take(client)
        if hasattr(kind, "reinstall"):
            project = client.new_project()
            installed = client.install(trees.TOP, project=project)
        else:
            installed = client.install(trees.TOP)
        assert trees.found(installed.folder) == grown(kind)
        assert upstream.requests
        upstream.go("unplugged")
    if project:
        client = kind(tmp_path / "third", server)
        there.take(client)
        project = checked_out(project, tmp_path / "third" / "project")
        client.reinstall(project)
        assert trees.found(project) == grown(kind)


@pytest.mark.parametrize("kind", [clients.Npm, clients.Yarn1, clients.Bun, clients.Pip, clients.Uv], ids=name)
def test_a_tree_comes_from_an_upstream_that_fails_now_and_then(kind, forest, tmp_path):
    # Four failures in a row of one request are seldom, but tests run often.
    server, upstream = forest(seed=1, PACKHOUSE_UPSTREAM_RETRIES="12")
    upstream.flapping = 0.2
    assert trees.found(kind(tmp_path / "desk", server).install(trees.TOP).folder) == grown(kind)
    assert upstream.flaps
