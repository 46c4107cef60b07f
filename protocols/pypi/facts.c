/* What an upstream's page says of its files, as facts for policy: access spec C2. */
#include "config/clock.h"
#include "protocols/http/document_cache.h"
#include "protocols/pypi/core_metadata.h"
#include "protocols/pypi/listing.h"
#include "protocols/pypi/pypi.h"
#include "protocols/pypi/wheel_name.h"
#include "storage/catalog/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <string.h>

static const char *best_digest(const struct listed_file *listed, struct arena *arena)
{
    const struct digests *digests = &listed->file.digests;
    char hex[DIGEST_HEX_MAX];

    if (*listed->sha256)
        return arena_format(arena, "sha256:%s", listed->sha256);
    if (digests->kinds & DIGEST_SHA512) {
        digest_hex(digests->sha512, SHA512_SIZE, hex);
        return arena_format(arena, "sha512:%s", hex);
    }
    if (digests->kinds & DIGEST_MD5) {
        digest_hex(digests->md5, MD5_SIZE, hex);
        return arena_format(arena, "md5:%s", hex);
    }
    return NULL;
}

/* Of a version that has no wheel, installing runs its build code. */
static bool has_wheel(const struct listing *listing, const char *version)
{
    for (size_t i = 0; i < listing->count; i++)
        if (file_name_is_wheel(listing->files[i].file.name) &&
            !strcmp(listing->files[i].file.version, version))
            return true;
    return false;
}

static void add_file(const struct listing *listing, const struct listed_file *listed,
                     const char *project, const struct upstream *upstream, struct facts_list *out)
{
    const struct upstream_file *file = &listed->file;
    int64_t uploaded_us = file->uploaded ? clock_parse_iso(file->uploaded) : 0;
    struct facts *facts = facts_list_add(out);

    facts->format = FORMAT_PYPI;
    facts->name = project;
    facts->version = file->version;
    facts->file = file->name;
    facts->upstream = upstream->name;
    facts->published_us = uploaded_us > 0 ? uploaded_us : 0;
    facts->digests[0] = best_digest(listed, out->arena);
    facts->size_bytes = file->size > 0 ? file->size : 0;
    facts->yanked = file->yanked ? FACT_YES : FACT_NO;
    if (file_name_is_wheel(file->name))
        facts->sdist_only = FACT_NO;
    else
        facts->sdist_only = has_wheel(listing, file->version) ? FACT_NO : FACT_YES;
}

static enum status list_facts(struct request *req, const struct upstream *upstream,
                              const struct mirror_document *document, const char *name,
                              const void *read, struct facts_list *out, struct error *err)
{
    const struct listing *listing = read;
    struct listing own;
    enum status rc = STATUS_OK;

    if (!listing) {
        listing = &own;
        rc = listing_read(req, upstream, document, name, NULL, &own, err);
    }
    for (size_t i = 0; !rc && i < listing->count; i++)
        add_file(listing, &listing->files[i], name, upstream, out);
    return rc;
}

const struct verdict_format pypi_verdict_format = {
    .format = FORMAT_PYPI, .kind = DOCUMENT_PYPI_VERDICTS, .list = list_facts};

const char *pypi_archive_facts(const struct mirror_wish *wish, const struct core_metadata *metadata,
                               struct arena *arena)
{
    const struct facts facts = {.format = FORMAT_PYPI,
                                .name = wish->name,
                                .version = wish->version,
                                .file = wish->file,
                                .license = metadata->license};
    struct strbuf text;

    if (!metadata->license)
        return NULL;
    strbuf_init(&text, arena, FACTS_JSON_MAX);
    facts_write(&facts, &text);
    return text.data;
}
