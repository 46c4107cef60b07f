/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The bytes of the sequence at text, which ends with a NUL; 0 where there is no good one. */
size_t utf8_length(const char *text);
bool utf8_is_valid(const char *text);
