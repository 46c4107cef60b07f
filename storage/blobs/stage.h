/* Bytes on their way in: written, digested and flushed under stage/, where no URL reaches. A stage
 * becomes a blob when the writer commits it, or goes away without a trace. One thread at a time. */
#pragma once
#include "config/error.h"
#include "storage/blobs/digest.h"

struct reader;
struct stage;

/* Appends. STATUS_FULL where the disk has no room. */
enum status stage_write(struct stage *stage, const void *bytes, size_t length, struct error *err);
/* No more bytes: computes the digests, and begins to write the bytes back. What is refused by its
 * digest costs no flush, and files that are published together share one commit of the journal. */
enum status stage_end(struct stage *stage, struct error *err);
/* Flushes with fdatasync, after stage_end() if need be. The publish does this itself. */
enum status stage_finish(struct stage *stage, struct error *err);
/* Valid after stage_end(). */
const struct digests *stage_digests(const struct stage *stage);
int64_t stage_size(const struct stage *stage);
/* The staged bytes, for looking into archives; the descriptor stays the stage's. */
int stage_fd(const struct stage *stage);
/* Removes what was not committed and frees the stage; NULL does nothing. */
void stage_close(struct stage *stage);
