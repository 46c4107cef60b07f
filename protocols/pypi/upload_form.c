#include "protocols/pypi/upload_form.h"

#include "config/settings.h"
#include "protocols/http/multipart.h"
#include "protocols/http/request.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/memory/stream.h"
#include "storage/memory/utf8.h"

#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 8 * 1024, PIECE_SIZE = 64 * 1024 };

static enum status read_text(struct request *req, struct multipart *form,
                             const struct multipart_part *part, const char **out)
{
    size_t length;
    char *text;
    enum status rc;

    if ((rc = multipart_text(form, req->arena, &text, &length, &req->error)))
        return rc;
    if (memchr(text, '\0', length) || !utf8_is_valid(text))
        return fail(&req->error, STATUS_INVALID, "invalid-form",
                    "The form's field '%.100s' is not UTF-8 text", part->name);
    *out = *text && strcmp(text, "UNKNOWN") ? text : NULL; /* "UNKNOWN" is how distutils said so */
    return STATUS_OK;
}

static enum status read_field(struct request *req, struct multipart *multipart,
                              const struct multipart_part *part, struct upload_form *form)
{
    const struct {
        const char *name, **value;
    } fields[] = {
        {":action",           &form->action          },
        {"protocol_version",  &form->protocol_version},
        {"name",              &form->name            },
        {"version",           &form->version         },
        {"filetype",          &form->file_type       },
        {"requires_python",   &form->requires_python },
        {"md5_digest",        &form->md5             },
        {"sha256_digest",     &form->sha256          },
        {"blake2_256_digest", &form->blake2          },
    };
    const char *text = NULL;
    enum status rc;

    if ((rc = read_text(req, multipart, part, &text)))
        return rc;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(part->name, fields[i].name))
            continue;
        if (*fields[i].value)
            return fail(&req->error, STATUS_INVALID, "invalid-form",
                        "The form has the field '%s' twice", part->name);
        *fields[i].value = text;
    }
    return STATUS_OK;
}

static bool is_file_name(const char *name)
{
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f || *at == '/' || *at == '\\')
            return false;
    return *name && utf8_is_valid(name);
}

static enum status copy_to_stage(struct request *req, struct reader *body, struct stage *stage)
{
    int64_t limit = req->service->settings->wheel_max, size = 0;
    char *piece = arena_alloc(req->arena, PIECE_SIZE);
    size_t got;
    enum status rc;

    for (;;) {
        if ((rc = reader_read(body, piece, PIECE_SIZE, &got, &req->error)))
            return rc;
        if (!got)
            return stage_end(stage, &req->error);
        size += (int64_t)got;
        if (limit && size > limit)
            return fail(&req->error, STATUS_TOO_LARGE, "",
                        "File too large: the limit is %lld bytes", (long long)limit);
        if ((rc = stage_write(stage, piece, got, &req->error)))
            return rc;
    }
}

static enum status read_file(struct request *req, const struct multipart_part *part,
                             struct upload_form *form)
{
    enum status rc;

    if (form->stage)
        return fail(&req->error, STATUS_INVALID, "invalid-form", "The form has two files");
    if (!is_file_name(part->file_name))
        return fail(&req->error, STATUS_INVALID, "invalid-filename",
                    "Invalid filename: a slash, a backslash or a control character is in it");
    if (part->content_type && !strncasecmp(part->content_type, "image/", 6))
        return fail(&req->error, STATUS_INVALID, "invalid-form",
                    "A distribution is not of type %.100s", part->content_type);
    form->file_name = arena_copy(req->arena, part->file_name);
    if ((rc = catalog_stage(req->service->catalog, req->content_length, DIGEST_MD5 | DIGEST_BLAKE2B,
                            &form->stage, &req->error)))
        return rc;
    return copy_to_stage(req, part->body, form->stage);
}

static enum status read_part(struct request *req, struct multipart *multipart,
                             const struct multipart_part *part, struct upload_form *form)
{
    if (!strcmp(part->name, "content") && part->file_name)
        return read_file(req, part, form);
    if (!part->file_name)
        return read_field(req, multipart, part, form);
    if (!strcmp(part->name, "gpg_signature"))
        return STATUS_OK; /* old twine --sign; nothing reads it any more */
    return fail(&req->error, STATUS_INVALID, "invalid-form",
                "The form's field '%.100s' must not be a file", part->name);
}

enum status upload_form_read(struct request *req, struct upload_form *form)
{
    const struct settings *settings = req->service->settings;
    const struct multipart_limits limits = {
        .parts = (size_t)settings->multipart_parts_max,
        .head = HEAD_MAX,
        .text = (size_t)settings->multipart_field_max,
        .total_text = (size_t)settings->multipart_text_max,
    };
    const struct multipart_part *part;
    struct multipart *multipart;
    enum status rc;

    *form = (struct upload_form){0};
    if ((rc = multipart_open(req->arena, req->body, request_header(req, "content-type"), &limits,
                             &multipart, &req->error)))
        return rc;
    while (!(rc = multipart_next(multipart, &part, &req->error)) && part)
        if ((rc = read_part(req, multipart, part, form)))
            return rc;
    return rc;
}
