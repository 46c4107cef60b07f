"""The server, nginx and wrk as child processes, all on the loopback."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

import packhouse_server

CONNECTIONS = 32
THREADS = 2

# What wrk tells at its end, as JSON on the last line.
REPORT = """
done = function(summary, latency, requests)
  io.write(string.format('{"requests":%d,"bytes":%d,"us":%d,"status":%d,"socket":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.bytes, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is missing; on Debian and Ubuntu: apt-get install nginx wrk")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def is_taken(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def wait_for_port(port, log):
    for _ in range(500):
        if is_taken(port):
            return
        time.sleep(0.01)
    raise SystemExit("bench: nginx does not start: " + log.read_text())


def stop_nginx(process):
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def clients_python():
    """The Python that has pip and uv at the versions that the tests use."""
    setup = packhouse_server.ROOT / "tests" / "support" / "setup"
    done = subprocess.run([str(setup)], stdout=subprocess.PIPE, text=True, check=True)
    return f"{done.stdout.strip()}/bin/python"


class Server(packhouse_server.Server):
    """The tests' server, but for the number of workers, which is the default here."""

    def __init__(self, folder, start=True, **more):
        super().__init__(folder, start=False, **more)
        if "PACKHOUSE_WORKERS" not in (more.get("settings") or {}):
            self.environment.pop("PACKHOUSE_WORKERS", None)
        if start:
            self.start()


class Nginx:
    """Serves bytes under paths. Tuned as far as it goes: no log, open files kept, sendfile."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.files = self.folder / "www"
        self.files.mkdir(parents=True)
        self.locations = []
        self.process = None

    def add(self, name, content, content_type, encoding=None):
        (self.files / name).write_bytes(content)
        extra = f"add_header Content-Encoding {encoding}; " if encoding else ""
        self.locations.append(f"location = /{name} {{ types {{ }} default_type '{content_type}'; {extra}}}")

    def start(self):
        self.port = free_port()
        config = self.folder / "nginx.conf"
        temp = " ".join(f"{kind}_temp_path {self.folder}/{kind};"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # Started by root, its workers would be nobody, who may not read what root has made.
        user = "user root;" if os.geteuid() == 0 else ""
        config.write_text(f"""
{user} worker_processes auto; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log warn; daemon off;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 300s;
  open_file_cache max=1000 inactive=300s; open_file_cache_valid 300s; etag on; {temp}
  server {{ listen 127.0.0.1:{self.port}; root {self.files}; {" ".join(self.locations)} }}
}}
""")
        self.process = subprocess.Popen(["nginx", "-e", str(self.folder / "error.log"), "-c", str(config)],
                                        stdin=subprocess.DEVNULL)
        wait_for_port(self.port, self.folder / "error.log")
        self.url = f"http://127.0.0.1:{self.port}"

    def pids(self):
        """The master and its workers."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def stop(self):
        if self.process:
            stop_nginx(self.process)


def wrk(url, seconds, headers=(), script="", connections=CONNECTIONS, threads=THREADS, folder=None,
        arguments=(), timeout=60):
    """One run; its numbers, with requests and bytes each second. Any failed request ends the bench."""
    path = pathlib.Path(folder) / "wrk.lua"
    path.write_text(script + REPORT)
    command = ["wrk", "-t", str(min(threads, connections)), "-c", str(connections), "-d", f"{seconds}s",
               "--timeout", f"{timeout}s", "-s", str(path)]
    for name, value in headers:
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, url, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"bench: wrk: {done.stdout}{done.stderr}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result["status"] or result["socket"]:
        raise SystemExit(f"bench: {url}: failed requests: {result}")
    result["per_second"] = result["requests"] * 1e6 / result["us"]
    result["bytes_per_second"] = result["bytes"] * 1e6 / result["us"]
    return result


def memory_mib(pids, what="Pss"):
    """Proportional or resident memory of processes together; what they share counts once in Pss."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(what + ":"):
                total += int(line.split()[1])
    return total / 1024
