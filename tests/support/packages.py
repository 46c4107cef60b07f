"""Packages to publish, made without a network: npm tarballs, wheels and source distributions.

What is made twice from the same words has the same bytes, so a test can publish a thing again."""

import base64
import gzip
import hashlib
import io
import json
import pathlib
import re
import tarfile
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)


def as_bytes(content):
    return content.encode() if isinstance(content, str) else content


def read_tree(folder):
    """Every file below a folder: its path with slashes, and its bytes."""
    folder = pathlib.Path(folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def write_tree(folder, files):
    for name, content in files.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(content))


def tar_gz(files):
    """A .tar.gz of {path: bytes}, the same bytes each time."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            content = as_bytes(content)
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=1, mtime=0)


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, as_bytes(content))
    return packed.getvalue()


class NpmPackage:
    """A folder with a package.json, ready for `npm publish`."""

    def __init__(self, folder, name, version, files=None, **manifest):
        self.folder, self.name, self.version = pathlib.Path(folder), name, version
        self.manifest = {"name": name, "version": version, "main": "index.js", **manifest}
        self.files = {"package.json": (json.dumps(self.manifest, indent=2) + "\n").encode(),
                      "index.js": f"module.exports = {json.dumps(f'{name} {version}')};\n".encode()}
        self.files.update({name: as_bytes(content) for name, content in (files or {}).items()})
        write_tree(self.folder, self.files)


def npm_tarball(name, version, files=None, **manifest):
    """The bytes that `npm pack` would make of such a package, more or less."""
    body = {"package/package.json": json.dumps({"name": name, "version": version, **manifest})}
    body.update({f"package/{path}": content for path, content in (files or {}).items()})
    return tar_gz(body)


class Distribution:
    """A file to upload to a Python index."""

    def __init__(self, filename, content, name, version, filetype, pyversion, metadata, files):
        self.filename, self.content, self.name, self.version = filename, content, name, version
        self.filetype, self.pyversion, self.metadata = filetype, pyversion, metadata
        self.files = files
        self.path = None

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    def write(self, folder):
        self.path = pathlib.Path(folder) / self.filename
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(self.content)
        return self


def file_name_part(text):
    """As the file names of wheels and sdists spell a project: PEP 427, PEP 625."""
    return re.sub(r"[-_.]+", "_", text).lower()


def metadata(name, version, requires=(), requires_python=None, description="", extra=()):
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", f"Summary: {name} for tests"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += list(extra)
    return ("\n".join(lines) + "\n\n" + description).encode()


def wheel(name, version, files=None, tag="py3-none-any", module=None, meta=None, **fields):
    """A wheel with one module, its METADATA, WHEEL and RECORD."""
    stem = file_name_part(name)
    module = module or stem
    files = {f"{module}/__init__.py": f"version = {version!r}\n",
             **{f"{module}/{path}": content for path, content in (files or {}).items()}}
    info = f"{stem}-{version}.dist-info"
    meta = metadata(name, version, **fields) if meta is None else meta
    members = {path: as_bytes(content) for path, content in files.items()}
    members[f"{info}/METADATA"] = meta
    members[f"{info}/WHEEL"] = (f"Wheel-Version: 1.0\nGenerator: packhouse-tests\nRoot-Is-Purelib: true\n"
                                f"Tag: {tag}\n").encode()
    record = [f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},"
              f"{len(content)}" for path, content in members.items()]
    members[f"{info}/RECORD"] = ("\n".join(record + [f"{info}/RECORD,,"]) + "\n").encode()
    return Distribution(f"{stem}-{version}-{tag}.whl", zipped(members), name, version, "bdist_wheel",
                        tag.split("-")[0], meta, {p: as_bytes(c) for p, c in files.items()})


# An sdist that builds itself, so that installing one needs no build tool from any index.
BACKEND = '''import base64, hashlib, pathlib, zipfile
NAME, VERSION, MODULE = {name!r}, {version!r}, {module!r}

def build_wheel(folder, settings=None, metadata_folder=None):
    info = f"{{MODULE}}-{{VERSION}}.dist-info"
    members = {{str(p): p.read_bytes() for p in pathlib.Path(MODULE).rglob("*") if p.is_file()}}
    members[f"{{info}}/METADATA"] = pathlib.Path("PKG-INFO").read_bytes()
    members[f"{{info}}/WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: b\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    members[f"{{info}}/RECORD"] = "".join(f"{{p}},,\\n" for p in members).encode()
    name = f"{{MODULE}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return name
'''


def sdist(name, version, files=None, meta=None, **fields):
    stem = file_name_part(name)
    top = f"{stem}-{version}"
    meta = metadata(name, version, **fields) if meta is None else meta
    files = {f"{stem}/__init__.py": f"version = {version!r}\n",
             **{f"{stem}/{path}": content for path, content in (files or {}).items()}}
    members = {
        f"{top}/PKG-INFO": meta,
        f"{top}/pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
                                 f'[project]\nname = "{name}"\nversion = "{version}"\n'
                                 f"dependencies = {json.dumps(list(fields.get('requires', ())))}\n",
        f"{top}/backend.py": BACKEND.format(name=name, version=version, module=stem),
        **{f"{top}/{path}": content for path, content in files.items()},
    }
    return Distribution(f"{top}.tar.gz", tar_gz(members), name, version, "sdist", "source", meta,
                        {p: as_bytes(c) for p, c in files.items()})
