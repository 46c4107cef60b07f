/* Sizes and durations as people write them: "64 MiB", "30d". Nothing is rounded or guessed. */
#pragma once
#include "config/error.h"
#include <stdint.h>

/* Whole numbers of B, KiB, MiB, GiB or TiB; without a unit, bytes. */
enum status quantity_parse_size(const char *text, int64_t *bytes, struct error *err);
/* Whole numbers of ms, s, m, h or d; only 0 goes without a unit. */
enum status quantity_parse_duration(const char *text, int64_t *ms, struct error *err);
/* A whole number, with a minus sign at most. */
enum status quantity_parse_integer(const char *text, int64_t *value, struct error *err);

enum { QUANTITY_TEXT_SIZE = 32 };
/* In the largest unit that leaves no rest; reads back as the same number. */
void quantity_format_size(int64_t bytes, char out[QUANTITY_TEXT_SIZE]);
void quantity_format_duration(int64_t ms, char out[QUANTITY_TEXT_SIZE]);
