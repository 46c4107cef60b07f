"""The table for people, and its place in docs/performance.md."""

import os
import pathlib
import platform
import re
import subprocess
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
MARKERS = ("<!-- tests/bench writes from here -->", "<!-- to here -->")


def table(heads, rows):
    """Markdown whose columns also line up in a terminal."""
    cells = [heads, *([*row[:-1], "yes" if row[-1] else "**no**"] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def first_line(*command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""


def file_system(folder):
    return first_line("stat", "-f", "-c", "%T", str(folder))


def machine(binary, folder, rounds, seconds):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    nginx = first_line("nginx", "-v").rpartition("/")[2]
    wrk = first_line("wrk", "-v").split()
    text = (f"{first_line(binary, '--version')}; nginx {nginx}, wrk {wrk[1] if len(wrk) > 1 else ''}. "
            f"{os.cpu_count()} cores ({cpu.group(1).strip() if cpu else platform.machine()}), "
            f"Linux {platform.release()}, data on {file_system(folder)}. "
            f"{rounds} rounds of {seconds} s for each number; the medians are shown. "
            f"Load average before the run: {os.getloadavg()[0]:.0f}.")
    return textwrap.fill(text, 120, break_on_hyphens=False)


def section(part):
    return f"<!-- {part} -->"


def write(found, order):
    """{part: text} takes the place of what the page says of those parts; it keeps the others."""
    page = PAGE.read_text()
    begin, end = (page.index(marker) for marker in MARKERS)
    begin += len(MARKERS[0])
    pieces = re.split(r"<!-- (\w+) -->", page[begin:end])
    parts = {name: text.strip() for name, text in zip(pieces[1::2], pieces[2::2])}
    parts.update(found)
    text = "\n\n".join(f"{section(name)}\n\n{parts[name]}" for name in order if name in parts)
    PAGE.write_text(f"{page[:begin]}\n\n{text}\n\n{page[end:]}")
