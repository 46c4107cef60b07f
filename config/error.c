#include "config/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const words[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_INVALID] = "invalid",
    [STATUS_UNAUTHENTICATED] = "unauthenticated",
    [STATUS_FORBIDDEN] = "forbidden",
    [STATUS_NOT_FOUND] = "not-found",
    [STATUS_NOT_ALLOWED] = "method-not-allowed",
    [STATUS_TIMEOUT] = "timeout",
    [STATUS_CONFLICT] = "conflict",
    [STATUS_GONE] = "gone",
    [STATUS_LENGTH_REQUIRED] = "length-required",
    [STATUS_PRECONDITION] = "precondition-failed",
    [STATUS_TOO_LARGE] = "too-large",
    [STATUS_UNSUPPORTED] = "unsupported",
    [STATUS_RANGE] = "range-not-satisfiable",
    [STATUS_EXPECTATION] = "expectation-failed",
    [STATUS_UNPROCESSABLE] = "unprocessable",
    [STATUS_HEAD_TOO_LARGE] = "head-too-large",
    [STATUS_BUSY] = "busy",
    [STATUS_READ_ONLY] = "read-only",
    [STATUS_FULL] = "full",
    [STATUS_BAD_UPSTREAM] = "bad-upstream",
    [STATUS_UPSTREAM_TIMEOUT] = "upstream-timeout",
    [STATUS_UPSTREAM_AWAY] = "upstream-away",
    [STATUS_INTERNAL] = "internal",
};

const char *status_word(enum status status)
{
    return status < STATUS_COUNT ? words[status] : "internal";
}

static void set(struct error *err, enum status status, const char *code)
{
    err->status = status;
    snprintf(err->code, sizeof err->code, "%s", code);
}

enum status fail(struct error *err, enum status status, const char *code, const char *format, ...)
{
    va_list args;

    if (!err)
        return status;
    set(err, status, code);
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return status;
}

enum status fail_errno(struct error *err, const char *format, ...)
{
    int number = errno;
    enum status status = number == ENOSPC || number == EDQUOT ? STATUS_FULL : STATUS_INTERNAL;
    char reason[128];
    va_list args;
    size_t used;

    if (!err)
        return status;
    set(err, status, status == STATUS_FULL ? "disk-full" : "");
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s",
             strerror_r(number, reason, sizeof reason));
    return status;
}
