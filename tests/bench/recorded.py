"""What `record` has kept of real registries, outside the tree, and nginx serving it as an upstream."""

import collections
import json
import os
import pathlib
import shutil
import subprocess
import time

import engines

CACHE = pathlib.Path(os.environ.get("PACKHOUSE_TEST_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
                     / "packhouse-tests")
FOLDER = CACHE / "bench-registries"
DELAY = 0.03

# As Debian and Ubuntu lay them out, and others who followed.
MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")

# npm-docs/NAME/full.json[.gz] and short.json; npm-files/NAME/-/FILE; pypi-docs/NAME/index.json and .html;
# pypi-files/HOST/PATH. A name may be a folder of others, so that documents and files stand apart.
LOCATIONS = """
    location ~ ^/answer/npm/(?<name>.+/-/.+)$ { internal; alias FOLDER/npm-files/$name; }
    location ~ ^/answer/npm/(?<name>.+)$ {
      internal; alias FOLDER/npm-docs/$name/$npm_form; types { } default_type application/json; gzip_static on;
    }
    location = /answer/pypi/simple/ { internal; rewrite ^ /projects/$simple_form last; }
    location /projects/ { internal; alias EXTRA/projects/; PAGE_TYPES }
    location ~ ^/answer/pypi/simple/[^/]+/?$ {
      internal; rewrite ^/answer/pypi/simple/(?<name>[^/]+)/?$ /page/$name/$simple_form last;
    }
    location /page/ { internal; alias FOLDER/pypi-docs/; gzip_static on; PAGE_TYPES }
    location ~ ^/answer/pypi/files/(?<name>.+)$ { internal; alias FOLDER/pypi-files/$name; }
    location /answer/extra/ { internal; alias EXTRA/; }
"""
PAGE_TYPES = "types { application/vnd.pypi.simple.v1+json json; text/html html; }"
MAPS = """
  map $http_accept $npm_form { default full.json; ~install-v1 short.json; }
  map $http_accept $simple_form { default index.html; ~simple\\.v1\\+json index.json; }
"""


def need():
    """The facts of the recording."""
    facts = FOLDER / "facts.json"
    if not facts.exists():
        raise SystemExit(f"bench: nothing is recorded in {FOLDER}; tests/bench/record")
    return json.loads(facts.read_text())


def locked():
    """The folders that the application's lockfile fills, other platforms' too."""
    return filter(None, json.loads((FOLDER / "package-lock.json").read_text())["packages"])


def echo_modules():
    """The module that waits before it answers, and the one that it stands on."""
    for folder in map(pathlib.Path, MODULES):
        wanted = [folder / "ndk_http_module.so", folder / "ngx_http_echo_module.so"]
        if wanted[1].exists():
            return [module for module in wanted if module.exists()]
    raise SystemExit("bench: nginx cannot wait; on Debian and Ubuntu: apt-get install libnginx-mod-http-echo")


class Upstream:
    """nginx on the port that the recorded documents name. With a delay before each answer and a log that
    `asked` reads, or plain, as a yardstick of CPU time."""

    def __init__(self, folder, delay=DELAY, log=True, rate=None):
        self.folder, self.delay, self.log, self.rate = pathlib.Path(folder).resolve(), delay, log, rate
        self.extra = self.folder / "extra"
        self.extra.mkdir(parents=True, exist_ok=True)
        self.port = need()["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.seen = 0

    def write_projects(self):
        """The list of projects, which other servers ask for."""
        folder = self.extra / "projects"
        folder.mkdir(exist_ok=True)
        names = sorted(path.name for path in (FOLDER / "pypi-docs").iterdir())
        (folder / "index.json").write_text(json.dumps(
            {"meta": {"api-version": "1.0"}, "projects": [{"name": name} for name in names]}))
        (folder / "index.html").write_text("".join(f'<a href="{name}/">{name}</a>\n' for name in names))

    def start(self):
        self.write_projects()
        config = self.folder / "nginx.conf"
        config.write_text(self.config())
        if engines.is_taken(self.port):
            raise SystemExit(f"bench: the recorded documents name port {self.port}, which is taken; end what "
                             "listens there, or tests/bench/record --port N")
        self.process = subprocess.Popen(["nginx", "-e", str(self.folder / "error.log"), "-c", str(config)],
                                        stdin=subprocess.DEVNULL)
        engines.wait_for_port(self.port, self.folder / "error.log")
        return self

    def config(self):
        user = "user root;" if os.geteuid() == 0 else ""
        modules = " ".join(f"load_module {module};" for module in echo_modules()) if self.delay else ""
        temp = " ".join(f"{kind}_temp_path {self.folder}/{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        first = (f"echo_sleep {self.delay}; echo_exec /answer$uri;" if self.delay
                 else "rewrite ^ /answer$uri last;")
        log = f"{self.folder}/access.log asked buffer=64k flush=100ms" if self.log else "off"
        rate = f"limit_rate {self.rate};" if self.rate else ""
        return f"""
{user} worker_processes auto; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log error; daemon off;
{modules}
events {{ worker_connections 4096; }}
http {{
{MAPS}
  log_format asked '$request_method $request_uri $status $http_range';
  access_log {log}; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 300s;
  open_file_cache max=20000 inactive=300s; open_file_cache_valid 300s; {temp} {rate}
  default_type application/octet-stream; gzip_proxied any;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096; root {self.folder}/nothing;
    location / {{ {first} }}
{LOCATIONS.replace("FOLDER", str(FOLDER)).replace("EXTRA", str(self.extra)).replace("PAGE_TYPES", PAGE_TYPES)}
  }}
}}
"""

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def asked(self):
        """How often each thing was asked for since this was called last: {"GET /npm/left-pad": 1, …}."""
        time.sleep(0.5)
        lines = (self.folder / "access.log").read_text().splitlines()
        new, self.seen = lines[self.seen:], len(lines)
        return collections.Counter(" ".join(line.split(" ")[:2]) for line in new)

    def stop(self):
        if self.process:
            engines.stop_nginx(self.process)
            self.process = None


def copy_project(kind, to, base):
    """The application's files, with a lockfile that names tarballs below `base`."""
    to = pathlib.Path(to)
    to.mkdir(parents=True, exist_ok=True)
    if kind == "npm":
        shutil.copy(FOLDER / "package.json", to)
        text = (FOLDER / "package-lock.json").read_text()
        (to / "package-lock.json").write_text(text.replace(f"http://127.0.0.1:{need()['port']}/npm/", base))
    else:
        for name in ("requirements.txt", "pyproject.toml"):
            shutil.copy(FOLDER / name, to)
    return to
