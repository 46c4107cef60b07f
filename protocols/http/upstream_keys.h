/* The signing keys of an upstream, for whoever administers it: those that it is held to, and what it says now. */
#pragma once
#include "protocols/http/request.h"
#include "storage/catalog/upstream.h"

struct upstream_keys {
    const char *pinned; /* JSON arrays of keys as registries list them; "[]": none was seen yet */
    const char *said;   /* NULL: it does not answer, and trouble says why */
    struct error trouble;
    uint8_t said_sha256[SHA256_SIZE];
    size_t said_count;
    /* JSON arrays of ids: what differs. */
    const char *added, *expiry_changed, *replaced, *gone;
};

/* How a format's upstreams are asked. */
struct upstream_keys_format {
    enum format format;
    /* Asks now, and changes nothing. */
    enum status (*compare)(struct request *req, const struct upstream *upstream,
                           struct upstream_keys *out);
};
