/* The log: one event, one line, on standard error. Never a secret, never a body.
 * error: someone must act. warn: we coped. info: something changed. debug: for a developer. */
#pragma once
#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below level are dropped. Call before threads start; the default is LOG_INFO. */
void log_set_level(enum log_level level);

/* Writes "time level event=NAME k=v …". The format gives the k=v pairs; control bytes in them become '?'.
 * One write(2) a line, so threads never mix. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
