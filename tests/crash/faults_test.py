"""The faults are what they say they are, or a rig that finds nothing would mean nothing."""

import subprocess

import pytest

import faults

PROGRAM = r'''
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void say(const char *what, long rc) { printf("%s %s\n", what, rc < 0 ? strerror(errno) : "ok"); }
int main(int argc, char **argv)
{
    int file = open(argv[1], O_RDWR | O_CREAT, 0644), folder = open(argv[2], O_RDONLY);
    say("write", write(file, "x", 1));
    say("write", pwrite(file, "x", 1, 5));
    say("file", fdatasync(file));
    say("folder", fsync(folder));
    say("file", fsync(file));
    return argc != 3;
}
'''


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    (folder / "p.c").write_text(PROGRAM)
    subprocess.run(["cc", "-o", folder / "p", folder / "p.c"], check=True)
    return folder / "p"


@pytest.mark.parametrize("words, file, said, told", [
    ("skip-file-sync", "stage/1", "ok ok ok ok ok", ["skip-file-sync", "skip-file-sync"]),
    ("skip-directory-sync", "stage/1", "ok ok ok ok ok", ["skip-directory-sync"]),
    ("skip-wal-sync", "meta.db-wal", "ok ok ok ok ok", ["skip-wal-sync", "skip-wal-sync"]),
    ("skip-wal-sync", "meta.db", "ok ok ok ok ok", []),
    ("fail-sync=2", "stage/1", "ok ok ok EIO ok", ["fail-sync"]),
    ("skip-file-sync,fail-sync=1", "stage/1", "ok ok ok EIO ok",
     ["skip-file-sync", "fail-sync", "skip-file-sync"]),
    ("full-from=2", "stage/1", "ok ENOSPC ok ok ok", ["full-from"]),
])
@pytest.mark.parametrize("armed", [True, False])
def test_a_fault_is_as_asked(program, tmp_path, words, file, said, told, armed):
    data = tmp_path / "data"
    (data / "stage").mkdir(parents=True)
    planted = faults.Faults(tmp_path / "f", under=data, words=words if armed else None)
    done = subprocess.run([program, data / file, data], text=True, capture_output=True, check=True,
                          env={"LD_PRELOAD": str(planted.preload), **planted.environment})
    short = {"ok": "ok", "Input/output error": "EIO", "No space left on device": "ENOSPC"}
    outcomes = [short[line.split(" ", 1)[1]] for line in done.stdout.splitlines()]
    assert outcomes == (said.split() if armed else ["ok"] * 5)
    assert [line.split()[0] for line in planted.told()] == (told if armed else [])


def test_elsewhere_there_is_no_fault(program, tmp_path):
    (tmp_path / "data" / "stage").mkdir(parents=True)
    planted = faults.Faults(tmp_path / "f", under=tmp_path / "other", words="full-from=1")
    done = subprocess.run([program, tmp_path / "data" / "stage" / "1", tmp_path / "data"], text=True,
                          capture_output=True, env={"LD_PRELOAD": str(planted.preload), **planted.environment})
    assert "No space" not in done.stdout


@pytest.mark.parametrize("nth, died", [(1, True), (5, True), (6, False)])
def test_the_program_dies_at_the_call_that_was_asked_for(program, tmp_path, nth, died):
    (tmp_path / "data" / "stage").mkdir(parents=True)
    planted = faults.Faults(tmp_path / "f", under=tmp_path, words=f"die-at={nth}")
    done = subprocess.run([program, tmp_path / "data" / "stage" / "1", tmp_path / "data"],
                          env={"LD_PRELOAD": str(planted.preload), **planted.environment})
    assert (done.returncode == -9, len(planted.told())) == (died, int(died))
