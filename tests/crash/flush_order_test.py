"""What a publish flushes, and in which order: the bytes, the folder that names them, then the rows."""

import itertools
import pathlib
import random
import time

import pytest

import faults
import publishers

# Told of, and not done: nobody cuts the power here.
ALL = "skip-file-sync,skip-directory-sync,skip-wal-sync"


def hour_folder(server):
    return pathlib.Path(server.data, "blobs", time.strftime("%Y/%m/%d/%H", time.gmtime()))


def publish(server, planted, number, kind):
    """Returns what was flushed, in order."""
    one = publishers.make(kind, number, random.Random(number), server)
    planted.arm(ALL)
    assert publishers.is_success(one, server.send(one.request).status)
    told = [line.split(" ", 1) for line in planted.told()]
    return [(word.removeprefix("skip-").removesuffix("-sync"), pathlib.Path(path)) for word, path in told]


@pytest.mark.parametrize("kind", ["npm", "pypi", "artifact"])
def test_bytes_then_their_folder_then_the_rows(new_server, tmp_path, kind):
    planted = faults.Faults(tmp_path / "faults", under=tmp_path)
    server = new_server(preload=planted.preload, environment=planted.environment)
    number = itertools.count(1)
    for _ in range(10):
        hour = hour_folder(server)
        publish(server, planted, next(number), kind)
        flushed = publish(server, planted, next(number), kind)
        kinds = [kind for kind, _ in flushed]
        # Else there was a new folder to flush, and those above it; or a job noted, say, that the token was used.
        if hour == hour_folder(server) and kinds.count("wal") == 1:
            break
    assert kinds == sorted(kinds, key=["file", "directory", "wal"].index), flushed
    # A wheel's METADATA is a second file, in the same folder.
    assert kinds.count("file") == (2 if kind == "pypi" else 1)
    assert kinds.count("directory") == 1 and kinds.count("wal") == 1


def test_a_folder_that_a_killed_server_made_is_flushed_all_the_same(new_server, tmp_path):
    planted = faults.Faults(tmp_path / "faults", under=tmp_path)
    server = new_server(preload=planted.preload, environment=planted.environment)
    folder = hour_folder(server)
    folder.mkdir(parents=True)
    flushed = {path for kind, path in publish(server, planted, 1, "artifact") if kind == "directory"}
    # Should the hour have ended meanwhile, the new one is flushed just so.
    folder = hour_folder(server) if hour_folder(server).exists() else folder
    assert flushed >= {folder, *list(folder.parents)[:4]}
