"""Policies of a server's org."""

import datetime
import json

COOLDOWN = """
mode: enforce
default: allow
rules:
  cooldown:
    hold: {younger_than: 7d}
    say: New releases wait seven days
"""


def ago(**time_ago):
    """As registries write a time: ago(days=7)."""
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**time_ago)
    return then.strftime("%Y-%m-%dT%H:%M:%S.") + f"{then.microsecond // 1000:03}Z"


def set_policy(server, text, reason="a test", org="acme"):
    """Makes the text the org's policy, whichever there was."""
    body = json.dumps({"text": text, "reason": reason}).encode()
    answer = server.put(f"/api/v1/orgs/{org}/policy", body)
    assert answer.status in (200, 201), answer
    return answer.json()


def let_through(server, purl, scope="version", repository="main", **more):
    """Asks for what is held, and approves it alone: the exception's number."""
    wish = json.dumps({"purl": purl, "repository": repository, "reason": "a test"}).encode()
    asked = server.post("/api/v1/orgs/acme/requests", wish)
    assert asked.status in (200, 201) and asked.json()["items"], asked
    approval = json.dumps({"comment": "a test", "scope": scope, "expires_in": 86400, "alone": True, **more}).encode()
    decided = server.post(f"/api/v1/orgs/acme/requests/{asked.json()['items'][0]['id']}/approve", approval)
    assert decided.status == 200, decided
    return decided.json()["exception"]
