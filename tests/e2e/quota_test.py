"""How much an org may keep: told before the body is read, and exact."""

import os

import pytest


def used(packhouse):
    return packhouse("org", "show", "acme", "--json").json()


def test_a_full_org_hears_how_much_is_left(server, packhouse):
    packhouse("org", "quota", "acme", "10KiB")
    place = f"{server.artifacts}/hello/1.0.0"
    assert server.put(f"{place}/a", b"x" * 8192).status == 201
    answer = server.put(f"{place}/b", b"x" * 4096)
    assert answer.status == 507 and answer.json()["code"] == "quota-full"
    assert "may keep 10 KiB and has 2 KiB left" in answer.json()["detail"]
    assert server.put(f"{place}/c", b"x" * 2048).status == 201
    assert (used(packhouse)["bytes"], used(packhouse)["files"]) == (10240, 2)
    assert server.put(f"{place}/d", b"x").status == 507
    assert server.get(f"{place}/a").status == 200
    packhouse("remove", "artifact:hello@1.0.0", "--repo", "acme/main", "--reason", "room")
    assert used(packhouse)["bytes"] == 0
    assert server.put(f"{server.artifacts}/hello/2.0.0/a", b"y" * 4096).status == 201
    packhouse("org", "quota", "acme", "0")
    assert server.put(f"{server.artifacts}/hello/2.0.0/b", b"y" * 65536).status == 201
    server.verify()


def test_the_body_of_a_refused_upload_is_not_read(server, packhouse):
    packhouse("org", "quota", "acme", "1KiB")
    head = (f"PUT {server.artifacts}/hello/1.0.0/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n").encode()
    answer = server.raw(head)
    assert b" 507 " in answer.split(b"\r\n")[0] and b"100 Continue" not in answer


@pytest.mark.settings(PACKHOUSE_ORG_QUOTA="4KiB")
def test_what_has_no_length_is_counted_at_the_end(server, npm):
    npm.publish(npm.make_package("small", "1.0.0"))
    with pytest.raises(npm.Failure, match="507"):
        npm.publish(npm.make_package("large", "1.0.0", {"data.bin": os.urandom(8192)}), "--fetch-retries=0")
    answer = server.http("PUT", f"{server.artifacts}/hello/1.0.0/a", iter([b"x" * 8192]))
    assert answer.status == 507, answer
    server.verify()
