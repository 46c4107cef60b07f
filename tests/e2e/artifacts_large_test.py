"""A file of any size goes through at constant memory. Issue proof: 1 GB up and down."""

import hashlib

import pytest

from memory import SANITIZER, Watch

GROWTH_MAX_KIB = 60 * 1024
SIZE = 1 << 30


@pytest.fixture(scope="module")
def gigabyte(tmp_path_factory):
    """Blocks that differ, so that no shortcut for zeros or repeats helps."""
    path = tmp_path_factory.mktemp("large") / "big.img"
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        block = bytearray(hashlib.shake_256(b"packhouse").digest(1 << 20))
        for number in range(SIZE >> 20):
            block[:8] = number.to_bytes(8, "little")
            digest.update(block)
            file.write(block)
    yield path, digest.hexdigest()
    path.unlink()


@pytest.fixture
def warm(new_server):
    server = new_server(environment=SANITIZER)
    for number in range(50):
        assert server.put(f"{server.artifacts}/warm/1.0/{number}", bytes(100_000)).status == 201
        assert server.get(f"{server.artifacts}/warm/1.0/{number}").status == 200
    return server


@pytest.fixture
def at(warm):
    return warm


def test_a_gigabyte_goes_up_and_down_in_flat_memory(warm, curl, gigabyte):
    path, digest = gigabyte
    with Watch(warm) as watch:
        up = curl.upload(path, "big/1.0/big.img", "-H", f"X-Checksum-Sha256: {digest}", "-w", "%{http_code}")
    assert up.stdout == "201"
    assert watch.growth_kib < GROWTH_MAX_KIB
    to = curl.new_folder("down") / "big.img"
    with Watch(warm) as watch:
        curl("-fsS", "-o", to, "--limit-rate", "2000M", *curl.authorization, f"{curl.repository_url}/big/1.0/big.img")
    with open(to, "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    to.unlink()
    assert watch.growth_kib < GROWTH_MAX_KIB

    again = curl.upload(path, "big/1.0/big.img", "-H", f"X-Checksum-Sha256: {digest}",
                        "-w", "%{http_code} %{size_upload}")
    assert again.stdout == "200 0"

    part = curl.new_folder("resume") / "big.img"
    with open(part, "wb") as out, open(path, "rb") as file:
        out.write(file.read(SIZE - 4321))
    said = curl("-fsS", "-C", "-", "-O", "-w", "%{size_download}", *curl.authorization,
                f"{curl.repository_url}/big/1.0/big.img", cwd=part.parent)
    assert said.stdout == "4321"
    with open(part, "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    part.unlink()


def test_chunks_without_end_go_in_flat_memory(warm):
    """The same through a body whose length nobody states, and which ends without its last chunk."""
    block = bytes(1 << 20)

    def endless():
        for _ in range(300):
            yield block
        raise ConnectionAbortedError

    with Watch(warm) as watch, pytest.raises(ConnectionAbortedError):
        warm.put(f"{warm.artifacts}/big/1.0/endless", endless())
    assert watch.growth_kib < GROWTH_MAX_KIB
    assert warm.get(f"{warm.artifacts}/big/1.0/endless").status == 404
