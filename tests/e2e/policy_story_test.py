"""One story: a release is held, somebody asks, somebody else looks and lets it through, and it comes at once."""

import json
import re

import packages
import pytest

from conformance import conformance
from policies import ago
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")


def ask(server, path, **body):
    answer = server.post(f"/api/v1{path}", json.dumps(body).encode())
    assert answer.status == 201, answer
    return answer.json()


@pytest.fixture
def ann(server, packhouse):
    """A developer, who may read and ask."""
    ask(server, "/accounts", name="ann")
    ask(server, "/grants", subject="ann", role="reader", repository="acme/main")
    return packhouse.with_token(ask(server, "/tokens", **{"for": "ann"})["token"])


def refused(client, *arguments):
    with pytest.raises(client.Failure) as failed:
        client.install(*arguments)
    return failed.value.stdout + failed.value.stderr


@conformance("art-107")
@pytest.mark.parametrize("form", ["npm", "pypi"])
def test_a_release_is_held_asked_for_approved_and_held_again(server, upstream, form, npm, pip, packhouse, ann):
    attach(server, "npm", upstream.npm_url)
    attach(server, "pypi", upstream.pypi_url)
    for version, age in (("1.3.0", {"days": 400}), ("1.3.1", {"hours": 1})):
        upstream.npm.add("left-pad", version, published=ago(**age))
        upstream.pypi.add(packages.wheel("left-pad", version), upload_time=ago(**age))
    client, exact = (npm, "left-pad@1.3.1") if form == "npm" else (pip, "left-pad==1.3.1")
    made = packhouse("policy", "set", "--org", "acme", "careful", "--reason", "to begin with")
    assert "Revision 1 of the policy of acme" in made.stdout

    told = refused(client, exact)
    assert "cooldown" in told
    create = re.search(r"packhouse (request create \S+:left-pad@1\.3\.1)", told)[1]
    with pytest.raises(ann.Failure) as failed:
        ann(*create.replace("1.3.1", "9.9.9").split(), "--reason", "a slip")
    assert "9.9.9" in failed.value.stderr
    ann(*create.split(), "--reason", "fixes our crash")
    assert f"{form}:left-pad" in packhouse("request", "list").stdout
    shown = packhouse("request", "show", "1").stdout
    assert "fixes our crash" in shown and "ann" in shown and "cooldown" in shown
    assert "1.3.0" in shown.split("COMPARED: ")[1].splitlines()[0] and "~ " in shown.split("FILES: ")[1]
    assert "cooldown" in refused(client, exact), "that somebody looked at it lets nobody have it"
    with pytest.raises(ann.Failure):
        ann("request", "approve", "1", "--until", "30d", "--comment", "mine")
    assert "cooldown" in refused(client, exact)

    packhouse("request", "approve", "1", "--scope", "version", "--until", "30d", "--comment", "read all of it")
    fresh = type(client)(client.new_folder("fresh"), server)
    assert fresh.install(exact).files
    history = packhouse("audit", "list", "acme", "--package", f"{form}:left-pad").stdout
    assert "ann" in history and "owner" in history and "1.3.1" in history

    assert "left-pad" in packhouse("exception", "list").stdout
    packhouse("exception", "end", "1", "--reason", "we found another way")
    assert "we found another way" in packhouse("audit", "list", "acme", "--package", f"{form}:left-pad").stdout
    assert "cooldown" in refused(type(client)(client.new_folder("again"), server), exact)
    assert type(client)(client.new_folder("other"), server).install("left-pad").files
