/* What the server counts about itself, for /metrics. Shared by all threads; every count is an
 * atomic of its own. No label holds a package, a user or a path, so the number of series is
 * bounded. */
#pragma once
#include "protocols/http/request.h"
#include <stddef.h>
#include <stdint.h>

struct metrics;
struct mount;
struct strbuf;

enum { METRICS_MOUNTS_MAX = 16 };

/* The mounts whose requests are counted apart; others are one, called "none". */
struct metrics *metrics_new(const struct mount *const *mounts, size_t count);
void metrics_free(struct metrics *metrics);

/* One request and its answer. mount is NULL where no mount was found, or no head could be read. */
struct metrics_sample {
    const struct mount *mount;
    enum method method; /* METHOD_COUNT: another */
    int code;
    int64_t took_us, received_bytes, sent_bytes;
};
void metrics_request(struct metrics *metrics, const struct metrics_sample *sample);

void metrics_request_begins(struct metrics *metrics);
void metrics_request_ends(struct metrics *metrics);
void metrics_connection_opens(struct metrics *metrics);
void metrics_connection_closes(struct metrics *metrics);
int64_t metrics_requests_in_flight(const struct metrics *metrics);

/* Prometheus text format 0.0.4. */
void metrics_write(const struct metrics *metrics, struct strbuf *out);
/* One metric without labels, for what others count. type is "counter" or "gauge". */
void metrics_write_one(struct strbuf *out, const char *name, const char *type, const char *help,
                       double value);
