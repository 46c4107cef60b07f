/* The form that twine, uv and the others upload a file with (the "legacy" API): its fields, in any
 * order, and its file, staged as it flows by. */
#pragma once
#include "config/error.h"

struct request;
struct stage;

/* Fields that are absent, empty or "UNKNOWN" are NULL. Others that clients send are read and
 * dropped: the archive is the authority on its metadata. */
struct upload_form {
    const char *action, *protocol_version;
    const char *name, *version;
    const char *file_type, *requires_python;
    const char *md5, *sha256, *blake2; /* hex, as sent */
    const char *file_name;
    struct stage *stage; /* ended, with all three digests; NULL where no file came */
};

/* Reads the request's whole body. STATUS_INVALID, STATUS_TOO_LARGE, or what staging says; the
 * caller closes form->stage in any case. */
enum status upload_form_read(struct request *req, struct upload_form *form);
