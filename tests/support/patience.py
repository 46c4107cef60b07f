"""How long a test waits: until it has what it waits for. A limit is for what hangs, never for what is
slow: the machine may be small, and busy with other things."""

import time

PATIENCE = 600


def until(holds, what="it", within=PATIENCE):
    """Returns what holds() says as soon as that is true."""
    end = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < end, f"{what} did not come to be in {within} s"
        time.sleep(0.02)
    return found
