/* What the blob store and the writer know of a stage beyond its public face. */
#pragma once
#include "storage/blobs/blob_store.h"
#include <stdatomic.h>

/* flush_failed, which outlives the stage, is set by a failed flush: what was acknowledged before may
 * be gone, so nothing may be acknowledged after. */
enum status stage_open(int folder_fd, int64_t size_hint, unsigned kinds, atomic_bool *flush_failed,
                       struct stage **out, struct error *err);
const char *stage_file_name(const struct stage *stage); /* below stage/ */
bool stage_is_placed(const struct stage *stage);
void stage_set_placed(struct stage *stage, bool is_placed);
/* Whether a committed row names these bytes; else the writer takes the placed file away. */
bool stage_is_kept(const struct stage *stage);
void stage_set_kept(struct stage *stage, bool is_kept);
