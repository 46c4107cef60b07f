"""The running server as who operates it sees it: how it starts and stops, and what it tells."""

import collections
import re
import shutil
import signal
import socket
import subprocess

import pytest

from packhouse_server import binary
from patience import PATIENCE, until

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ \S+ \S+ \S+ \d{3} \d+ \d+\.\d [0-9a-f]{32}$")


# Longer than any test waits, so that what ends sooner was not ended by it.
FOREVER = "1h"


def in_flight(server):
    """How many requests run, and are not written down yet; the asking one is among them."""
    return int(re.search(rb"in_flight (\d+)", server.get("/metrics").body)[1])


def begin_upload(server, path, length):
    sock = server.socket()
    sock.sendall(f"PUT {server.artifacts}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
                 f"Content-Length: {length}\r\n\r\n".encode())
    return sock


@pytest.mark.settings(PACKHOUSE_SHUTDOWN_GRACE=FOREVER, PACKHOUSE_BODY_TIMEOUT=FOREVER)
def test_sigterm_lets_an_upload_finish_and_takes_no_more(server):
    sock = begin_upload(server, "/hello/1.0.0/slow.bin", 10)
    sock.sendall(b"12345")
    until(lambda: in_flight(server) == 2)
    idle = server.socket()
    idle.sendall(b"GET /-/livez HTTP/1.1\r\nHost: x\r\n\r\n")
    said = b""
    while not said.endswith(b"alive\n"):  # one that was not accepted yet would be reset
        said += idle.recv(4096)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: "server.stopping" in server.log.read_text())

    def is_closed():
        try:
            server.socket().close()
        except OSError:
            return True
        return False

    until(is_closed)
    sock.sendall(b"67890")
    assert sock.recv(4096).startswith(b"HTTP/1.1 201 ")
    assert idle.recv(1) == b""
    assert server.process.wait(PATIENCE) == 0
    server.stop()
    server.start()
    assert server.get(f"{server.artifacts}/hello/1.0.0/slow.bin").body == b"1234567890"
    server.verify()


def test_a_second_signal_ends_it_at_once(new_server):
    """Also where it began as a shell's background job, which ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        server = new_server(settings={"PACKHOUSE_SHUTDOWN_GRACE": FOREVER, "PACKHOUSE_BODY_TIMEOUT": FOREVER})
    finally:
        signal.signal(signal.SIGINT, before)
    sock = begin_upload(server, "/hello/1.0.0/never.bin", 10)
    until(lambda: in_flight(server) == 2)
    server.process.send_signal(signal.SIGINT)
    until(lambda: "server.stopping" in server.log.read_text())
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(PATIENCE) == -signal.SIGINT
    server.process = None
    sock.close()
    server.start()
    server.verify()


@pytest.mark.settings(PACKHOUSE_SHUTDOWN_GRACE="500ms", PACKHOUSE_BODY_TIMEOUT=FOREVER)
def test_who_never_finishes_does_not_keep_it_from_stopping(server):
    sock = begin_upload(server, "/hello/1.0.0/never.bin", 10)
    until(lambda: in_flight(server) == 2)
    server.stop()
    sock.close()


def test_a_taken_port_and_a_strange_address_are_told(server, tmp_path):
    for address, said in ((f"127.0.0.1:{server.port}", "could not listen"), ("nowhere.invalid:0", "no IPv4 address")):
        data = tmp_path / address.split(":")[0]
        server.command("init", "--data", data)
        done = subprocess.run([binary(), "serve", "--data", data, "--listen", address], capture_output=True,
                              text=True, timeout=PATIENCE)
        assert done.returncode not in (0, -signal.SIGABRT) and said in done.stderr, done.stderr


def test_it_lives_and_is_ready(server):
    assert server.get("/-/livez", token=None).status == 200
    answer = server.get("/-/readyz", token=None)
    assert (answer.status, answer.json()) == (200, {"status": "ready"})


def test_each_answer_has_an_id_of_its_own(server):
    ids = [server.get(path, token=None)["X-Request-Id"] for path in ("/-/livez", "/nowhere", "/npm/acme/main/x") * 5]
    ids.append(re.search(rb"X-Request-Id: (\S+)", server.raw(b"nonsense\r\n\r\n"))[1].decode())
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids) and len(set(ids)) == len(ids)


def series(server):
    text = server.get("/metrics", token=None).text
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


def test_no_label_grows_with_names(server):
    for path in (f"{server.npm}/one", f"{server.artifacts}/one/1/x", "/nowhere", "/metrics"):
        server.get(path)
    # An answer is counted after it was sent. When nothing but the question runs, all are.
    until(lambda: in_flight(server) == 1)
    until(lambda: any('mount="health"' in one and 'code="200"' in one for one in series(server)))
    before = series(server)
    for i in range(200):
        server.get(f"{server.npm}/name-{i}")
        server.get(f"/nowhere/{i}")
    assert series(server) == before
    assert {'packhouse_http_requests_total{mount="npm",method="GET",code="404"}', "packhouse_writer_queue",
            "packhouse_disk_free_bytes", "packhouse_document_cache_hits_total"} <= before


def test_promtool_finds_nothing_to_say(server):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.fail("promtool is not installed: apt-get install prometheus")
    server.get(f"{server.npm}/hello")
    text = server.get("/metrics", token=None).body
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=PATIENCE)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked.stdout + checked.stderr


def test_the_access_log_has_a_line_for_each_request_and_no_secret(new_server, tmp_path):
    log = tmp_path / "access.log"
    server = new_server(settings={"PACKHOUSE_ACCESS_LOG": str(log)})
    server.get(f"{server.npm}/hello?secret=pass-word")
    server.http("DELETE", f"{server.npm}/-/user/token/{server.token}")
    server.raw(b"GET / HTTP/1.1\r\n\r\n")
    until(lambda: log.read_text().count("\n") == 3)
    log.rename(tmp_path / "access.log.1")
    server.process.send_signal(signal.SIGHUP)
    until(log.exists)
    server.get("/-/livez")
    server.stop()
    lines = (tmp_path / "access.log.1").read_text().splitlines() + log.read_text().splitlines()
    assert len(lines) == 4 and all(LINE.match(line) for line in lines), lines
    text = "\n".join(lines)
    assert server.token not in text and "secret" not in text and "pass-word" not in text
    assert f"owner GET {server.npm}/hello 404" in text


@pytest.mark.settings(PACKHOUSE_WORKERS="8")
def test_a_request_is_three_system_calls(server, tmp_path):
    calls = tmp_path / "calls.txt"
    request = b"GET /-/livez HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.socket() as sock:
        sock.sendall(request)
        sock.recv(4096)
        tracer = subprocess.Popen(["strace", "-f", "-o", str(calls), "-p", str(server.pid)],
                                  stderr=subprocess.PIPE, text=True)
        assert "attached" in tracer.stderr.readline()
        for _ in range(500):
            sock.sendall(request)
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE)
    # Of the thread that answered: what others do goes by the clock.
    begun = re.findall(r"^(\d+) +(\w+)\(", calls.read_text(), re.M)
    worker, _ = collections.Counter(thread for thread, call in begun if call == "sendmsg").most_common(1)[0]
    counts = collections.Counter(call for thread, call in begun if thread == worker)
    each = {call for call, count in counts.items() if count > 100}
    assert each == {"poll", "recvfrom", "sendmsg"}, counts
    assert all(480 <= counts[call] <= 520 for call in each), counts


@pytest.mark.settings(PACKHOUSE_WORKERS="64")
def test_idle_clients_leave_room_for_new_ones(server):
    request = b"GET /-/livez HTTP/1.1\r\nHost: x\r\n\r\n"
    held = []
    for _ in range(200):
        sock = socket.create_connection((server.host, server.port), timeout=PATIENCE)
        sock.sendall(request)
        assert sock.recv(4096).startswith(b"HTTP/1.1 200 ")
        held.append(sock)
    assert server.get("/-/readyz").status == 200


def test_a_browser_is_told_what_this_is(server):
    """The same page for everybody, in words of this server alone; programs get it as plain text."""
    browser = server.get("/", token=None, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert browser.status == 200 and browser["Content-Type"].startswith("text/html")
    text = browser.body.decode()
    for line in (f"{server.url}/npm/ORG/REPOSITORY/", f"{server.url}/pypi/ORG/REPOSITORY/simple/", "packhouse setup npm"):
        assert line in text
    assert "acme" not in text and "main" not in text
    assert browser["Content-Security-Policy"] == "default-src 'none'"
    plain = server.get("/", token=None)
    assert plain.status == 200 and plain["Content-Type"].startswith("text/plain") and "<" not in plain.body.decode()
    assert server.http("HEAD", "/", token=None).status == 200
    assert server.http("POST", "/", b"x").status == 405
    assert server.get("/nothing", headers={"Accept": "text/html"}).status == 404
