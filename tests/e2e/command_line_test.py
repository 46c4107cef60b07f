"""The packhouse command as a person or a script meets it, against a server that answers as told."""

import http.server
import json
import os
import pty
import signal
import stat
import subprocess
import termios
import threading

import pytest

from packhouse_server import ROOT, binary
from patience import PATIENCE

DONE, REFUSED, USAGE, DENIED, ABSENT, TAKEN, UNREACHABLE = range(7)


class Answers(http.server.BaseHTTPRequestHandler):
    """Gives the next of server.answers, (code, document), and keeps what was asked."""

    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization"), body))
        code, document = self.server.answers.pop(0)
        text = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def new_api():
    started = []

    def start(*answers):
        api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        api.answers, api.asked = list(answers), []
        api.url = f"http://127.0.0.1:{api.server_port}"
        threading.Thread(target=api.serve_forever, daemon=True).start()
        started.append(api)
        return api

    yield start
    for api in started:
        api.shutdown()
        api.server_close()


@pytest.fixture
def run(tmp_path):
    """run("org", "list", PACKHOUSE_URL=…) in a home of its own."""

    def call(*arguments, input=None, **environment):
        return subprocess.run(
            [binary(), *map(str, arguments)], text=True, capture_output=True, timeout=PATIENCE, input=input or "",
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
                 **environment})

    return call


def commands():
    text = subprocess.run([binary(), "--help"], text=True, capture_output=True, check=True).stdout
    for line in text.splitlines():
        if line.startswith("  "):
            words = line[2:42].split() if line[41:42] == " " else line.split()
            yield tuple(word for word in words if word.islower() and word.replace("-", "").isalpha())[:2]


def test_every_command_explains_itself(run):
    """--help of each command that --help lists shows its form and all it may be given."""
    listed = set(commands())
    assert {("org", "create"), ("token", "revoke"), ("config", "check")} <= listed
    for words in listed:
        done = run(*words, "--help")
        assert done.returncode == DONE, words
        assert done.stdout.startswith("usage: packhouse " + " ".join(words)), words
        assert "--json" in done.stdout and not done.stderr


@pytest.mark.parametrize("arguments, says", [
    ((), "usage: packhouse COMMAND"),
    (("confg",), "there is no command 'confg'"),
    (("org",), "usage: packhouse org VERB"),
    (("org", "crate", "x"), "org has no command 'crate'"),
    (("org", "create"), "an argument is missing; expected: NAME"),
    (("org", "create", "a", "b"), "'b' is one argument too many; expected: NAME"),
    (("org", "list", "x"), "takes no argument, but 'x' was given"),
    (("org", "list", "--colour"), "unknown option --colour"),
    (("org", "list", "--url"), "--url takes a value"),
    (("org", "list", "--json=1"), "--json takes no value"),
    (("token", "create", "--expires"), "--expires takes a value: DURATION"),
    (("token", "create", "--expires", "30"), "--expires: '30' has no unit that is known"),
    (("token", "create", "--expires", "yesterday"), "--expires: 'yesterday' is no duration; write it as 30d, 12h or 90s"),
    (("policy", "diff", "--replay", "x", "careful", "--org", "acme"), "--replay: 'x' is no duration; write it as 30d"),
    (("token", "create", "--expires", "1ms"), "a token lives for a second at least"),
    (("token", "create", "--repo", "main"), "'main' is no repository; write it as ORG/NAME"),
    (("repo", "create", "main"), "'main' is no repository; write it as ORG/NAME"),
    (("repo", "create", "a/b", "--anonymous", "write"), "--anonymous is none or read, not 'write'"),
    (("repo", "set", "a/b"), "nothing to set"),
    (("grant", "add", "ann", "reader", "main"), "'main' is no repository"),
    (("config", "check", "--workers", "0"), "--workers: '0' is not between 4 and 65536"),
    (("org", "list", "--url", "127.0.0.1"), "must begin with http:// or https://"),
])
def test_a_wrong_command_line_is_told_in_words(run, arguments, says):
    done = run(*arguments, PACKHOUSE_URL="http://127.0.0.1:1")
    assert done.returncode == USAGE
    assert says in done.stderr and not done.stdout


def test_without_a_server_it_asks_which(run):
    done = run("org", "list")
    assert done.returncode == USAGE and "which server?" in done.stderr


@pytest.mark.parametrize("code, document, exit_code, says", [
    (400, {"detail": "the name is empty"}, REFUSED, "the name is empty"),
    (401, {"detail": "sign in"}, DENIED, "sign in"),
    (403, {"detail": "needs org:admin"}, DENIED, "needs org:admin"),
    (404, {"detail": "no such org"}, ABSENT, "no such org"),
    (409, {"detail": "acme exists"}, TAKEN, "acme exists"),
    (422, {"detail": "no"}, REFUSED, "no"),
    (500, b"oops", UNREACHABLE, "answered with status 500"),
    (503, {"detail": "later"}, UNREACHABLE, "later"),
    (302, b"", REFUSED, "answered with status 302"),
    (200, b"<html>", UNREACHABLE, "is it Packhouse?"),
])
def test_the_exit_code_says_which_no_it_was(run, new_api, code, document, exit_code, says):
    api = new_api((code, document))
    done = run("org", "create", "acme", PACKHOUSE_URL=api.url, PACKHOUSE_TOKEN="t")
    assert done.returncode == exit_code
    assert says in done.stderr and not done.stdout
    assert api.asked == [("POST", "/api/v1/orgs", "Bearer t", {"name": "acme"})]


def test_a_server_that_is_not_there_is_said_to_be(run):
    done = run("whoami", PACKHOUSE_URL="http://127.0.0.1:1")
    assert done.returncode == UNREACHABLE and "cannot reach http://127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("arguments, asked", [
    (("repo", "create", "acme/main"), ("POST", "/api/v1/orgs/acme/repositories", {"name": "main"})),
    (("repo", "create", "acme/main", "--anonymous", "read"),
     ("POST", "/api/v1/orgs/acme/repositories", {"name": "main", "anonymous": "read"})),
    (("repo", "set", "a b/m?", "--anonymous=none"),
     ("PATCH", "/api/v1/orgs/a%20b/repositories/m%3F", {"anonymous": "none"})),
    (("repo", "show", "acme/main"), ("GET", "/api/v1/orgs/acme/repositories/main", None)),
    (("account", "create", "ann"), ("POST", "/api/v1/accounts", {"name": "ann"})),
    (("grant", "add", "ann", "publisher", "acme/main"),
     ("POST", "/api/v1/grants", {"subject": "ann", "role": "publisher", "repository": "acme/main", "package": "**"})),
    (("grant", "explain", "ann", "repo:read", "acme/main"),
     ("GET", "/api/v1/access/explain?principal=ann&action=repo%3Aread&repo=acme%2Fmain", None)),
    (("grant", "explain", "ann", "pkg:tag", "acme/main", "--package", "@a/b"),
     ("GET", "/api/v1/access/explain?principal=ann&action=pkg%3Atag&repo=acme%2Fmain&package=%40a%2Fb", None)),
    (("grant", "remove", "7"), ("DELETE", "/api/v1/grants/7", None)),
    (("token", "create", "--for", "ann", "--expires", "30d"),
     ("POST", "/api/v1/tokens", {"for": "ann", "expires_in": 2592000})),
    (("token", "create", "--repo", "acme/main,acme/b", "--role", "publisher", "--repo", "c/d", "--readonly"),
     ("POST", "/api/v1/tokens",
      {"role": "publisher", "repositories": ["acme/main", "acme/b", "c/d"], "readonly": True})),
    (("token", "create", "--action", "repo:read", "--package", "npm:@acme/*", "--name", "ci"),
     ("POST", "/api/v1/tokens", {"name": "ci", "actions": ["repo:read"], "packages": ["npm:@acme/*"]})),
    (("token", "create"), ("POST", "/api/v1/tokens", {})),
    (("token", "revoke", "9"), ("DELETE", "/api/v1/tokens/9", None)),
])
def test_each_command_is_one_call(run, new_api, arguments, asked):
    """With --json the answer is one document on stdout, and nothing is on stderr."""
    for extra in ((), ("--json",)):
        api = new_api((201, {"id": 9, "name": "x", "token": "pkhp_x", "flag": True, "none": None}))
        done = run(*arguments, *extra, PACKHOUSE_URL=api.url + "/", PACKHOUSE_TOKEN="t", PACKHOUSE_REPO="e/f")
        assert (done.returncode, done.stderr) == (DONE, "")
        method, path, body = asked
        assert api.asked == [(method, path, "Bearer t", body)]
        if extra:
            assert json.loads(done.stdout) == {"id": 9, "name": "x", "token": "pkhp_x", "flag": True, "none": None}


def test_a_list_has_all_its_pages(run, new_api):
    pages = [(200, {"items": [{"name": "a", "created_at": "2026-01-01"}], "next": "x/y"}),
             (200, {"items": [{"name": "long\x1b[2Jname"}], "next": None})]
    api = new_api(*pages)
    done = run("org", "list", PACKHOUSE_URL=api.url)
    assert [line.rstrip() for line in done.stdout.splitlines()] == [
        "ORG           CREATED",
        "a             2026-01-01",
        "long?[2Jname",  # no name moves the cursor
    ]
    assert [path for _, path, _, _ in api.asked] == ["/api/v1/orgs", "/api/v1/orgs?cursor=x%2Fy"]
    api = new_api(*pages)
    done = run("org", "list", "--json", PACKHOUSE_URL=api.url)
    assert [item["name"] for item in json.loads(done.stdout)["items"]] == ["a", "long\x1b[2Jname"]
    api = new_api((200, {"items": [], "next": None}), (200, {"items": [], "next": None}))
    assert run("org", "list", PACKHOUSE_URL=api.url).stdout == "There are none.\n"
    assert json.loads(run("org", "list", "--json", PACKHOUSE_URL=api.url).stdout) == {"items": []}


def test_login_makes_a_profile_that_only_its_owner_reads(run, new_api, tmp_path):
    api = new_api(*[(200, {"name": "ann"})] * 3)
    done = run("login", "--url", api.url, input="pkhp_secret\n")
    assert done.returncode == DONE and "You are ann" in done.stdout
    assert "pkhp_secret" not in done.stdout + done.stderr
    profile = tmp_path / "xdg" / "packhouse" / "default.yaml"
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600
    assert stat.S_IMODE(profile.parent.stat().st_mode) == 0o700
    assert "ann" in run("whoami").stdout
    assert run("login", "--url", api.url, "--token", "other", "--profile", "work").returncode == DONE
    assert [asked[2] for asked in api.asked] == ["Bearer pkhp_secret", "Bearer pkhp_secret", "Bearer other"]
    assert os.listdir(profile.parent) and {"default.yaml", "work.yaml"} == set(os.listdir(profile.parent))


@pytest.mark.parametrize("given", ["", "\n"])
def test_a_login_without_a_token_says_what_to_type(run, given):
    done = run("login", "--url", "http://127.0.0.1:9", input=given)
    assert done.returncode == USAGE
    assert "packhouse login --url URL --token TOKEN" in done.stderr and "packhouse token create" in done.stderr


def test_a_token_that_is_typed_is_not_shown(new_api, tmp_path):
    api = new_api((200, {"name": "ann"}))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(binary(), ["packhouse", "login", "--url", api.url], {"HOME": str(tmp_path)})
    shown = b""
    while b"Token" not in shown:
        shown += os.read(terminal, 1000)
    os.write(terminal, b"pkhp_unseen\n")
    try:
        while more := os.read(terminal, 1000):
            shown += more
    except OSError:  # the terminal is gone with the program
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == DONE
    os.close(terminal)
    assert api.asked[0][2] == "Bearer pkhp_unseen" and b"You are ann" in shown
    assert b"pkhp_unseen" not in shown


@pytest.mark.parametrize("handler, ending", [(signal.SIG_DFL, -signal.SIGINT), (signal.SIG_IGN, USAGE)],
                         ids=["heard", "ignored"])
def test_an_interrupted_login_leaves_the_terminal_as_it_was(tmp_path, handler, ending):
    """What is typed is seen again, though the program ended by a signal; and half a token is none."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with subprocess.Popen([binary(), "login", "--url", "http://127.0.0.1:9"], stdin=theirs, stdout=theirs, stderr=theirs,
                          env={"HOME": str(tmp_path)}, start_new_session=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, handler)) as done:
        shown = b""
        while b"Token" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"pkhp_half\x03")
        assert done.wait(PATIENCE) == ending
    assert termios.tcgetattr(theirs) == before
    os.close(theirs)
    os.close(ours)


def test_what_this_machine_refuses_is_no_server_that_is_away(run, new_api, tmp_path):
    (tmp_path / "xdg").write_text("no folder\n")
    api = new_api((200, {"name": "ann"}))
    done = run("login", "--url", api.url, "--token", "t")
    assert done.returncode == REFUSED
    assert f"cannot make {tmp_path}/xdg" in done.stderr and "File exists" in done.stderr


def test_a_bad_token_makes_no_profile(run, new_api, tmp_path):
    api = new_api((401, {"detail": "no such token"}))
    done = run("login", "--url", api.url, "--token", "bad")
    assert done.returncode == DENIED and "no such token" in done.stderr
    assert not (tmp_path / "xdg" / "packhouse").exists()


def test_flags_win_over_the_profile_over_the_environment(run, new_api):
    mine, other = new_api(*[(200, {"name": "x"})] * 9), new_api(*[(200, {"name": "x"})] * 9)
    assert run("login", "--url", mine.url, "--token", "profile").returncode == DONE
    elsewhere = {"PACKHOUSE_URL": other.url, "PACKHOUSE_TOKEN": "environment"}
    run("whoami", **elsewhere)
    assert mine.asked[-1][2] == "Bearer profile" and not other.asked
    run("whoami", "--token", "flag", **elsewhere)
    assert mine.asked[-1][2] == "Bearer flag" and not other.asked
    run("whoami", "--url", other.url, "--token", "flag")
    assert other.asked[-1][2] == "Bearer flag"
    run("whoami", "--profile", "none", **elsewhere)
    assert other.asked[-1][2] == "Bearer environment"
    run("whoami", PACKHOUSE_PROFILE="none", **elsewhere)
    assert len(other.asked) == 3
    assert "there is no profile 'lost'" in run("whoami", "--profile", "lost").stderr


def test_a_profile_s_token_never_goes_to_another_server(run, new_api):
    mine, other = new_api((200, {"name": "x"})), new_api()
    assert run("login", "--url", mine.url, "--token", "secret").returncode == DONE
    done = run("whoami", "--url", other.url)
    assert done.returncode == USAGE and "--url needs --token too" in done.stderr
    assert not other.asked


@pytest.mark.parametrize("content, says", [
    ("url: http://127.0.0.1:1\n", "names no url and token"),
    ("url: http://127.0.0.1:1\ntoken: t\nworkers: 8\n", "default.yaml:3: unknown setting 'workers'"),
    ("url: [\n", "default.yaml:1: url takes one value"),
])
def test_a_broken_profile_is_told_with_its_line(run, tmp_path, content, says):
    folder = tmp_path / "xdg" / "packhouse"
    folder.mkdir(parents=True)
    (folder / "default.yaml").write_text(content)
    done = run("whoami")
    assert done.returncode == USAGE and says in done.stderr


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "none", "x" * 65])
def test_a_profile_s_name_stays_in_its_folder(run, new_api, tmp_path, name):
    api = new_api((200, {"name": "x"}))
    done = run("login", "--url", api.url, "--token", "t", "--profile", name)
    assert done.returncode == USAGE and not api.asked
    assert not os.listdir(tmp_path)


def test_a_token_may_stand_in_a_file(run, new_api, tmp_path):
    api = new_api(*[(200, {"name": "x"})] * 2)
    (tmp_path / "secret").write_text("from-file\n")
    run("whoami", PACKHOUSE_URL=api.url, PACKHOUSE_TOKEN_FILE=str(tmp_path / "secret"))
    run("whoami", "--url", api.url, "--token-file", tmp_path / "secret")
    assert [asked[2] for asked in api.asked] == ["Bearer from-file"] * 2


def test_status_tells_ready_from_not(run, new_api):
    key, lost = {"keyid": "SHA256:new", "because": "lost"}, {"keyid": "SHA256:old", "because": "first"}
    api = new_api((200, {"ok": True}), (200, {"name": "ann"}), (200, {"items": [lost]}),
                  (200, {"ok": True}), (200, {"name": "ann"}), (200, {"items": [key, lost]}), (503, {"detail": "the disk is full"}),
                  (401, {}))
    ready = run("status", "--json", PACKHOUSE_URL=api.url, PACKHOUSE_TOKEN="t")
    assert ready.returncode == DONE
    assert json.loads(ready.stdout) == {"url": api.url, "ready": True, "account": "ann"}
    ready = run("status", PACKHOUSE_URL=api.url, PACKHOUSE_TOKEN="t")
    assert ready.returncode == DONE and "signing key SHA256:old was lost" in ready.stdout
    ill = run("status", PACKHOUSE_URL=api.url)
    assert ill.returncode == UNREACHABLE and "not ready: the disk is full" in ill.stdout
    assert run("status", PACKHOUSE_URL="http://127.0.0.1:1").returncode == UNREACHABLE


def test_the_example_is_what_the_program_prints(run):
    assert run("config", "example").stdout == (ROOT / "config" / "example.conf").read_text()


def test_config_tells_where_each_value_came_from(run, tmp_path):
    path = tmp_path / "packhouse.yaml"
    path.write_text("workers: 100\nkeep_alive_timeout: 5s\n")
    shown = json.loads(run("config", "show", "--json", "--config", path, "--workers", "200",
                           PACKHOUSE_LISTEN="127.0.0.1:1").stdout)
    assert shown["workers"] == {"value": 200, "from": "flag"}
    assert shown["keep_alive_timeout"] == {"value": 5000, "from": "file"}
    assert shown["listen"] == {"value": "127.0.0.1:1", "from": "environment"}
    assert shown["readers"] == {"value": 0, "from": "default"}
    path.write_text("workers: 100\nlistne: x\n")
    done = run("config", "check", "--config", path)
    assert done.returncode == USAGE
    assert f"{path}:2: unknown setting 'listne'; did you mean listen?" in done.stderr
    done = run("config", "check", PACKHOUSE_LISTNE="x")
    assert done.returncode == REFUSED and "PACKHOUSE_LISTNE" in done.stdout


def test_the_version_names_the_commit_and_every_library(run):
    about = json.loads(run("--version", "--json").stdout)
    assert about["version"] and about["commit"]
    assert {"civetweb", "OpenSSL", "SQLite", "libcurl", "libarchive", "zlib", "jansson", "libyaml"} <= set(about["libraries"])
    assert all(about["libraries"].values())
    assert run("--version").stdout.startswith(f"packhouse {about['version']} commit {about['commit']}\n")


def test_serve_warns_of_a_misspelt_variable(new_server):
    server = new_server(environment={"PACKHOUSE_LISTNE": "hush"})
    log = server.log.read_text()
    assert "event=settings.unknown-variable name=PACKHOUSE_LISTNE\n" in log and "hush" not in log
