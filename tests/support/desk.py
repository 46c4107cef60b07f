"""Where a person sits who is set up with `packhouse setup`."""

import subprocess

import clients
from packhouse_server import binary
from patience import PATIENCE

DONE, REFUSED, USAGE, DENIED, ABSENT, _, UNREACHABLE = range(7)
PACKAGE_JSON = '{"name": "project", "version": "1.0.0", "license": "MIT"}\n'
PYPROJECT = '[project]\nname = "project"\nversion = "1.0.0"\nrequires-python = ">=3.9"\ndependencies = [\n]\n'


def node(kind):
    return tuple(map(str, kind.command))


class Desk(clients.Client):
    """A person's home and project, and a shell that knows the server, the token and the repository."""

    def configure(self):
        self.project = self.folder / "project"
        self.project.mkdir()
        self.environment.pop("XDG_CONFIG_HOME")
        self.environment.update({
            "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_PYTHON_DOWNLOADS": "never", "UV_PYTHON": str(clients.PYTHON),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "POETRY_VIRTUALENVS_IN_PROJECT": "1",
            "POETRY_VIRTUALENVS_OPTIONS_NO_PIP": "1", "YARN_ENABLE_TELEMETRY": "0", "DO_NOT_TRACK": "1",
            "YARN_ENABLE_GLOBAL_CACHE": "0", "YARN_ENABLE_IMMUTABLE_INSTALLS": "0", "YARN_NODE_LINKER": "node-modules",
            "npm_config_update_notifier": "false", "npm_config_package_import_method": "copy",
        })

    def write(self, name, text):
        """A file of the project, or with ~ of the home folder."""
        path = self.home / name[2:] if name.startswith("~/") else self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name):
        return (self.home / name[2:] if name.startswith("~/") else self.project / name).read_text()

    def setup(self, *words, cwd=None, **environment):
        shell = {"PACKHOUSE_URL": self.server.url, "PACKHOUSE_TOKEN": self.token, "PACKHOUSE_REPO": "acme/main"}
        return subprocess.run([binary(), "setup", *map(str, words)], cwd=cwd or self.project, text=True,
                              capture_output=True, timeout=PATIENCE,
                              env={**self.environment, **shell, **environment})

    def succeed(self, *words, **environment):
        done = self.setup(*words, **environment)
        assert done.returncode == DONE, done.stderr
        assert done.stderr == ""
        return done.stdout

    def run(self, *command):
        self.command, arguments = command[:1], command[1:]
        return self(*arguments, cwd=self.project)

    def files(self):
        """Every file of home and project with its bytes and permissions, but what clients made for themselves."""
        return {str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mode & 0o777)
                for root in (self.home, self.project) for path in root.rglob("*")
                if path.is_file() and not path.is_symlink()}

    def holders_of_the_token(self):
        return [name for name, (content, _) in self.files().items() if self.token.encode() in content]
