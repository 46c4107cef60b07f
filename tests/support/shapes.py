"""Publishes as the bytes that clients send, for tests that want them without a client."""

import base64
import hashlib
import json
import secrets
import urllib.parse

import packages


class Request:
    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, list(headers), body


def npm_document(base, name, version, tarball, tag="latest", manifest=None, attachment=None, **top):
    """What `npm publish` puts: npm spec 7.1. `manifest` adds to the version, `top` to the document."""
    file = f"{name}-{version}.tgz"
    document = {
        "_id": name, "name": name, "description": f"{name} for tests",
        "dist-tags": {tag: version},
        "versions": {version: {
            "name": name, "version": version, "_id": f"{name}@{version}",
            "dist": {"integrity": "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode(),
                     "shasum": hashlib.sha1(tarball).hexdigest(),
                     "tarball": f"http://127.0.0.1{base}/{name}/-/{file}"},
            **(manifest or {})}},
        "access": None,
        "_attachments": {file: attachment or {
            "content_type": "application/octet-stream",
            "data": base64.b64encode(tarball).decode(), "length": len(tarball)}},
    }
    document.update(top)
    return document


def npm_path(name):
    return name.replace("/", "%2f")


def npm_publish(base, name, version, tarball=None, headers=(), **document):
    tarball = packages.npm_tarball(name, version) if tarball is None else tarball
    body = json.dumps(npm_document(base, name, version, tarball, **document)).encode()
    return Request("PUT", f"{base}/{npm_path(name)}",
                   [("Content-Type", "application/json"), ("npm-command", "publish"), *headers], body)


def multipart(fields, files=(), boundary=None):
    """fields: pairs of name and text; files: (name, filename, content, content_type or None)."""
    boundary = boundary or secrets.token_hex(16)
    parts = []
    for name, value in fields:
        parts += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode(),
                  packages.as_bytes(value), b"\r\n"]
    for name, filename, content, content_type in files:
        parts += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'.encode(),
                  f"Content-Type: {content_type}\r\n".encode() if content_type else b"", b"\r\n",
                  content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


def pypi_fields(dist, **change):
    """The form of an upload, Python spec 8.2. A field changed to None is left out."""
    fields = {":action": "file_upload", "protocol_version": "1", "metadata_version": "2.1",
              "name": dist.name, "version": dist.version, "filetype": dist.filetype,
              "pyversion": dist.pyversion, "sha256_digest": dist.sha256}
    fields.update(change)
    return [(name, value) for name, value in fields.items() if value is not None]


def pypi_upload(base, dist, headers=(), filename=None, content=None, **change):
    content_type, body = multipart(
        pypi_fields(dist, **change),
        [("content", filename or dist.filename, dist.content if content is None else content,
          "application/octet-stream")])
    return Request("POST", f"{base}/", [("Content-Type", content_type), *headers], body)


def artifact_put(base, package, version, path, content, headers=()):
    return Request("PUT", f"{base}/{package}/{version}/{urllib.parse.quote(path)}",
                   [("Content-Type", "application/octet-stream"), *headers], content)
