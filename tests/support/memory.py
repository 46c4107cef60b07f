"""How much memory a server takes while something happens."""

import threading

# The sanitizer keeps freed blocks for a while, which would be taken for the server's.
SANITIZER = {"ASAN_OPTIONS": "quarantine_size_mb=1:thread_local_quarantine_size_kb=16:malloc_context_size=1"}


class Watch:
    """The largest resident size while it watches, over that at its start."""

    def __init__(self, server):
        self.server, self.first, self.most, self.done = server, server.rss_kib(), 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.done.wait(0.02):
            self.most = max(self.most, self.server.rss_kib())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.most = max(self.most, self.server.rss_kib())

    @property
    def growth_kib(self):
        return self.most - self.first
