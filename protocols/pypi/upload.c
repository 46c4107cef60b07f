#include "config/settings.h"
#include "protocols/http/publish_name.h"
#include "protocols/http/response.h"
#include "protocols/pypi/core_metadata.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/upload_form.h"
#include "protocols/pypi/wheel.h"
#include "protocols/pypi/wheel_name.h"
#include "storage/catalog/publish.h"
#include "storage/memory/arena.h"
#include "storage/memory/project_name.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/specifier.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { META_MAX = 4096 };

/* One upload, as far as it has been checked. */
struct upload {
    struct upload_form form;
    const char *project;             /* normalised */
    struct strbuf version, sort_key; /* canonical, and its place in the order */
    bool is_wheel;
    const char *requires_python;
    struct stage *sidecar; /* the wheel's METADATA; NULL for others */
};

static enum status invalid(struct request *req, const char *code, const char *message)
{
    return fail(&req->error, STATUS_INVALID, code, "%s", message);
}

/* poetry "registers" a project first, which is nothing here. */
static enum status check_action(struct request *req, const char *action, bool *is_done)
{
    if (!action)
        action = request_query(req, ":action");
    *is_done = action && (!strcmp(action, "submit") || !strcmp(action, "submit_pkg_info"));
    if (*is_done || (action && !strcmp(action, "file_upload")))
        return STATUS_OK;
    if (action && !strcmp(action, "doc_upload"))
        return fail(&req->error, STATUS_GONE, "", "Documentation is not uploaded here");
    return invalid(req, "invalid-form", "The form's :action must be file_upload");
}

static enum status check_fields(struct request *req, struct upload *up)
{
    const struct upload_form *form = &up->form;
    struct pypi_version version;

    if (form->protocol_version && strcmp(form->protocol_version, "1"))
        return invalid(req, "invalid-form", "Unknown protocol version");
    if (!form->name || !(up->project = project_name_normalize(req->arena, form->name)))
        return fail(&req->error, STATUS_INVALID, "invalid-name",
                    "'%.200s' is an invalid value for Name", form->name ? form->name : "");
    if (!form->version || !pypi_version_parse(form->version, &version))
        return fail(&req->error, STATUS_INVALID, "invalid-version",
                    "'%.200s' is an invalid value for Version", form->version ? form->version : "");
    if (form->requires_python && !specifier_set_is_valid(form->requires_python))
        return fail(&req->error, STATUS_INVALID, "invalid-metadata",
                    "'%.200s' is an invalid value for Requires-Python", form->requires_python);
    if (!form->stage)
        return invalid(req, "invalid-form", "Upload payload does not have a file");
    strbuf_init(&up->version, req->arena, 2 * PYPI_VERSION_LENGTH_MAX);
    strbuf_init(&up->sort_key, req->arena, 4 * PYPI_VERSION_LENGTH_MAX);
    pypi_version_text(&version, &up->version);
    pypi_version_sort_key(&version, &up->sort_key);
    return STATUS_OK;
}

/* The gate could not see the project, which is named in the body. */
static enum status check_access(struct request *req, const struct upload *up)
{
    const struct repository *repository = req->repository;

    if (access_allows(req->principal, repository, arena_format(req->arena, "pypi:%s", up->project),
                      PKG_PUBLISH))
        return STATUS_OK;
    return fail(&req->error, STATUS_FORBIDDEN, "", "%s may not upload to the project '%s' in %s/%s",
                req->principal->name, up->project, repository->org, repository->name);
}

static enum status check_digest(struct request *req, const char *name, const char *stated,
                                const uint8_t *digest, size_t size)
{
    uint8_t wanted[SHA256_SIZE];

    if (!stated || (digest_parse_hex(stated, wanted, size) && !memcmp(wanted, digest, size)))
        return STATUS_OK;
    return fail(&req->error, STATUS_INVALID, "digest-mismatch",
                "The %s digest supplied does not match a digest calculated from the uploaded file",
                name);
}

/* An OpenSSL in FIPS mode computes no MD5; then one of the others has to be there. */
static enum status check_digests(struct request *req, const struct upload_form *form)
{
    const struct digests *digests = stage_digests(form->stage);
    const char *md5 = digests->kinds & DIGEST_MD5 ? form->md5 : NULL;
    enum status rc;

    if (!md5 && !form->sha256 && !form->blake2)
        return invalid(req, "digest-missing",
                       "The form has none of sha256_digest, blake2_256_digest and md5_digest");
    if ((rc = check_digest(req, "SHA256", form->sha256, digests->sha256, SHA256_SIZE)) ||
        (rc = check_digest(req, "BLAKE2", form->blake2, digests->blake2b, BLAKE2B_SIZE)))
        return rc;
    return check_digest(req, "MD5", md5, digests->md5, MD5_SIZE);
}

static enum status check_file_name(struct request *req, struct upload *up, struct wheel_name *wheel)
{
    const char *file = up->form.file_name, *type = up->form.file_type ? up->form.file_type : "";
    struct sdist_name sdist;
    enum status rc;

    up->is_wheel = file_name_is_wheel(file);
    if (!up->is_wheel && !file_name_is_sdist(file))
        return fail(&req->error, STATUS_INVALID, "invalid-filename",
                    "Invalid file extension: '%.200s' is neither .whl nor .tar.gz", file);
    if (strcmp(type, up->is_wheel ? "bdist_wheel" : "sdist"))
        return fail(&req->error, STATUS_INVALID, "invalid-form",
                    "The filetype '%.40s' is not that of '%.200s'", type, file);
    if (!up->is_wheel)
        return (rc = sdist_name_parse(file, req->arena, &sdist, &req->error))
                   ? rc
                   : sdist_name_check(&sdist, up->project, up->form.version, req->arena,
                                      &req->error);
    if ((rc = wheel_name_parse(file, req->arena, wheel, &req->error)))
        return rc;
    return wheel_name_check(wheel, up->project, up->form.version, req->arena, &req->error);
}

static enum status contradiction(struct request *req, const char *field, const char *archive,
                                 const char *form)
{
    return fail(&req->error, STATUS_INVALID, "metadata-mismatch",
                "The wheel's METADATA says %s '%.150s', the form '%.150s'", field, archive, form);
}

static enum status check_metadata(struct request *req, struct upload *up, const struct strbuf *text)
{
    struct core_metadata metadata;
    struct pypi_version archive, form;
    enum status rc;

    if ((rc = core_metadata_parse(text->data, text->length, req->arena, &metadata, &req->error)))
        return rc;
    if (strcmp(project_name_normalize(req->arena, metadata.name), up->project))
        return contradiction(req, "Name", metadata.name, up->form.name);
    if (!pypi_version_parse(metadata.version, &archive) ||
        !pypi_version_parse(up->form.version, &form) || pypi_version_compare(&archive, &form))
        return contradiction(req, "Version", metadata.version, up->form.version);
    strbuf_clear(&up->version);
    pypi_version_text(&archive, &up->version); /* equal, yet maybe spelled 1.0 for 1.0.0 */
    up->requires_python = metadata.requires_python;
    return STATUS_OK;
}

/* PEP 658: the METADATA, byte for byte, is a file of its own. */
static enum status stage_metadata(struct request *req, struct upload *up,
                                  const struct wheel_name *wheel)
{
    struct strbuf text;
    enum status rc;

    if ((rc = wheel_read_metadata(stage_fd(up->form.stage), stage_size(up->form.stage), wheel,
                                  req->service->settings, req->arena, &text, &req->error)) ||
        (rc = check_metadata(req, up, &text)))
        return rc;
    if ((rc = catalog_stage(req->service->catalog, (int64_t)text.length, 0, &up->sidecar,
                            &req->error)))
        return rc;
    if ((rc = stage_write(up->sidecar, text.data, text.length, &req->error)))
        return rc;
    return stage_end(up->sidecar, &req->error);
}

/* What the page tells of the file besides its row. */
static const char *describe(struct request *req, const struct upload *up)
{
    char sha256[DIGEST_HEX_MAX];
    struct strbuf meta;

    strbuf_init(&meta, req->arena, META_MAX);
    strbuf_char(&meta, '{');
    if (up->sidecar) {
        digest_hex(stage_digests(up->sidecar)->sha256, SHA256_SIZE, sha256);
        strbuf_format(&meta, "\"metadata_sha256\":\"%s\"", sha256);
    }
    if (up->requires_python) {
        strbuf_format(&meta, "%s\"requires_python\":", up->sidecar ? "," : "");
        strbuf_json(&meta, up->requires_python);
    }
    strbuf_char(&meta, '}');
    return strbuf_failed(&meta) ? NULL : meta.data;
}

static enum status file_exists(struct request *req, const struct upload *up,
                               const struct publication *publication)
{
    char *sha256 = arena_alloc(req->arena, DIGEST_HEX_MAX);

    digest_hex(publication->existing_sha256, SHA256_SIZE, sha256);
    request_fact(req, "existing_sha256", sha256);
    return fail(&req->error, STATUS_CONFLICT, "file-exists", "File already exists (%s)",
                up->form.file_name);
}

static enum status publish(struct request *req, const struct upload *up)
{
    const struct publication_file files[] = {
        {up->form.file_name, FILE_MAIN,           describe(req, up),  up->form.stage},
        { arena_format(req->arena,     "%s.metadata", up->form.file_name), FILE_SIDECAR, NULL,
         up->sidecar},
    };
    const struct actor actor = {req->principal, req->peer, req->id};
    struct publication publication = {
        .repository = req->repository,
        .actor = &actor,
        .format = FORMAT_PYPI,
        .name = up->form.name,
        .name_norm = up->project,
        .version = up->version.data,
        .sort_key = up->sort_key.data,
        .sort_key_length = up->sort_key.length,
        .equal_keys_are_one = true,
        .files = files,
        .file_count = up->sidecar ? 2 : 1,
    };
    enum status rc;

    if (!files[0].meta)
        return invalid(req, "invalid-metadata", "Requires-Python is too long");
    rc = catalog_publish(req->service->catalog, &publication, &req->error);
    if (rc != STATUS_CONFLICT)
        return rc;
    if (publication.conflict)
        return file_exists(req, up, &publication);
    /* A name that is not ours: 409 would mean to twine --skip-existing that the file is there. */
    req->error.status = STATUS_FORBIDDEN;
    return STATUS_FORBIDDEN;
}

static enum status check_upload(struct request *req, struct upload *up)
{
    struct wheel_name wheel;
    enum status rc;

    if ((rc = check_fields(req, up)) || (rc = check_access(req, up)) ||
        (rc = check_digests(req, &up->form)) || (rc = check_file_name(req, up, &wheel)) ||
        (rc = publish_check_name(req, FORMAT_PYPI, up->form.name, up->project)))
        return rc;
    up->requires_python = up->form.requires_python; /* an sdist's, whose archive is not read */
    return up->is_wheel ? stage_metadata(req, up, &wheel) : STATUS_OK;
}

/* 200 is what every client takes for success; a redirect would lose the upload. */
enum status pypi_post_upload(struct request *req, struct response *res)
{
    struct upload up = {0};
    bool is_done;
    enum status rc;

    if ((rc = upload_form_read(req, &up.form)))
        goto done;
    if ((rc = check_action(req, up.form.action, &is_done)))
        goto done;
    if (!is_done && ((rc = check_upload(req, &up)) || (rc = publish(req, &up))))
        goto done;
    rc = respond_text(req, res, 200, "text/plain; charset=utf-8", "OK\n");
done:
    stage_close(up.sidecar);
    stage_close(up.form.stage);
    return rc;
}
