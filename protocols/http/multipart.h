/* Forms with files, multipart/form-data (RFC 7578), read part by part as the body flows by: memory
 * does not grow with the body. */
#pragma once
#include "config/error.h"
#include <stddef.h>

struct arena;
struct multipart;
struct reader;

/* Over a limit is STATUS_TOO_LARGE. */
struct multipart_limits {
    size_t parts;      /* of one form */
    size_t head;       /* bytes of one part's header lines */
    size_t text;       /* bytes of one part that multipart_text() reads */
    size_t total_text; /* bytes of all of those together */
};

/* What lives until the next part is asked for. */
struct multipart_part {
    const char *name;
    const char *file_name;    /* NULL: the part is no file */
    const char *content_type; /* NULL where the part names none */
    struct reader *body;      /* ends where the part ends; may be left unread */
};

/* content_type is the request's header; it may be NULL. STATUS_UNSUPPORTED where it is not
 * multipart/form-data, STATUS_INVALID without a good boundary. body stays the caller's. */
enum status multipart_open(struct arena *arena, struct reader *body, const char *content_type,
                           const struct multipart_limits *limits, struct multipart **out,
                           struct error *err);
/* Goes to the next part, over what is unread of this one; *out is NULL behind the last, when the
 * body has been read to its end. STATUS_INVALID for a form that is malformed or cut off. */
enum status multipart_next(struct multipart *form, const struct multipart_part **out,
                           struct error *err);
/* Reads the current part into the arena, with a final NUL that length does not count. */
enum status multipart_text(struct multipart *form, struct arena *arena, char **text, size_t *length,
                           struct error *err);
