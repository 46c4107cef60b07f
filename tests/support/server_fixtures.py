"""What a test may ask for by name: a server, and the clients that talk to it.

`server` is a test's own, in a new data directory. `shared_server` serves all tests of a file, for
those that change nothing or keep to names of their own. A client talks to whichever of the two its
test asks for."""

import os
import shutil

import pytest

import clients
import island
import packages
from packhouse_server import Server, binary
from tls_proxy import TlsProxy
from upstream import Upstream


def keep_or_remove(folder):
    if not os.environ.get("PACKHOUSE_TEST_KEEP"):
        shutil.rmtree(folder, ignore_errors=True)


def serve(folder, **more):
    if not os.path.exists(binary()):
        pytest.fail(f"{binary()} is not built")
    server = Server(folder, **more)
    try:
        yield server
    finally:
        server.stop()
        keep_or_remove(folder)


@pytest.fixture
def server(tmp_path, request):
    """Settings of a test's own: @pytest.mark.settings(PACKHOUSE_…="…")."""
    marker = request.node.get_closest_marker("settings")
    yield from serve(tmp_path / "server", settings=marker.kwargs if marker else None)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    yield from serve(tmp_path_factory.mktemp("server"))


@pytest.fixture
def new_server(tmp_path):
    """More servers, or odd ones: new_server(settings={…}, preload=…)."""
    made = []

    def start(**more):
        made.append(Server(tmp_path / f"server-{len(made)}", **more))
        return made[-1]

    yield start
    for one in made:
        one.stop()
        keep_or_remove(one.folder)


@pytest.fixture
def new_proxy(new_server, tmp_path):
    """Servers behind nginx and TLS: new_proxy(settings={…})."""
    made = []

    def start(**more):
        made.append(TlsProxy(tmp_path / f"proxy-{len(made)}", new_server, **more))
        return made[-1]

    yield start
    for one in made:
        one.stop()


@pytest.fixture
def new_island():
    """Networks with one server and no way out: new_island(server)."""
    reason = island.why_not()
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"no network without a way out: {reason}")
    if reason:
        pytest.skip(f"no network without a way out: {reason}")
    made = []

    def make(server):
        made.append(island.Island(server))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def at(request):
    """The server that the clients of this test talk to."""
    return request.getfixturevalue("shared_server" if "shared_server" in request.fixturenames else "server")


def client_fixture(kind, name):
    @pytest.fixture(name=name)
    def make(at, tmp_path):
        client = kind(tmp_path / name, at)
        yield client
        keep_or_remove(client.folder)

    return make


npm = client_fixture(clients.Npm, "npm")
npm10 = client_fixture(clients.Npm10, "npm10")
pnpm = client_fixture(clients.Pnpm, "pnpm")
yarn1 = client_fixture(clients.Yarn1, "yarn1")
berry = client_fixture(clients.Berry, "berry")
bun = client_fixture(clients.Bun, "bun")
pip = client_fixture(clients.Pip, "pip")
twine = client_fixture(clients.Twine, "twine")
uv = client_fixture(clients.Uv, "uv")
poetry = client_fixture(clients.Poetry, "poetry")
pdm = client_fixture(clients.Pdm, "pdm")
curl = client_fixture(clients.Curl, "curl")
packhouse = client_fixture(clients.PackhouseCommand, "packhouse")


@pytest.fixture
def pypi(tmp_path):
    return clients.PypiBench(tmp_path / "dist")


@pytest.fixture
def new_upstream():
    """Upstream registries, empty: new_upstream(), new_upstream("127.0.0.2")."""
    made = []

    def start(*arguments, **more):
        made.append(Upstream(*arguments, **more))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def upstream(new_upstream):
    """One upstream registry of both formats, with a few packages that need each other."""
    made = new_upstream()
    for version in ("1.0.0", "1.1.0"):
        made.npm.add("outside", version)
    made.npm.add("outside", "2.0.0-rc.1", tag="next")
    made.npm.add("@far/scoped", "1.0.0", dependencies={"outside": "^1.0.0"})
    made.npm.add("needs-outside", "1.0.0", dependencies={"@far/scoped": "1.0.0"})
    for version in ("1.0", "1.1"):
        made.pypi.add(packages.wheel("outside", version))
        made.pypi.add(packages.sdist("outside", version))
    made.pypi.add(packages.wheel("needs-outside", "1.0", requires=["outside>=1"]))
    return made
