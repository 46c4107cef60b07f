/* What the mirror counts of each upstream, for /metrics. */
#pragma once

struct mirror;
struct strbuf;

/* Nothing without a mirror. */
void upstream_metrics_write(struct mirror *mirror, struct strbuf *out);
