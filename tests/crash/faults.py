"""Builds fault_preload.c, and says what to give a server so that it has the faults."""

import os
import pathlib
import subprocess

SOURCE = pathlib.Path(__file__).with_name("fault_preload.c")


def library(folder):
    """The library, built once into a folder."""
    made = pathlib.Path(folder) / "fault_preload.so"
    if not made.exists():
        unfinished = made.with_suffix(f".{os.getpid()}")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE",
                        "-o", str(unfinished), str(SOURCE)], check=True)
        unfinished.rename(made)
    return made


class Faults:
    """What goes wrong below a path: from the start where words are given, else from `arm` on."""

    def __init__(self, folder, under, words=None):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.preload = library(folder)
        self.log, self.file = folder / "faults.log", folder / "faults"
        self.environment = {"PACKHOUSE_FAULT_FILE": str(self.file), "PACKHOUSE_FAULT_UNDER": str(under),
                            "PACKHOUSE_FAULT_LOG": str(self.log)}
        if words:
            self.arm(words)

    def arm(self, words):
        """Counting begins anew, and the log is empty."""
        self.log.unlink(missing_ok=True)
        new = self.file.with_suffix(".new")
        new.write_text(words)
        new.rename(self.file)

    def disarm(self):
        self.file.unlink(missing_ok=True)

    def told(self):
        """A line for each fault that there was."""
        return self.log.read_text().splitlines() if self.log.exists() else []
