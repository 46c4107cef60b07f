"""The real clients, run as a person would at a terminal, each in a home of its own: nothing of the
machine's configuration, caches or credentials reaches them, and nothing of theirs stays."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.parse

import packages
from packhouse_server import binary
from patience import PATIENCE

CACHE = pathlib.Path(os.environ.get("PACKHOUSE_TEST_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
                     / "packhouse-tests")
PYTHON = pathlib.Path(sys.executable)


class Failure(Exception):
    """A client ended with something else than 0. Its message is all that the client printed."""

    def __init__(self, command, code, stdout, stderr):
        super().__init__(f"{' '.join(command)}: exit {code}\n{stdout}{stderr}")
        self.code, self.stdout, self.stderr = code, stdout, stderr


class Result:
    def __init__(self, stdout, stderr):
        self.stdout, self.stderr = stdout, stderr

    def json(self):
        return json.loads(self.stdout)


class Installed:
    """What an install left behind: the files of the package that was asked for."""

    def __init__(self, folder, package_folder):
        self.folder, self.package_folder = pathlib.Path(folder), pathlib.Path(package_folder)

    @property
    def files(self):
        return packages.read_tree(self.package_folder)


class Client:
    """One program and one home. Each method is a command that a person types."""

    command = ()
    door = ()  # through which the command goes to another network: island.py
    authority = "SSL_CERT_FILE"  # where it is told whose certificates to trust
    Failure = Failure

    def __init__(self, folder, server, token=None):
        self.folder = pathlib.Path(folder)
        self.server = server
        self.token = token or server.token
        self.count = 0
        self.home = self.folder / "home"
        for name in ("home", "tmp", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.folder / "cache"), "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local"), "XDG_STATE_HOME": str(self.home / ".state"),
            "CI": "1", "NO_COLOR": "1", "LANG": "C.UTF-8", "no_proxy": "127.0.0.1",
        }
        self.configure()

    def configure(self):
        pass

    def new_folder(self, name):
        """A folder that nothing was in before."""
        self.count += 1
        folder = self.folder / "work" / f"{self.count}-{name.replace('/', '-')}"
        folder.mkdir(parents=True)
        return folder

    def __call__(self, *arguments, cwd=None, input=None, timeout=PATIENCE, env=None):
        command = [*self.door, *map(str, self.command), *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd or self.folder / "work", timeout=timeout, text=True,
                              env={**self.environment, **(env or {})}, capture_output=True,
                              **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}))
        if done.returncode:
            raise Failure(command, done.returncode, done.stdout, done.stderr)
        return Result(done.stdout, done.stderr)

    def with_token(self, token):
        """The same program at another person's desk."""
        return type(self)(self.new_folder("desk"), self.server, token)


def name_of(spec):
    """The package of an npm spec: "@s/n@^1"."""
    return spec.rsplit("@", 1)[0] if "@" in spec[1:] else spec


class Npm(Client):
    command = ("npm",)
    authority = "npm_config_cafile"

    def configure(self):
        self.registry = f"{self.server.url}{self.server.npm}/"
        self.rc = self.folder / "npmrc"
        parts = urllib.parse.urlsplit(self.registry)
        self.rc.write_text(f"registry={self.registry}\n//{parts.netloc}{parts.path}:_authToken={self.token}\n")
        self.environment.update({
            "npm_config_userconfig": str(self.rc), "npm_config_globalconfig": str(self.folder / "globalrc"),
            "npm_config_cache": str(self.folder / "npm-cache"), "npm_config_prefix": str(self.folder / "prefix"),
            "npm_config_audit": "false", "npm_config_fund": "false", "npm_config_update_notifier": "false",
        })

    def forget_token(self):
        self.rc.write_text(f"registry={self.registry}\n")

    def make_package(self, name, version, files=None, **manifest):
        return packages.NpmPackage(self.new_folder(name), name, version, files, **manifest)

    def publish(self, package, *options):
        return self("publish", *options, cwd=package.folder)

    def install(self, *specs, project=None, options=()):
        """Installs into a new project, or into one that exists. `.files` are those of the first."""
        project = project or self.new_project()
        self("install", *options, *specs, cwd=project)
        return Installed(project, project / "node_modules" / name_of(specs[0]))

    def reinstall(self, project):
        """What the lockfile says, and nothing else."""
        self("ci", cwd=project)

    def new_project(self):
        project = self.new_folder("project")
        (project / "package.json").write_text('{"name": "project", "version": "1.0.0"}\n')
        return project

    def view(self, spec, *fields):
        return self("view", "--json", spec, *fields).json()


class Npm10(Npm):
    """The npm that came with Node 18, at one version everywhere."""

    command = ("node", CACHE / "npm" / "node_modules" / "npm" / "bin" / "npm-cli.js")


class Pnpm(Npm):
    command = ("node", CACHE / "pnpm" / "node_modules" / "pnpm" / "bin" / "pnpm.cjs")

    def configure(self):
        super().configure()
        # Hard links between folders of a test would make one package of two.
        self.environment.update({"npm_config_store_dir": str(self.folder / "store"),
                                 "npm_config_package_import_method": "copy"})

    def publish(self, package, *options):
        return self("publish", "--no-git-checks", *options, cwd=package.folder)

    def install(self, *specs, project=None, options=()):
        project = project or self.new_project()
        self("add", *options, *specs, cwd=project)
        return Installed(project, project / "node_modules" / name_of(specs[0]))

    def reinstall(self, project):
        self("install", "--frozen-lockfile", cwd=project)


class Pnpm12(Pnpm):
    """The one that audits signatures, without asking a service outside."""

    command = ("node", CACHE / "pnpm12" / "node_modules" / "pnpm" / "bin" / "pnpm.mjs")


class Yarn1(Npm):
    command = ("node", CACHE / "yarn1" / "node_modules" / "yarn" / "bin" / "yarn.js")

    def configure(self):
        super().configure()
        self.environment.update({"YARN_REGISTRY": self.registry, "yarn_registry": self.registry,
                                 "YARN_CACHE_FOLDER": str(self.folder / "yarn-cache")})
        (self.home / ".npmrc").write_text(self.rc.read_text() + "always-auth=true\n")

    def publish(self, package, *options):
        (package.folder / ".npmrc").write_text(self.rc.read_text() + "always-auth=true\n")
        return self("publish", "--non-interactive", *options, cwd=package.folder)

    def install(self, *specs, project=None, options=()):
        project = project or self.new_project()
        (project / ".npmrc").write_text(self.rc.read_text() + "always-auth=true\n")
        self("add", *options, *specs, cwd=project)
        return Installed(project, project / "node_modules" / name_of(specs[0]))

    def reinstall(self, project):
        self("install", "--frozen-lockfile", cwd=project)


class Berry(Npm):
    """Yarn since 2, with a folder of modules as the others have it."""

    command = ("node", CACHE / "berry" / "node_modules" / "@yarnpkg" / "cli-dist" / "bin" / "yarn.js")
    authority = "NODE_EXTRA_CA_CERTS"

    def configure(self):
        super().configure()
        self.environment.update({
            "YARN_NPM_REGISTRY_SERVER": self.registry, "YARN_UNSAFE_HTTP_WHITELIST": "127.0.0.1",
            "YARN_NPM_AUTH_TOKEN": self.token, "YARN_NPM_ALWAYS_AUTH": "1",
            "YARN_ENABLE_TELEMETRY": "0", "YARN_ENABLE_GLOBAL_CACHE": "0",
            "YARN_CACHE_FOLDER": str(self.folder / "berry-cache"),
            "YARN_GLOBAL_FOLDER": str(self.folder / "berry"), "YARN_NODE_LINKER": "node-modules",
            "YARN_ENABLE_IMMUTABLE_INSTALLS": "0",
        })

    def forget_token(self):
        del self.environment["YARN_NPM_AUTH_TOKEN"], self.environment["YARN_NPM_ALWAYS_AUTH"]

    def publish(self, package, *options):
        (package.folder / "yarn.lock").touch()
        self("install", cwd=package.folder)
        return self("npm", "publish", *options, cwd=package.folder)

    def install(self, *specs, project=None, options=()):
        project = project or self.new_project()
        (project / "yarn.lock").touch()
        self("add", *options, *specs, cwd=project)
        return Installed(project, project / "node_modules" / name_of(specs[0]))

    def reinstall(self, project):
        self("install", "--immutable", cwd=project)


class Bun(Npm):
    command = (CACHE / "bun" / "node_modules" / ".bin" / "bun",)
    authority = "NODE_EXTRA_CA_CERTS"

    def configure(self):
        super().configure()
        self.environment.update({
            "BUN_INSTALL_CACHE_DIR": str(self.folder / "bun-cache"), "BUN_INSTALL": str(self.folder / "bun"),
            "BUN_CONFIG_REGISTRY": self.registry, "BUN_CONFIG_TOKEN": self.token, "DO_NOT_TRACK": "1",
        })

    def publish(self, package, *options):
        (package.folder / ".npmrc").write_text(self.rc.read_text())
        return self("publish", *options, cwd=package.folder)

    def install(self, *specs, project=None, options=()):
        project = project or self.new_project()
        (project / ".npmrc").write_text(self.rc.read_text())
        self("add", *options, *specs, cwd=project)
        return Installed(project, project / "node_modules" / name_of(specs[0]))

    def reinstall(self, project):
        self("install", "--frozen-lockfile", cwd=project)


class Pip(Client):
    command = (PYTHON, "-m", "pip")
    authority = "PIP_CERT"

    def configure(self):
        config = self.folder / "pip.conf"
        config.write_text(f"[global]\nindex-url = {self.server.index_url(self.token)}\n")
        self.environment.update({
            "PIP_CONFIG_FILE": str(config), "PIP_CACHE_DIR": str(self.folder / "pip-cache"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_DEFAULT_TIMEOUT": str(PATIENCE), "PYTHONNOUSERSITE": "1",
        })

    def install(self, *arguments):
        """Into an empty folder; `.files` are all that pip put there but the .dist-info folders."""
        target = self.new_folder("target")
        self("install", "--no-compile", "--target", target, *arguments)
        return PythonTarget(target)

    def download(self, *arguments):
        target = self.new_folder("download")
        self("download", "--dest", target, *arguments)
        return packages.read_tree(target)


class PythonTarget(Installed):
    def __init__(self, folder):
        super().__init__(folder, folder)

    @property
    def files(self):
        return {name: content for name, content in super().files.items()
                if ".dist-info/" not in name and not name.startswith(".lock")}


class Twine(Client):
    command = (PYTHON, "-m", "twine")
    authority = "REQUESTS_CA_BUNDLE"

    def configure(self):
        self.repository_url = f"{self.server.url}{self.server.pypi}/"
        self.environment.update({"TWINE_USERNAME": "__token__", "TWINE_PASSWORD": self.token,
                                 "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"})

    def upload(self, *distributions, options=()):
        return self("upload", "--non-interactive", "--disable-progress-bar", "--verbose",
                    "--config-file", os.devnull, "--repository-url", self.repository_url, *options,
                    *[dist.path for dist in distributions])


class Uv(Client):
    command = (PYTHON.parent / "uv",)

    def configure(self):
        self.environment.update({
            "UV_CACHE_DIR": str(self.folder / "uv-cache"), "UV_NO_CONFIG": "1", "UV_HTTP_TIMEOUT": str(PATIENCE),
            "UV_DEFAULT_INDEX": self.server.index_url(self.token), "UV_PYTHON_DOWNLOADS": "never",
            "UV_PYTHON": str(PYTHON), "UV_PUBLISH_URL": f"{self.server.url}{self.server.pypi}/",
            "UV_PUBLISH_USERNAME": "__token__", "UV_PUBLISH_PASSWORD": self.token,
        })

    def install(self, *arguments):
        target = self.new_folder("target")
        self("pip", "install", "--target", target, *arguments)
        return PythonTarget(target)

    def publish(self, *distributions, options=()):
        return self("publish", "--trusted-publishing", "never", *options,
                    *[dist.path for dist in distributions])


class PythonProject(Client):
    """A program that keeps a project: pyproject.toml, a lockfile, and an environment beside them."""

    source = ""  # what of pyproject.toml is about Packhouse, but for the secret

    def new_project(self):
        project = self.new_folder("project")
        (project / "pyproject.toml").write_text(
            '[project]\nname = "project"\nversion = "1.0.0"\nrequires-python = ">=3.9"\ndependencies = []\n'
            + self.source)
        return project

    def install(self, *specs, project=None):
        """Adds to a new project, or to one that exists. `.files` are all that the environment got."""
        project = project or self.new_project()
        self(*self.add, *specs, cwd=project)
        return Environment(project)

    def reinstall(self, project):
        """What the lockfile says, and nothing else."""
        self(*self.sync, cwd=project)
        return Environment(project)


class Environment(PythonTarget):
    def __init__(self, project):
        site, = (project / ".venv").glob("lib/python*/site-packages")
        super().__init__(site)

    @property
    def files(self):
        return {name: content for name, content in super().files.items()
                if "/" in name and "__pycache__/" not in name}


class Poetry(PythonProject):
    command = (CACHE / "poetry" / "bin" / "poetry",)
    authority = "REQUESTS_CA_BUNDLE"
    add, sync = ("add",), ("sync",)

    def configure(self):
        self.source = ('[tool.poetry]\npackage-mode = false\n[[tool.poetry.source]]\nname = "packhouse"\n'
                       f'url = "{self.server.url}{self.server.pypi}/simple/"\npriority = "primary"\n')
        self.environment.update({
            "POETRY_CONFIG_DIR": str(self.home / "poetry"), "POETRY_CACHE_DIR": str(self.folder / "poetry-cache"),
            "POETRY_DATA_DIR": str(self.folder / "poetry-data"), "POETRY_VIRTUALENVS_IN_PROJECT": "1",
            "POETRY_VIRTUALENVS_OPTIONS_NO_PIP": "1", "POETRY_NO_INTERACTION": "1",
            "POETRY_REQUESTS_TIMEOUT": str(PATIENCE), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "POETRY_HTTP_BASIC_PACKHOUSE_USERNAME": "__token__", "POETRY_HTTP_BASIC_PACKHOUSE_PASSWORD": self.token,
        })


class Pdm(PythonProject):
    command = (CACHE / "pdm" / "bin" / "pdm",)
    source = "[tool.pdm]\ndistribution = false\n"
    add, sync = ("add", "--no-self"), ("sync", "--no-self")

    def configure(self):
        self.environment.update({
            "PDM_CONFIG_FILE": str(self.folder / "pdm.toml"), "PDM_CACHE_DIR": str(self.folder / "pdm-cache"),
            "PDM_CHECK_UPDATE": "0", "PDM_NON_INTERACTIVE": "1", "PDM_REQUEST_TIMEOUT": str(PATIENCE),
            "PDM_PYPI_URL": f"{self.server.url}{self.server.pypi}/simple", "PDM_PYPI_USERNAME": "__token__",
            "PDM_PYPI_PASSWORD": self.token, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        })


class UvProject(PythonProject, Uv):
    add, sync = ("add",), ("sync", "--locked")


class PypiBench:
    """Where distributions are made: `pypi.make_wheel("hello", "1.0")` has a `.path` to upload."""

    def __init__(self, folder):
        self.folder, self.count = pathlib.Path(folder), 0

    def write(self, dist):
        self.count += 1
        return dist.write(self.folder / str(self.count))

    def make_wheel(self, name, version, files=None, **more):
        return self.write(packages.wheel(name, version, files, **more))

    def make_sdist(self, name, version, files=None, **more):
        return self.write(packages.sdist(name, version, files, **more))


class Curl(Client):
    command = ("curl",)
    authority = "CURL_CA_BUNDLE"

    def configure(self):
        self.repository_url = f"{self.server.url}{self.server.artifacts}"
        self.authorization = ("-H", f"Authorization: Bearer {self.token}")

    def write(self, name, content):
        """A file to upload, in the folder where curl is run."""
        path = self.folder / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(packages.as_bytes(content))
        return path

    def upload(self, path, place, *options):
        """`place` is package/version/ or package/version/name, as in the URL."""
        # By itself curl waits a second for the "100 Continue", and then sends all the same.
        return self("-fsST", path, "--expect100-timeout", PATIENCE, *self.authorization, *options,
                    f"{self.repository_url}/{place}")

    def download(self, place, *options):
        """The bytes that curl wrote to a file."""
        to = self.new_folder("download") / "file"
        self("-fsS", "-o", to, *self.authorization, *options, f"{self.repository_url}/{place}")
        return to.read_bytes()


class PackhouseCommand(Client):
    """`packhouse(…)` as at a terminal; with --json the document is `.json()`."""

    def configure(self):
        self.command = (binary(),)
        self.environment.update({
            "PACKHOUSE_URL": self.server.url, "PACKHOUSE_TOKEN": self.token,
            "PACKHOUSE_REPO": f"{self.server.org}/{self.server.repo}",
        })
