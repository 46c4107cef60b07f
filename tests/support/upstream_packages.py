"""What an upstream has: an npm registry and a Python index, of packages that packages.py makes."""

import base64
import functools
import gzip
import hashlib
import html
import json
import re
import subprocess
import tempfile

import packages
from upstream_answer import Answer, BytesBody, MadeBody, as_body

ABBREVIATED = "application/vnd.npm.install-v1+json"
JSON_PAGE = "application/vnd.pypi.simple.v1+json"
HTML_PAGE = "application/vnd.pypi.simple.v1+html"
IN_ABBREVIATED = ("name", "version", "dist", "dependencies", "devDependencies", "optionalDependencies",
                  "peerDependencies", "peerDependenciesMeta", "bundleDependencies", "bin", "engines", "os", "cpu",
                  "libc", "deprecated", "funding", "directories", "hasInstallScript")


def digest_of(body, algorithm):
    found = hashlib.new(algorithm)
    for piece in body.pieces():
        found.update(piece)
    return found


def json_answer(document, content_type="application/json", status=200):
    return Answer(status, json.dumps(document, ensure_ascii=False).encode(), content_type, may_zip=True)


def not_found():
    return json_answer({"error": "Not found"}, status=404)


class NpmFile:
    """One version, and its tarball."""

    def __init__(self, registry, name, version, body, published, manifest):
        self.registry, self.name, self.version, self.body, self.published = registry, name, version, body, published
        self.integrity = "sha512-" + base64.b64encode(digest_of(body, "sha512").digest()).decode()
        self.shasum = digest_of(body, "sha1").hexdigest()
        self.filename = f"{name.rsplit('/', 1)[-1]}-{version}.tgz"
        self.path = f"{registry.base}/{name}/-/{self.filename}"
        self.url = registry.upstream.url + self.path
        self.manifest, self.attestations = manifest, None

    def document(self):
        dist = {"integrity": self.integrity, "shasum": self.shasum,
                "tarball": self.path if self.registry.relative_urls else self.url,
                "fileCount": 2, "unpackedSize": self.body.length}
        if self.registry.signed:
            dist["signatures"] = [self.registry.signature(self)]
        if self.attestations:
            at = f"{self.registry.upstream.url}{self.registry.base}/-/npm/v1/attestations/{self.name}@{self.version}"
            dist["attestations"] = {"url": at, "provenance": {"predicateType": "https://slsa.dev/provenance/v1"}}
        return {"name": self.name, "version": self.version, "_id": f"{self.name}@{self.version}",
                "description": f"{self.name} of the upstream", "main": "index.js",
                "_npmUser": {"name": "somebody", "email": "somebody@example.org"}, **self.manifest, "dist": dist}


class NpmRegistry:
    """npm's registry: both packuments, versions, tarballs, keys, attestations and the audit."""

    def __init__(self, upstream, base):
        self.upstream, self.base = upstream, base
        self.packages, self.tags, self.huge, self.top = {}, {}, {}, {}
        self.signed = self.relative_urls = False
        self.keys = None  # what is said in place of the one key
        self.with_abbreviated = True
        self.advisories = {}

    def add(self, name, version, files=None, tarball=None, tag="latest", published=None, attestations=None,
            **manifest):
        """`tarball` is bytes or a pathlib.Path; without it, one is made of `files` and the manifest."""
        if tarball is None:
            files = {"index.js": f"module.exports = {json.dumps(f'{name} {version} of the upstream')};\n",
                     **(files or {})}
            tarball = packages.npm_tarball(name, version, files, **manifest)
        versions = self.packages.setdefault(name, {})
        published = published or f"2020-01-{1 + len(versions) % 28:02}T00:00:00.000Z"
        made = versions[version] = NpmFile(self, name, version, as_body(tarball), published, manifest)
        made.attestations = attestations
        if tag:
            self.tags.setdefault(name, {})[tag] = version
        return made

    def remove(self, name, version=None):
        """A version, or the whole package, as an author takes them back."""
        if version is None:
            return self.packages.pop(name)
        gone = self.packages[name].pop(version)
        self.tags[name] = {tag: v for tag, v in self.tags[name].items() if v != version}
        if "latest" not in self.tags[name] and self.packages[name]:
            self.tags[name]["latest"] = list(self.packages[name])[-1]
        return gone

    def add_huge(self, name, size=100 << 20, version="1.0.0"):
        """A packument of about that size: many versions that have no tarball, and last this one that has."""
        last = self.add(name, version)
        del self.packages[name]
        self.tags.pop(name)
        filler = "x" * 16000
        count = max(1, size // 16600)

        def made():
            head = json.dumps({"_id": name, "name": name, "dist-tags": {"latest": version},
                               "time": {"created": "2020-01-01T00:00:00.000Z", "modified": "2020-01-02T00:00:00.000Z",
                                        version: "2020-01-01T00:00:00.000Z"}})
            yield head[:-1].encode() + b', "versions": {'
            for number in range(count):
                text = f"0.0.{number}"
                digest = hashlib.sha512(text.encode())
                one = {"name": name, "version": text, "description": filler,
                       "dist": {"integrity": "sha512-" + base64.b64encode(digest.digest()).decode(),
                                "shasum": digest.hexdigest()[:40],
                                "tarball": f"{self.upstream.url}{self.base}/{name}/-/{name}-{text}.tgz"}}
                yield f'"{text}": {json.dumps(one)}, '.encode()
            yield f'"{version}": {json.dumps(last.document())}}}}}'.encode()

        self.huge[name] = (MadeBody(made, f"huge-{name}-{count}"), last)
        return last

    def document(self, name, abbreviated=False):
        versions = self.packages[name]
        shown = {version: file.document() for version, file in versions.items()}
        times = {version: file.published for version, file in versions.items()}
        modified = max(times.values(), default="2020-01-01T00:00:00.000Z")
        if abbreviated:
            return {"name": name, "dist-tags": self.tags.get(name, {}), "modified": modified,
                    "versions": {version: {key: value for key, value in one.items() if key in IN_ABBREVIATED}
                                 for version, one in shown.items()}}
        return {"_id": name, "_rev": "7-0123456789abcdef", "name": name, "dist-tags": self.tags.get(name, {}),
                "versions": shown,
                "time": {"created": min(times.values(), default=modified), "modified": modified, **times},
                "maintainers": [{"name": "somebody", "email": "somebody@example.org"}],
                "readme": f"# {name}\n", "license": "MIT", **self.top.get(name, {})}

    def answer(self, request):
        path = request.path[len(self.base) + 1:]
        if path.startswith("-/"):
            return self.special(request, path)
        scoped = path.startswith("@")
        parts = path.split("/")
        name, rest = "/".join(parts[:1 + scoped]), parts[1 + scoped:]
        if request.method not in ("GET", "HEAD"):
            return json_answer({"error": "read only"}, status=405)
        if name in self.huge:
            body, last = self.huge[name]
            if not rest:
                return Answer(200, body, "application/json", may_zip=True)
            return self.tarball(last) if rest == ["-", last.filename] else not_found()
        if name not in self.packages:
            return not_found()
        if not rest:
            abbreviated = self.with_abbreviated and ABBREVIATED in request.headers.get("accept", "")
            return json_answer(self.document(name, abbreviated), ABBREVIATED if abbreviated else "application/json")
        if rest[0] == "-" and len(rest) == 2:
            found = [file for file in self.packages[name].values() if file.filename == rest[1]]
            return self.tarball(found[0]) if found else not_found()
        version = self.tags.get(name, {}).get(rest[0], rest[0])
        found = self.packages[name].get(version) if len(rest) == 1 else None
        return json_answer(found.document()) if found else not_found()

    def tarball(self, file):
        return Answer(200, file.body, "application/octet-stream")

    def special(self, request, path):
        if path == "-/ping":
            return json_answer({})
        if path == "-/npm/v1/keys":
            keys = [self.key] if self.keys is None else self.keys
            return json_answer({"keys": keys}) if self.signed else not_found()
        if path == "-/npm/v1/security/advisories/bulk":
            body = request.body
            if request.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            asked = json.loads(body)
            return json_answer({name: found for name, found in self.advisories.items() if name in asked})
        if path.startswith("-/npm/v1/attestations/"):
            name, _, version = path[len("-/npm/v1/attestations/"):].rpartition("@")
            file = self.packages.get(name, {}).get(version)
            return json_answer({"attestations": file.attestations}) if file and file.attestations else not_found()
        return not_found()

    # Signatures: npm spec 15.1, 15.2. A key of its own for each upstream.

    @functools.cached_property
    def private_key(self):
        return openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")

    @functools.cached_property
    def key(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.private_key)
            file.flush()
            public = openssl("ec", "-in", file.name, "-pubout", "-outform", "DER")
        keyid = base64.b64encode(hashlib.sha256(public).digest()).decode()
        return {"expires": None, "keyid": f"SHA256:{keyid}", "keytype": "ecdsa-sha2-nistp256",
                "scheme": "ecdsa-sha2-nistp256", "key": base64.b64encode(public).decode()}

    @functools.lru_cache
    def signature(self, file):
        with tempfile.NamedTemporaryFile() as key:
            key.write(self.private_key)
            key.flush()
            made = openssl("dgst", "-sha256", "-sign", key.name,
                           input=f"{file.name}@{file.version}:{file.integrity}".encode())
        return {"keyid": self.key["keyid"], "sig": base64.b64encode(made).decode()}


def openssl(*arguments, input=b""):
    return subprocess.run(["openssl", *arguments], input=input, capture_output=True, check=True, timeout=60).stdout


class IndexFile:
    """One distribution of a project, as the index lists it."""

    def __init__(self, index, dist, more):
        self.dist, self.body, self.filename = dist, BytesBody(dist.content), dist.filename
        self.yanked, self.requires_python = more.get("yanked", False), more.get("requires_python")
        self.upload_time = more.get("upload_time", "2020-01-01T00:00:00.000000Z")
        self.provenance = more.get("provenance")  # PEP 740
        self.provenance_path = f"{index.base}/integrity/{dist.name}/{dist.version}/{dist.filename}/provenance"
        self.path = f"{index.base}/files/{dist.sha256[:2]}/{dist.sha256[2:12]}/{dist.filename}"
        self.url = index.upstream.url + self.path
        self.provenance_url = more.get("provenance_url", index.upstream.url + self.provenance_path)
        self.digests = {name: digest_of(self.body, name).hexdigest() for name in ("md5", "sha256")}
        self.metadata_sha256 = hashlib.sha256(dist.metadata).hexdigest() if dist.filetype == "bdist_wheel" else None


class PythonIndex:
    """The simple index: JSON (PEP 691) and HTML (PEP 503), files, and their metadata (PEP 658).

    An index of one's own is seldom as complete as the public one: forms, hashes, sidecars, sizes,
    upload_times and with_serial leave things out. `hashes` names the algorithms."""

    def __init__(self, upstream, base):
        self.upstream, self.base = upstream, base
        self.projects, self.status, self.huge, self.serial = {}, {}, {}, 1000
        self.forms, self.hashes = ("json", "html"), ("sha256",)
        self.sidecars = self.sizes = self.upload_times = self.with_serial = True
        self.absolute_urls = True

    def add(self, dist, **more):
        """more: yanked (True or a reason), requires_python, upload_time, provenance (a document)."""
        self.serial += 1
        made = IndexFile(self, dist, more)
        self.projects.setdefault(normalize(dist.name), {})[dist.filename] = made
        return made

    def remove(self, filename):
        self.serial += 1
        for files in self.projects.values():
            files.pop(filename, None)

    def add_huge(self, name, size=100 << 20):
        """A page of about that size, in JSON and in HTML; of its files only the last can be had."""
        dist = packages.wheel(name, "1.0")
        last = self.add(dist)
        del self.projects[normalize(name)]
        filler, count = "y" * 16000, max(1, size // 16300)

        def entry(number):
            digest = hashlib.sha256(b"%d" % number).hexdigest()
            return f"{packages.file_name_part(name)}-0.{number}-py3-none-any.whl", digest

        def as_json():
            yield json.dumps({"meta": {"api-version": "1.1"}, "name": normalize(name)})[:-1].encode()
            yield b', "files": ['
            for number in range(count):
                filename, digest = entry(number)
                yield json.dumps({"filename": filename, "url": f"{self.upstream.url}{self.base}/files/{filename}",
                                  "hashes": {"sha256": digest}, "yanked": filler}).encode() + b", "
            yield json.dumps(self.entry(last)).encode() + b"]}"

        def as_html():
            yield b"<!DOCTYPE html><html><body>\n"
            for number in range(count):
                filename, digest = entry(number)
                yield (f'<a href="{self.upstream.url}{self.base}/files/{filename}#sha256={digest}" '
                       f'data-yanked="{filler}">{filename}</a><br>\n').encode()
            yield self.anchor(last).encode() + b"</body></html>\n"

        self.huge[normalize(name)] = ({"json": MadeBody(as_json, f"huge-{name}-json-{count}"),
                                       "html": MadeBody(as_html, f"huge-{name}-html-{count}")}, last)
        return last

    def entry(self, file):
        made = {"filename": file.filename, "url": file.url if self.absolute_urls else file.path,
                "hashes": {name: file.digests[name] for name in self.hashes}, "yanked": file.yanked}
        if file.requires_python:
            made["requires-python"] = file.requires_python
        if self.sizes:
            made["size"] = file.body.length
        if self.upload_times:
            made["upload-time"] = file.upload_time
        if self.sidecars and file.metadata_sha256:
            made["core-metadata"] = made["data-dist-info-metadata"] = {"sha256": file.metadata_sha256}
        if file.provenance:
            made["provenance"] = file.provenance_url
        return made

    def anchor(self, file):
        digest = f"#{self.hashes[0]}={file.digests[self.hashes[0]]}" if self.hashes else ""
        attributes = {"href": (file.url if self.absolute_urls else file.path) + digest}
        if file.requires_python:
            attributes["data-requires-python"] = file.requires_python
        if file.yanked:
            attributes["data-yanked"] = file.yanked if isinstance(file.yanked, str) else ""
        if self.sidecars and file.metadata_sha256:
            attributes["data-core-metadata"] = attributes["data-dist-info-metadata"] = f"sha256={file.metadata_sha256}"
        if file.provenance:
            attributes["data-provenance"] = file.provenance_url
        written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
        return f"<a {written}>{file.filename}</a><br>\n"

    def answer(self, request):
        path = request.path[len(self.base):]
        if request.method not in ("GET", "HEAD"):
            return Answer(405, b"read only\n", "text/plain")
        if path.startswith("/files/"):
            return self.file(path)
        if path == "/simple/":
            return self.root(request)
        if path.startswith("/integrity/"):
            found = [file for files in self.projects.values() for file in files.values()
                     if file.provenance and file.provenance_path == request.path]
            return json_answer(found[0].provenance) if found else not_found()
        match = re.fullmatch(r"/simple/([^/]+)(/?)", path)
        if not match:
            return Answer(404, b"not found\n", "text/plain")
        name = normalize(match[1])
        if name != match[1] or not match[2]:
            return Answer(301, b"", headers=[("Location", f"{self.base}/simple/{name}/")])
        return self.page(request, name)

    def form(self, request):
        """Of those that we speak, the first that is asked for; HTML for who does not say."""
        accept = request.headers.get("accept", "*/*")
        for form, words in (("json", (JSON_PAGE,)), ("html", (HTML_PAGE, "text/html", "*/*"))):
            if form in self.forms and any(word in accept for word in words):
                return form
        return self.forms[0]

    def finish(self, form, body):
        answer = Answer(200, body, JSON_PAGE if form == "json" else "text/html; charset=utf-8", may_zip=True)
        answer.headers.append(("Vary", "Accept"))
        if self.with_serial:
            answer.headers.append(("X-PyPI-Last-Serial", str(self.serial)))
        return answer

    def page(self, request, name):
        form = self.form(request)
        if name in self.huge:
            return self.finish(form, self.huge[name][0][form])
        if name not in self.projects:
            return Answer(404, b"no such project\n", "text/plain")
        files = list(self.projects[name].values())
        status = self.status.get(name)
        if form == "html":
            meta = f'<meta name="pypi:project-status" content="{status}">' if status else ""
            return self.finish(form, f'<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1">'
                                     f"{meta}<title>Links for {name}</title></head><body>\n"
                                     + "".join(map(self.anchor, files)) + "</body></html>\n")
        document = {"meta": {"api-version": "1.4" if status else "1.1"}, "name": name,
                    "versions": list(dict.fromkeys(file.dist.version for file in files)),
                    "files": [self.entry(file) for file in files]}
        if self.with_serial:
            document["meta"]["_last-serial"] = self.serial
        if status:
            document["project-status"] = {"status": status}
        return self.finish(form, json.dumps(document))

    def root(self, request):
        form, names = self.form(request), [*self.projects, *self.huge]
        if form == "json":
            return self.finish(form, json.dumps({"meta": {"api-version": "1.1"},
                                                 "projects": [{"name": name} for name in names]}))
        return self.finish(form, "<!DOCTYPE html><html><body>\n"
                           + "".join(f'<a href="{name}/">{name}</a>\n' for name in names) + "</body></html>\n")

    def file(self, path):
        wanted, is_sidecar = self.base + path, path.endswith(".metadata")
        for files in [*self.projects.values(), *({last.filename: last} for _, last in self.huge.values())]:
            for file in files.values():
                if file.path == wanted:
                    return Answer(200, file.body, "application/octet-stream")
                if is_sidecar and self.sidecars and file.metadata_sha256 and file.path + ".metadata" == wanted:
                    return Answer(200, file.dist.metadata, "application/octet-stream")
        return Answer(404, b"not found\n", "text/plain")


def normalize(name):
    return re.sub(r"[-_.]+", "-", name).lower()
