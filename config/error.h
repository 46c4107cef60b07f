/* The words for failure. What can fail returns an enum status and puts one sentence for a person
 * into struct error; server/dispatch.c alone knows which HTTP code a status becomes. */
#pragma once
#include <stddef.h>

enum status {
    STATUS_OK = 0,
    STATUS_INVALID,         /* the input breaks a rule of its protocol */
    STATUS_UNAUTHENTICATED, /* no credential, or one that is not (or no longer) valid */
    STATUS_FORBIDDEN,       /* may see it, may not do this to it */
    STATUS_NOT_FOUND,       /* absent, or not for the caller's eyes: both look the same */
    STATUS_NOT_ALLOWED,     /* the path exists, the method does not */
    STATUS_TIMEOUT,         /* the client was too slow */
    STATUS_CONFLICT,        /* taken: a version is published once */
    STATUS_GONE,
    STATUS_LENGTH_REQUIRED,
    STATUS_PRECONDITION,    /* an If-* header does not hold */
    STATUS_TOO_LARGE,       /* over a limit that is a setting */
    STATUS_UNSUPPORTED,     /* a media type or content coding that is not taken */
    STATUS_RANGE,           /* no byte of the representation is in the range */
    STATUS_EXPECTATION,     /* an Expect other than 100-continue */
    STATUS_UNPROCESSABLE,   /* well-formed, yet its content contradicts itself */
    STATUS_HEAD_TOO_LARGE,  /* request line and headers over the limit */
    STATUS_BUSY,            /* try again in a moment */
    STATUS_READ_ONLY,       /* writing has stopped, for a flush of the disk has failed */
    STATUS_FULL,            /* the disk or a quota is full */
    STATUS_BAD_UPSTREAM,    /* an upstream answered what cannot be used, or could not be reached */
    STATUS_UPSTREAM_TIMEOUT, /* an upstream did not answer in time */
    STATUS_UPSTREAM_AWAY,   /* an upstream is left alone for now: its breaker is open, or it is offline */
    STATUS_INTERNAL,        /* our fault, or the machine's */
    STATUS_COUNT
};

struct error {
    enum status status;
    char code[40];     /* the machine's word, such as "path-exists"; "" where the status says all */
    char message[512]; /* one sentence for a person, without a final full stop */
};

/* Fills err (which may be NULL) and returns status, so that a failure is one line:
 * return fail(err, STATUS_CONFLICT, "version-exists", "%s is published", name). code may be "". */
enum status fail(struct error *err, enum status status, const char *code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Like fail() with STATUS_INTERNAL, with the text of errno behind the sentence. ENOSPC and EDQUOT
 * become STATUS_FULL. */
enum status fail_errno(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The status as a lower-case word with hyphens, such as "not-found": the code of last resort. */
const char *status_word(enum status status);
