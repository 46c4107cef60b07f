"""Policies of a server's org."""

import json


def set_policy(server, text, reason="a test", org="acme"):
    """Makes the text the org's policy, whichever there was."""
    body = json.dumps({"text": text, "reason": reason}).encode()
    answer = server.put(f"/api/v1/orgs/{org}/policy", body)
    assert answer.status in (200, 201), answer
    return answer.json()
