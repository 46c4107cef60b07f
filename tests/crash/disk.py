"""A disk of our own: a file system in a file, on a loop device. Its power can be cut."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from patience import PATIENCE, until

SBIN = "/usr/sbin:/sbin"
# The image is sparse. Large, so that the server's thresholds for a full disk are far away.
SIZE = 4 << 30


def run(*command):
    done = subprocess.run([*map(str, command)], text=True, capture_output=True, timeout=PATIENCE,
                          env={**os.environ, "PATH": f"{os.environ['PATH']}:{SBIN}"})
    if done.returncode:
        raise OSError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def why_not(file_system):
    """Why this machine has no such disk, or None where it has."""
    if os.geteuid() != 0:
        return "loop devices need root"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="disk-probe-"))
    try:
        Disk(folder, file_system).unmount()
    except (OSError, subprocess.SubprocessError) as reason:
        return str(reason)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def fast_folder(wanted):
    """Images live in memory where there is room: a flush is quick, and no less a flush to the server."""
    shm = pathlib.Path("/dev/shm")
    if shm.is_dir() and shutil.disk_usage(shm).free > 2 << 30:
        return pathlib.Path(tempfile.mkdtemp(prefix="packhouse-disk-", dir=shm))
    return pathlib.Path(wanted)


class Disk:
    def __init__(self, folder, file_system, size=SIZE):
        self.folder = pathlib.Path(folder)
        self.file_system = file_system
        self.generation = 0
        self.mounted = False
        self.device = None
        self.point = self.folder / "mount"
        self.point.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as image:
            image.truncate(size)
        run(f"mkfs.{file_system}", "-q", self.image)
        self.mount()

    @property
    def image(self):
        return self.folder / f"image-{self.generation}"

    def mount(self):
        self.device = run("losetup", "--find", "--show", self.image)
        try:
            run("mount", "-t", self.file_system, self.device, self.point)
        except OSError:
            run("losetup", "--detach", self.device)
            raise
        self.mounted = True

    def unmount(self):
        if self.mounted:
            until(self.is_unmounted, "the end of what uses the disk")
            self.mounted = False
            run("losetup", "--detach", self.device)

    def is_unmounted(self):
        """False while somebody looks at it, such as a daemon of the desktop."""
        try:
            run("umount", self.point)
        except OSError as reason:
            if "busy" not in str(reason):
                raise
            return False
        return True

    def writes(self):
        """Finished and running writes of the device."""
        fields = pathlib.Path("/sys/block", pathlib.Path(self.device).name, "stat").read_text().split()
        return fields[4], fields[8]

    def copy(self, to, patience=PATIENCE):
        """Copies what the device has received. The process that wrote is stopped, but the kernel may
        still be at it: a copy during which something was written is no moment in time, and is made again."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            before = self.writes()
            if before[1] == "0":
                run("cp", "--sparse=always", self.image, to)
                if self.writes() == before:
                    return
            time.sleep(0.02)
        raise OSError("the device does not come to rest")

    def cut_power(self, end_process):
        """What the device has received is what is left. The process must be stopped; end_process is
        called when nothing that it does can matter any more. Afterwards the disk is mounted again."""
        following = self.folder / f"image-{self.generation + 1}"
        self.copy(following)
        end_process()
        # Two Btrfs of one id cannot be there at once, so the old one goes first.
        self.unmount()
        self.image.unlink()
        self.generation += 1
        self.mount()

    def remove(self):
        self.unmount()
        shutil.rmtree(self.folder, ignore_errors=True)
