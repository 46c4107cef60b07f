#include "protocols/artifacts/artifact.h"

#include "protocols/artifacts/digest_field.h"
#include "protocols/artifacts/path.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>
#include <strings.h>

enum { DIGEST_FIELD_MAX = 512 };

static const char *optional_param(const struct request *req, const char *name)
{
    for (size_t i = 0; i < req->param_count; i++)
        if (!strcmp(req->params[i].name, name))
            return req->params[i].value;
    return "";
}

enum status artifact_locate(struct request *req, struct artifact *out, struct error *err)
{
    enum status rc;

    *out = (struct artifact){
        .package = optional_param(req, "package"),
        .version = optional_param(req, "version"),
        .path = optional_param(req, "path"),
    };
    if (!artifact_package_is_valid(out->package))
        return fail(
            err, STATUS_INVALID, "invalid-path",
            "a package's name has 1 to 128 of the characters A-Z a-z 0-9 . _ + - and begins "
            "with a letter or digit");
    if (*out->version == '@' && req->method != METHOD_PUT)
        return fail(err, STATUS_NOT_FOUND, "", "%s names no version of %s", out->version,
                    out->package);
    if (*out->version && !artifact_version_is_valid(out->version))
        return fail(
            err, STATUS_INVALID, "invalid-path",
            "a version has 1 to 128 of the characters A-Z a-z 0-9 . _ + ~ - and begins with "
            "a letter or digit");
    if (*out->path && (rc = artifact_path_check(out->path, err)))
        return rc;
    out->file = arena_format(req->arena, "%s/%s", out->version, out->path);
    return STATUS_OK;
}

const char *artifact_digest_field(struct request *req, const struct digests *digests,
                                  unsigned kinds)
{
    static const struct {
        enum digest_kind kind;
        const char *name;
    } fields[] = {
        {DIGEST_SHA256, "sha-256"},
        {DIGEST_SHA512, "sha-512"}
    };
    struct strbuf text;

    strbuf_init(&text, req->arena, DIGEST_FIELD_MAX);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t size;
        const uint8_t *digest = digest_of(digests, fields[i].kind, &size);

        if (!(digests->kinds & kinds & fields[i].kind))
            continue;
        strbuf_format(&text, "%s%s=:", text.length ? ", " : "", fields[i].name);
        strbuf_base64(&text, digest, size);
        strbuf_char(&text, ':');
    }
    return text.data;
}

void artifact_digest_headers(struct request *req, struct response *res,
                             const struct digests *digests)
{
    const char *wanted = request_header(req, "Want-Repr-Digest");
    unsigned kinds = DIGEST_SHA256 | (wanted ? digest_field_wanted(wanted) : 0);
    char hex[DIGEST_HEX_MAX];

    digest_hex(digests->sha256, SHA256_SIZE, hex);
    response_header_format(req, res, "ETag", "\"sha256:%s\"", hex);
    response_header(req, res, "Repr-Digest", artifact_digest_field(req, digests, kinds));
    response_header(req, res, "X-Checksum-Sha256", hex);
}

const char *artifact_media_type(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".tgz",  "application/gzip"         },
        {".gz",   "application/gzip"         },
        {".tar",  "application/x-tar"        },
        {".zip",  "application/zip"          },
        {".jar",  "application/java-archive" },
        {".war",  "application/java-archive" },
        {".whl",  "application/zip"          },
        {".xz",   "application/x-xz"         },
        {".bz2",  "application/x-bzip2"      },
        {".zst",  "application/zstd"         },
        {".json", "application/json"         },
        {".xml",  "application/xml"          },
        {".pdf",  "application/pdf"          },
        {".wasm", "application/wasm"         },
        {".txt",  "text/plain; charset=utf-8"},
        {".md",   "text/plain; charset=utf-8"},
        {".log",  "text/plain; charset=utf-8"},
        {".yaml", "text/plain; charset=utf-8"},
        {".yml",  "text/plain; charset=utf-8"},
        {".png",  "image/png"                },
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (!strcasecmp(dot, types[i].ending))
            return types[i].type;
    return "application/octet-stream";
}
