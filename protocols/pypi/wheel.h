/* What is inside a wheel. */
#pragma once
#include "config/error.h"
#include <stdint.h>

struct arena;
struct settings;
struct strbuf;
struct wheel_name;

/* The one METADATA of a wheel, byte for byte, in the folder that is named as the wheel is (PEP 427); where
 * wheel is NULL, in any, as other indexes let wheels in. STATUS_INVALID "invalid-distribution" without it or with more of them; else as unpack_find(). */
enum status wheel_read_metadata(int fd, int64_t size, const struct wheel_name *wheel,
                                const struct settings *settings, struct arena *arena,
                                struct strbuf *out, struct error *err);
