"""Policy and what is inside a wheel: its licence, told by the METADATA beside it before it comes, and whether page,
METADATA and archive agree."""

import urllib.parse

import pytest

import index_pages
import packages
from patience import until
from policies import set_policy
from pulling import attach

pytestmark = pytest.mark.settings(PACKHOUSE_UPSTREAM_ALLOW_ADDRESSES="127.0.0.0/8", PACKHOUSE_UPSTREAM_RETRIES="0",
                                  PACKHOUSE_UPSTREAM_CONNECT_TIMEOUT="1m")
NO_GPL = "rules: {licence: {deny: {license_in: [GPL-*]}, say: No GPL here}}"
NO_LIES = "rules: {lies: {deny: {manifest_mismatch: true}, say: It is not what it says}}"


def licensed(expression):
    return [f"License-Expression: {expression}"]


def page(server, name):
    answer = server.get(f"{server.pypi}/simple/{name}/", headers={"Accept": index_pages.JSON})
    assert answer.status == 200, answer
    return answer.json()


def address(server, name):
    [entry] = page(server, name)["files"]
    return urllib.parse.urljoin(f"{server.pypi}/simple/{name}/", entry["url"])


def wheels_asked(upstream):
    return [request.path for request in upstream.requests if request.path.endswith(".whl")]


@pytest.mark.parametrize("asked", ["", ".metadata"], ids=["wheel", "metadata"])
def test_a_licence_that_is_denied_is_known_before_the_wheel_comes(server, upstream, asked):
    attach(server, "pypi", upstream.pypi_url)
    upstream.pypi.add(packages.wheel("copyleft", "1.0", extra=licensed("GPL-3.0-only")))
    upstream.pypi.add(packages.wheel("free", "1.0", extra=licensed("MIT")))
    set_policy(server, NO_GPL)
    path = address(server, "copyleft")
    for _ in range(2):
        refused = server.get(path + asked)
        assert refused.status == 403 and b"No GPL here" in refused.body, refused
    assert not wheels_asked(upstream)
    until(lambda: page(server, "copyleft")["files"] == [], "the verdict on the page")
    assert server.get(address(server, "free") + asked).status == 200
    assert len([request for request in upstream.requests if "copyleft" in request.path and ".metadata" in request.path]) == 1


def test_an_unknown_licence_is_looked_up_where_a_list_demands_one(server, upstream, pip):
    """The list says "unknown", so that pages show what nobody has looked at yet."""
    attach(server, "pypi", upstream.pypi_url)
    upstream.pypi.add(packages.wheel("copyleft", "1.0", extra=licensed("GPL-3.0-only")))
    upstream.pypi.add(packages.wheel("nothing", "1.0"))
    set_policy(server, "rules: {licence: {hold: {license_not_in: [MIT, unknown]}, say: Ask legal}}")
    with pytest.raises(pip.Failure, match="Ask legal"):
        pip.install("copyleft")
    assert not wheels_asked(upstream)
    assert pip.install("nothing").files


def test_who_asks_for_no_licence_pays_nothing(server, upstream):
    attach(server, "pypi", upstream.pypi_url)
    upstream.pypi.add(packages.wheel("copyleft", "1.0", extra=licensed("GPL-3.0-only")))
    set_policy(server, "rules: {cooldown: {hold: {younger_than: 1d}}}")
    assert server.get(address(server, "copyleft")).status == 200
    assert not [request for request in upstream.requests if request.path.endswith(".metadata")]


@pytest.mark.parametrize("broken", ["absent", "wrong"])
def test_without_metadata_beside_it_the_wheel_itself_tells(server, upstream, broken):
    """Its last piece is held back until it has been looked into."""
    attach(server, "pypi", upstream.pypi_url)
    dist = packages.wheel("copyleft", "1.0", extra=licensed("GPL-3.0-only"))
    upstream.pypi.sidecars = broken != "absent"
    made = upstream.pypi.add(dist)
    if broken == "wrong":
        made.metadata_sha256 = "0" * 64
    set_policy(server, NO_GPL)
    refused = server.get(address(server, "copyleft"))
    assert refused.status == 403 and b"No GPL here" in refused.body, refused
    assert wheels_asked(upstream)


REQUIRES = ["six>=1.0", "attrs ; extra == 'all'"]


@pytest.mark.parametrize("beside, page_says, agrees", [
    ({}, ">=3.8,<4", True),
    ({}, "<4, >= 3.8", True),
    ({}, None, True),
    ({"requires": REQUIRES[::-1]}, ">=3.8,<4", True),
    ({"description": "Other words."}, ">=3.8,<4", True),
    ({}, ">=3.9,<4", False),
    ({"requires": REQUIRES[:1]}, ">=3.8,<4", False),
    ({"requires": REQUIRES + ["evil"]}, ">=3.8,<4", False),
    ({"requires": []}, ">=3.8,<4", False),
    ({"requires_python": ">=3.6"}, ">=3.8,<4", False),
    ({"requires_python": None}, ">=3.8,<4", False),
    ({"name": "other"}, ">=3.8,<4", False),
    ({"version": "1.1"}, ">=3.8,<4", False),
    ({"extra": licensed("Apache-2.0")}, ">=3.8,<4", False),
], ids=str)
def test_a_page_or_metadata_that_says_other_things_than_the_wheel(server, upstream, beside, page_says, agrees):
    attach(server, "pypi", upstream.pypi_url)
    says = {"name": "sly", "version": "1.0", "requires": REQUIRES, "requires_python": ">=3.8,<4", "extra": licensed("MIT")}
    dist = packages.wheel(**says)
    dist.metadata = packages.metadata(**{**says, **beside})
    upstream.pypi.add(dist, requires_python=page_says)
    set_policy(server, NO_LIES)
    path = address(server, "sly")
    answer = server.get(path)
    assert answer.status == (200 if agrees else 403), answer
    if not agrees:
        assert b"It is not what it says" in answer.body
        until(lambda: page(server, "sly")["files"] == [], "the verdict on the page")
        assert server.get(path).status == server.get(path + ".metadata").status == 403
