/* Which files a listing has come to name since it was last fetched: policy counts their age from then,
 * whatever times the upstream gives them. And of which it tells an earlier time than it did: those are no
 * older for that. */
#pragma once
#include "storage/catalog/listed.h"
#include "storage/mirror/mirror.h"

struct arena;

/* Lists the files of now that before has not got, or with a later time, in the arena. Over 20,000 of them count as one, the
 * package itself, so that none is missed. Nothing where before cannot be read any more. */
enum status appeared_find(const struct mirror_format *format, const struct mirror_document *before,
                          const struct mirror_document *now, int64_t before_checked_us,
                          struct arena *arena, struct listed **out, size_t *count,
                          struct error *err);
