"""What a new user types in the first hour, with the clients that people have."""

import hashlib

import pytest


def test_what_npm_publishes_npm_installs(server, npm):
    package = npm.make_package("hello", "1.0.0", {"lib/words.txt": "héllo\n"})
    npm.publish(package)
    assert npm.install("hello@1.0.0").files == package.files
    assert npm.view("hello", "dist-tags") == {"latest": "1.0.0"}
    with pytest.raises(npm.Failure, match="cannot publish over"):
        npm.publish(package)
    server.verify()


def test_an_older_npm_does_as_well(server, npm10):
    package = npm10.make_package("@acme/hello", "1.0.0")
    npm10.publish(package)
    assert npm10.install("@acme/hello").files == package.files


def test_what_twine_uploads_pip_and_uv_install(server, pypi, twine, pip, uv):
    wheel = pypi.make_wheel("hello", "1.0", {"data.txt": "words\n"})
    sdist = pypi.make_sdist("only-source", "0.1")
    twine.upload(wheel, sdist)
    assert pip.install("hello").files == wheel.files
    assert uv.install("hello==1.0").files == wheel.files
    assert pip.install("--no-build-isolation", "only-source").files == sdist.files
    server.verify()


def test_what_uv_publishes_pip_installs(server, pypi, uv, pip):
    wheel = pypi.make_wheel("hello", "2.0")
    uv.publish(wheel)
    assert pip.install("hello>=1").files == wheel.files


def test_what_curl_uploads_curl_downloads(server, curl):
    content = b"\x00\x01 an artifact" * 1000
    curl.upload(curl.write("web.tgz", content), "web/1.4.2/")
    assert curl.download("web/1.4.2/web.tgz") == content
    headers = curl("-fsSI", *curl.authorization, f"{curl.repository_url}/web/1.4.2/web.tgz").stdout.lower()
    assert f"x-checksum-sha256: {hashlib.sha256(content).hexdigest()}" in headers
    server.verify()
