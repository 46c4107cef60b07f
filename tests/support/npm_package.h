/* npm packages made by hand, for tests: tarballs, and the bodies that publish them. */
#pragma once
#include "storage/blobs/digest.h"
#include "storage/memory/arena.h"
#include "storage/memory/gzip.h"
#include "storage/memory/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NPM_TEST_BODY_MAX = 8 << 20 };

/* Adds a member in POSIX ustar: type '0' is a file, '2' a link to content. */
static inline void npm_tar_add(struct strbuf *tar, const char *path, char type, const char *content)
{
    static const char zeros[512];
    size_t size = type == '0' ? strlen(content) : 0;
    char head[512] = {0};
    unsigned sum = 0;

    snprintf(head, 100, "%s", path);
    snprintf(head + 100, 8, "0000644");
    snprintf(head + 108, 8, "0000000");
    snprintf(head + 116, 8, "0000000");
    snprintf(head + 124, 12, "%011o", (unsigned)size);
    snprintf(head + 136, 12, "00000000000");
    memset(head + 148, ' ', 8);
    head[156] = type;
    if (type == '2')
        snprintf(head + 157, 100, "%s", content);
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < sizeof head; i++)
        sum += (unsigned char)head[i];
    snprintf(head + 148, 8, "%06o", sum);
    strbuf_bytes(tar, head, sizeof head);
    strbuf_bytes(tar, content, size);
    strbuf_bytes(tar, zeros, (512 - size % 512) % 512);
}

/* The gzip of a finished tar, in the arena. */
static inline const char *npm_tar_gzip(struct strbuf *tar, struct arena *arena, size_t *length)
{
    static const char zeros[1024];
    char *gzip, *copy;

    strbuf_bytes(tar, zeros, sizeof zeros);
    gzip = gzip_compress(tar->data, tar->length, length);
    copy = arena_copy_bytes(arena, gzip, *length);
    free(gzip);
    return copy;
}

/* A tarball of a package.json and nothing else. */
static inline const char *npm_tarball_of(const char *package_json, struct arena *arena,
                                         size_t *length)
{
    struct strbuf tar;

    strbuf_init(&tar, arena, NPM_TEST_BODY_MAX);
    npm_tar_add(&tar, "package/package.json", '0', package_json);
    return npm_tar_gzip(&tar, arena, length);
}

/* An attachment's value, with its tarball in base64. */
static inline const char *npm_attachment_of(const char *tarball, size_t length, struct arena *arena)
{
    struct strbuf out;

    strbuf_init(&out, arena, NPM_TEST_BODY_MAX);
    strbuf_text(&out, "{\"content_type\":\"application/octet-stream\",\"data\":\"");
    strbuf_base64(&out, tarball, length);
    strbuf_format(&out, "\",\"length\":%zu}", length);
    return out.data;
}

/* What npm sends for a package.json: members is ',"key":value' or "". */
static inline const char *npm_body_of(const char *name, const char *version, const char *members,
                                      const char *tag, struct arena *arena)
{
    const char *package_json =
        arena_format(arena, "{\"name\":\"%s\",\"version\":\"%s\"%s}", name, version, members);
    size_t length;
    const char *tarball = npm_tarball_of(package_json, arena, &length);
    struct digester *digester = digester_new(DIGEST_SHA512 | DIGEST_SHA1);
    struct digests digests;
    struct strbuf out;

    digester_update(digester, tarball, length);
    digester_finish(digester, &digests);
    digester_free(digester);
    strbuf_init(&out, arena, NPM_TEST_BODY_MAX);
    strbuf_format(&out, "{\"_id\":\"%s\",\"name\":\"%s\",\"dist-tags\":{\"%s\":\"%s\"}", name, name,
                  tag, version);
    strbuf_format(&out, ",\"versions\":{\"%s\":{\"name\":\"%s\",\"version\":\"%s\"%s", version,
                  name, version, members);
    strbuf_text(&out, ",\"dist\":{\"tarball\":\"http://elsewhere/x.tgz\",\"shasum\":\"");
    strbuf_hex(&out, digests.sha1, SHA1_SIZE);
    strbuf_text(&out, "\",\"integrity\":\"sha512-");
    strbuf_base64(&out, digests.sha512, SHA512_SIZE);
    strbuf_format(&out, "\"}}},\"access\":null,\"_attachments\":{\"%s-%s.tgz\":%s}}", name, version,
                  npm_attachment_of(tarball, length, arena));
    return out.data;
}
