#include "protocols/artifacts/assertions.h"

#include "protocols/artifacts/digest_field.h"
#include "protocols/http/chunks.h"
#include "storage/memory/arena.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum encoding { HEX, BASE64, DICTIONARY };

/* Who sends which: RFC 9530; Artifactory's clients; CodeArtifact's; S3's. */
static const struct statement {
    const char *header;
    enum encoding encoding;
    enum digest_kind kind;
} statements[] = {
    {"Repr-Digest",           DICTIONARY, 0            },
    {"Content-Digest",        DICTIONARY, 0            },
    {"X-Checksum-Sha256",     HEX,        DIGEST_SHA256},
    {"X-Checksum-Sha512",     HEX,        DIGEST_SHA512},
    {"X-Checksum-Sha1",       HEX,        DIGEST_SHA1  },
    {"X-Checksum-Md5",        HEX,        DIGEST_MD5   },
    {"X-Checksum",            HEX,        DIGEST_SHA256},
    {"x-amz-checksum-sha256", BASE64,     DIGEST_SHA256},
    {"x-amz-content-sha256",  HEX,        DIGEST_SHA256},
    {"Content-MD5",           BASE64,     DIGEST_MD5   },
};

static const enum digest_kind kinds[] = {DIGEST_SHA256, DIGEST_SHA512, DIGEST_SHA1, DIGEST_MD5};

/* The form of Amazon's header that states nothing. The forms that announce a body cut into signed
 * pieces are no hex, and so are refused: the pieces' frames are not the file. */
static const char UNSIGNED_PAYLOAD[] = "UNSIGNED-PAYLOAD";

static enum status read_digest(const char *where, const char *text, enum encoding encoding,
                               enum digest_kind kind, struct digests *expected, struct error *err)
{
    uint8_t digest[SHA512_SIZE];
    size_t size;

    if (encoding == DICTIONARY)
        return digest_field_read(text, expected, err);
    digest_of(expected, kind, &size);
    if (encoding == HEX ? !digest_parse_hex(text, digest, size)
                        : !digest_parse_base64(text, strlen(text), digest, size))
        return fail(err, STATUS_INVALID, "invalid-digest", "%s is not the %s of %zu bytes", where,
                    encoding == HEX ? "hexadecimal form" : "base64 form", size);
    return digest_expect(expected, kind, digest, err);
}

static enum status read_header(const struct header *header, struct digests *expected,
                               struct error *err)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        const struct statement *statement = &statements[i];

        if (strcasecmp(header->name, statement->header))
            continue;
        if (!strcmp(header->value, UNSIGNED_PAYLOAD) &&
            !strcmp(statement->header, "x-amz-content-sha256"))
            return STATUS_OK;
        return read_digest(statement->header, header->value, statement->encoding, statement->kind,
                           expected, err);
    }
    return STATUS_OK;
}

/* Notes which digests to compute for statements that are to come behind the body. Where trailers
 * cannot be seen, to store the file without a look would break a promise that the client relies on.
 */
static enum status read_announcement(const struct request *req, unsigned *announced,
                                     struct error *err)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        const struct statement *statement = &statements[i];

        if (!request_header_has(req, "Trailer", statement->header))
            continue;
        if (!req->chunks)
            return fail(err, STATUS_INVALID, "trailer-unsupported",
                        "a trailer with %s needs a chunked body, on a connection of its own",
                        statement->header);
        *announced |= statement->encoding == DICTIONARY ? DIGEST_SHA1 | DIGEST_MD5
                                                        : (unsigned)statement->kind;
    }
    return STATUS_OK;
}

static enum status read_length(const struct request *req, int64_t *size, struct error *err)
{
    const char *text = request_header(req, "Upload-Length");
    char *end;
    long long length;

    *size = req->content_length;
    if (!text)
        return STATUS_OK;
    length = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return fail(err, STATUS_INVALID, "length-mismatch", "Upload-Length is not a number");
    if (*size >= 0 && length != *size)
        return fail(err, STATUS_INVALID, "length-mismatch",
                    "Upload-Length and Content-Length differ");
    *size = length;
    return STATUS_OK;
}

enum status assertions_read(const struct request *req, struct assertions *out, struct error *err)
{
    const char *coding = request_header(req, "Content-Encoding");
    const char *match = request_header(req, "If-None-Match");
    const char *sha256 = request_query(req, "sha256");
    enum status rc;

    *out = (struct assertions){.size = -1};
    if (coding && *coding && strcasecmp(coding, "identity"))
        return fail(err, STATUS_UNSUPPORTED, "content-encoding",
                    "a file is stored as it comes, so it is sent without Content-Encoding");
    if ((rc = read_announcement(req, &out->announced, err)))
        return rc;
    for (size_t i = 0; i < req->header_count; i++)
        if ((rc = read_header(&req->headers[i], &out->digests, err)))
            return rc;
    if (sha256 && (rc = read_digest("?sha256=", sha256, HEX, DIGEST_SHA256, &out->digests, err)))
        return rc;
    out->must_be_new = match && !strcmp(match, "*");
    return read_length(req, &out->size, err);
}

enum status assertions_read_trailers(const struct request *req, struct assertions *assertions,
                                     struct error *err)
{
    enum status rc;

    for (size_t i = 0; req->chunks && i < req->chunks->trailer_count; i++)
        if ((rc = read_header(&req->chunks->trailers[i], &assertions->digests, err)))
            return rc;
    return STATUS_OK;
}

static void state_difference(struct request *req, const uint8_t *expected, const uint8_t *actual,
                             size_t size)
{
    char *texts[2];

    for (int i = 0; i < 2; i++) {
        texts[i] = arena_alloc(req->arena, 2 * size + 1);
        digest_hex(i ? actual : expected, size, texts[i]);
    }
    request_fact(req, "expected", texts[0]);
    request_fact(req, "actual", texts[1]);
}

enum status assertions_check(struct request *req, const struct assertions *assertions,
                             const struct digests *actual, int64_t size, struct error *err)
{
    if (assertions->size >= 0 && assertions->size != size) {
        request_fact(req, "expected",
                     arena_format(req->arena, "%lld", (long long)assertions->size));
        request_fact(req, "actual", arena_format(req->arena, "%lld", (long long)size));
        return fail(err, STATUS_INVALID, "length-mismatch", "%lld bytes came, %lld were announced",
                    (long long)size, (long long)assertions->size);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t digest_size;
        const uint8_t *expected = digest_of(&assertions->digests, kinds[i], &digest_size);
        const uint8_t *came = digest_of(actual, kinds[i], &digest_size);

        if (!(assertions->digests.kinds & kinds[i]))
            continue;
        if (!(actual->kinds & kinds[i]))
            return fail(err, STATUS_INVALID, "trailer-unannounced",
                        "a trailer states a digest that the Trailer header has not announced");
        if (!memcmp(expected, came, digest_size))
            continue;
        state_difference(req, expected, came, digest_size);
        return fail(err, STATUS_INVALID, "digest-mismatch",
                    "the bytes that came have another digest than the request states");
    }
    return STATUS_OK;
}

bool assertions_decide(const struct assertions *assertions, const struct digests *stored,
                       int64_t size)
{
    const unsigned strong = DIGEST_SHA256 | DIGEST_SHA512;

    return (assertions->digests.kinds & stored->kinds & strong) &&
           (assertions->size < 0 || assertions->size == size);
}

bool assertions_hold(const struct assertions *assertions, const struct digests *stored)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t size;
        const uint8_t *expected = digest_of(&assertions->digests, kinds[i], &size);

        if ((assertions->digests.kinds & stored->kinds & kinds[i]) &&
            memcmp(expected, digest_of(stored, kinds[i], &size), size))
            return false;
    }
    return true;
}
