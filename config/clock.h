/* The one clock. Tests may set it; nothing else in the program asks the kernel for the date. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970, UTC; never goes back within one process. */
int64_t clock_now_us(void);
/* The same as the machine has it at this moment, which may be earlier than before: for what must not stay
 * open once a clock that was wrong has been set right. */
int64_t clock_wall_us(void);
/* Milliseconds of a clock that knows no date and never jumps: for time limits. */
int64_t clock_monotonic_ms(void);
/* Moves both dates by this much, for tests of expiry. */
void clock_shift_us(int64_t shift_us);

enum { CLOCK_TEXT_SIZE = 32 };
/* RFC 3339 with milliseconds, as npm's "time" has it: 2026-11-22T19:00:00.000Z. */
void clock_format_iso(int64_t time_us, char out[CLOCK_TEXT_SIZE]);
/* RFC 9110 5.6.7 IMF-fixdate: Sun, 22 Nov 2026 19:00:00 GMT. */
void clock_format_http(int64_t time_us, char out[CLOCK_TEXT_SIZE]);
/* Reads an IMF-fixdate; -1 where it is none. */
int64_t clock_parse_http(const char *text);
/* Reads RFC 3339 and what is written in its place: any number of decimals, an offset or 'Z' or
 * neither (UTC), a blank for the 'T'. -1 where it is none, or before 1970. */
int64_t clock_parse_iso(const char *text);
