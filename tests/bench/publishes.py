"""Durable publishes each second, in groups and with one commit for each (writer_group_max=1)."""

import shutil
import statistics

import engines
import packages
import shapes

FORMATS = ("npm", "pypi", "artifact")
PREPARED = 5000  # requests for each second, more than anyone here publishes

# Each thread has requests of its own, ready to be sent: a file of lengths and bytes.
SEND = """
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("mine", threads)
end
function init(args)
  local file = assert(io.open(args[1] .. "." .. mine, "rb"))
  queue, at, refused = {}, 0, 0
  while true do
    local line = file:read("*l")
    if not line then break end
    queue[#queue + 1] = file:read(tonumber(line))
  end
  file:close()
end
function request()
  at = at + 1
  if at > #queue then
    wrk.thread:stop()
    return queue[#queue]
  end
  return queue[at]
end
"""


def made(server, format, number):
    """One publish of a small thing; never twice the same."""
    if format == "npm":
        return shapes.npm_publish(server.npm, f"bench-{number}", "1.0.0")
    if format == "pypi":
        return shapes.pypi_upload(server.pypi, packages.wheel(f"bench-{number}", "1.0.0"))
    return shapes.artifact_put(server.artifacts, f"bench-{number}", "1.0.0", "file.bin",
                               f"{number}\n".encode() * 600)


def on_the_wire(request, token):
    head = [f"{request.method} {request.path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}",
            f"Content-Length: {len(request.body)}", *(f"{name}: {value}" for name, value in request.headers)]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + request.body


def write_queues(folder, server, format, count):
    paths = [folder / f"queue.{thread + 1}" for thread in range(engines.THREADS)]
    files = [open(path, "wb") for path in paths]
    for number in range(count):
        data = on_the_wire(made(server, format, number), server.token)
        files[number % len(files)].write(b"%d\n%s" % (len(data), data))
    for file in files:
        file.close()
    return folder / "queue"


def run_once(folder, template, queue, publishers, group_max, seconds):
    """A server with nothing in it, for a publish must not be a second one."""
    shutil.copytree(template.data, folder / "data")
    server = engines.Server(folder / "publishes", data=folder / "data",
                                     settings={"PACKHOUSE_RESERVE_SIZE": "0",
                                               "PACKHOUSE_WRITER_GROUP_MAX": str(group_max)})
    try:
        result = engines.wrk(server.url, seconds, script=SEND, connections=publishers, folder=folder,
                             arguments=[queue])
        # A thread that runs out of requests waits for the end, which would be counted as work.
        if result["requests"] > 0.95 * seconds * PREPARED / engines.THREADS * min(publishers, engines.THREADS):
            raise SystemExit("bench: the server publishes faster than requests were prepared for")
        return result["per_second"]
    finally:
        server.stop()
        shutil.rmtree(folder / "data")


def measure(folder, rounds, seconds):
    template = engines.Server(folder / "template", settings={"PACKHOUSE_RESERVE_SIZE": "0"}, start=False)
    results = {}
    for format in FORMATS:
        queue = write_queues(folder, template, format, int(seconds * PREPARED))
        for number in range(rounds):
            for publishers in (1, 16):
                for group_max in ((256, 1), (1, 256))[number % 2]:
                    rate = run_once(folder, template, queue, publishers, group_max, seconds)
                    results.setdefault((format, publishers, group_max), []).append(rate)
    return results


def rows(results):
    for format in FORMATS:
        for publishers in (1, 16):
            grouped, single = (results[format, publishers, group] for group in (256, 1))
            ratio = statistics.median(g / s for g, s in zip(grouped, single))
            wanted = 3 if publishers > 1 else None
            yield (f"{format} publishes, {publishers} publisher{'s' * (publishers > 1)}",
                   f"{statistics.median(single):,.0f}/s", f"{statistics.median(grouped):,.0f}/s",
                   f"{ratio:.2f}", f"≥ {wanted}" if wanted else "", not wanted or ratio >= wanted)
