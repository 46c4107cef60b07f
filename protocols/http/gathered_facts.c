#include "protocols/http/gathered_facts.h"

#include "storage/catalog/ingest.h"
#include "storage/catalog/listed.h"
#include "storage/catalog/package.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/mirror.h"

#include <stdlib.h>
#include <string.h>

static int compare_files(const void *a, const void *b)
{
    const struct facts *const *one = a, *const *other = b;

    return strcmp((*one)->file, (*other)->file);
}

static int compare_births(const void *a, const void *b)
{
    const struct facts *const *one = a, *const *other = b;
    int64_t first = facts_born_us(*one), second = facts_born_us(*other);

    if (first != second)
        return first < second ? -1 : 1;
    return strcmp((*one)->file, (*other)->file);
}

static struct facts **in_order(const struct gathered_facts *gathered,
                               int (*compare)(const void *, const void *))
{
    struct facts **list = arena_array(gathered->arena, gathered->facts.count + 1, sizeof *list);

    for (size_t i = 0; i < gathered->facts.count; i++)
        list[i] = &gathered->facts.list[i];
    for (size_t i = 1; i < gathered->facts.count; i++)
        if (compare(&list[i - 1], &list[i]) > 0) {
            qsort(list, gathered->facts.count, sizeof *list, compare);
            break;
        }
    return list;
}

/* Most packages have nothing that is looked for. */
static struct facts *find_facts(struct gathered_facts *gathered, const char *file)
{
    struct facts wanted = {.file = file}, *key = &wanted, **found;

    if (!gathered->by_file)
        gathered->by_file = in_order(gathered, compare_files);
    found = bsearch(&key, gathered->by_file, gathered->facts.count, sizeof key, compare_files);
    return found ? *found : NULL;
}

static const char *hex_digest(const char *kind, const uint8_t *digest, size_t size,
                              struct arena *arena)
{
    char hex[DIGEST_HEX_MAX];

    digest_hex(digest, size, hex);
    return arena_format(arena, "%s:%s", kind, hex);
}

/* NULL: it is not known. */
static const char *digest_text(const struct digests *digests, unsigned kind, struct arena *arena)
{
    struct strbuf sha512;

    if (!(digests->kinds & kind))
        return NULL;
    switch (kind) {
    case DIGEST_SHA256: return hex_digest("sha256", digests->sha256, SHA256_SIZE, arena);
    case DIGEST_SHA1: return hex_digest("sha1", digests->sha1, SHA1_SIZE, arena);
    case DIGEST_MD5: return hex_digest("md5", digests->md5, MD5_SIZE, arena);
    default:
        strbuf_init(&sha512, arena, 128);
        strbuf_text(&sha512, "sha512-");
        strbuf_base64(&sha512, digests->sha512, SHA512_SIZE);
        return sha512.data;
    }
}

static void set_digests(struct facts *facts, const struct digests *digests, bool with_weak,
                        struct arena *arena)
{
    static const unsigned kinds[] = {DIGEST_SHA256, DIGEST_SHA512, DIGEST_SHA1, DIGEST_MD5};
    size_t count = 0;

    memset(facts->digests, 0, sizeof facts->digests);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && (i < 2 || with_weak || !count); i++)
        if (digests->kinds & kinds[i])
            facts->digests[count++] = digest_text(digests, kinds[i], arena);
}

void facts_set_digests(struct facts *facts, const struct digests *digests, struct arena *arena)
{
    set_digests(facts, digests, false, arena);
}

void facts_set_all_digests(struct facts *facts, const struct digests *digests, struct arena *arena)
{
    set_digests(facts, digests, true, arena);
}

/* Whether there is a digest of this one's kind, and another one. */
static bool has_kind(const struct facts *facts, const char *digest, bool *differs)
{
    size_t kind = strcspn(digest, ":-");

    for (size_t i = 0; i < FACTS_DIGESTS_MAX && facts->digests[i]; i++)
        if (!strncmp(facts->digests[i], digest, kind + 1)) {
            *differs |= strcmp(facts->digests[i], digest) != 0;
            return true;
        }
    return false;
}

static void doubt(struct gathered_facts *gathered, const char *file, const char *digest)
{
    gathered->doubts = arena_grow(gathered->arena, gathered->doubts, gathered->doubt_count,
                                  &gathered->doubt_capacity, sizeof *gathered->doubts);
    gathered->doubts[gathered->doubt_count++] = (struct doubt){file, digest};
}

/* What came once and is listed no more can still be asked for by who knows its address. */
static struct facts *add_unlisted(struct gathered_facts *gathered, const char *file,
                                  const struct pin *pin)
{
    struct facts *facts = facts_list_add(&gathered->unlisted);

    facts->format = gathered->subject->how->format;
    facts->name = gathered->subject->name;
    facts->version = arena_copy(gathered->arena, pin->version);
    facts->file = arena_copy(gathered->arena, file);
    facts->upstream = gathered->subject->upstream->name;
    facts->first_seen_us = pin->first_us;
    facts->size_bytes = pin->size;
    return facts;
}

/* C5: the first bytes are the ones that count; a listing that has others by now is told. */
static enum status add_pin(void *context, const char *file, const struct pin *pin,
                           struct error *err)
{
    struct gathered_facts *gathered = context;
    struct facts *facts = find_facts(gathered, file);
    const char *listed[FACTS_DIGESTS_MAX];
    bool differs = false;

    (void)err;
    if (!facts)
        facts = add_unlisted(gathered, file, pin);
    memcpy(listed, facts->digests, sizeof listed);
    facts_set_digests(facts, &pin->digests, gathered->arena);
    for (size_t i = 0; i < FACTS_DIGESTS_MAX && listed[i]; i++)
        if (!has_kind(facts, listed[i], &differs))
            doubt(gathered, facts->file, listed[i]);
    facts->bytes_changed = differs ? FACT_YES : FACT_NO;
    return STATUS_OK;
}

/* An approval may be bound to what a listing said before anybody had the bytes, such as a SHA-1. That
 * counts while it is true of the bytes that are kept. */
static void clear_doubt(struct gathered_facts *gathered, const struct doubt *doubt)
{
    const struct verdict_subject *subject = gathered->subject;
    const struct repository cache = {.id = subject->upstream->id,
                                     .org_id = subject->upstream->org_id};
    unsigned kind = !strncmp(doubt->digest, "sha512-", 7) ? DIGEST_SHA512
                    : !strncmp(doubt->digest, "sha1:", 5) ? DIGEST_SHA1
                                                          : DIGEST_MD5;
    struct facts *facts = find_facts(gathered, doubt->file);
    struct stored_file stored;
    const char *found;
    size_t count = 0;

    if (catalog_find_file(gathered->req->service->catalog, &cache, subject->how->format,
                          subject->name_norm, doubt->file, gathered->arena, &stored, NULL) ||
        !(found = digest_text(&stored.digests, kind, gathered->arena)))
        return;
    while (facts->digests[count])
        count++;
    if (strcmp(found, doubt->digest))
        facts->bytes_changed = FACT_YES;
    else
        facts->digests[count] = found;
}

static enum status add_listed(void *context, const struct listed *listed, struct error *err)
{
    struct gathered_facts *gathered = context;
    struct facts *facts;

    (void)err;
    if (!*listed
              ->file) { /* of all files of the package that no other row is about; it comes first */
        for (size_t i = 0; i < gathered->facts.count; i++) {
            gathered->facts.list[i].absent_us = listed->after_us;
            gathered->facts.list[i].first_seen_us = listed->first_us;
        }
        return STATUS_OK;
    }
    if ((facts = find_facts(gathered, listed->file))) {
        facts->absent_us = listed->after_us;
        facts->first_seen_us = listed->first_us;
    }
    return STATUS_OK;
}

static bool scripts_differ(const struct facts *listed, const struct facts *archive)
{
    if (listed->install_scripts == FACT_YES && !listed->scripts)
        return archive->install_scripts == FACT_NO; /* that there are some is all that is said */
    if (listed->script_count != archive->script_count)
        return true;
    for (size_t i = 0; i < listed->script_count; i++)
        if (strcmp(listed->scripts[i], archive->scripts[i]))
            return true;
    return false;
}

/* A listing may have come to say other things since the archive was read. */
static bool disagrees(const struct facts *listed, const struct facts *archive)
{
    return (listed->license && archive->license && strcmp(listed->license, archive->license)) ||
           (listed->install_scripts && archive->install_scripts && scripts_differ(listed, archive));
}

/* What the archive says wins over what is said of it. */
enum status facts_merge_archive(struct facts *facts, const char *text, struct arena *arena,
                                struct error *err)
{
    struct facts archive;
    bool is_mismatch;

    if (facts_read(text, strlen(text), arena, &archive, err))
        return fail(err, STATUS_INTERNAL, "", "the facts that are kept of %s cannot be read",
                    facts->file);
    is_mismatch = archive.manifest_mismatch == FACT_YES || disagrees(facts, &archive);
    if (archive.license)
        facts->license = archive.license;
    if (archive.install_scripts) {
        facts->install_scripts = archive.install_scripts;
        facts->scripts = archive.scripts;
        facts->script_count = archive.script_count;
    }
    if (archive.signature)
        facts->signature = archive.signature;
    if (archive.manifest_mismatch)
        facts->manifest_mismatch = is_mismatch ? FACT_YES : FACT_NO;
    return STATUS_OK;
}

/* The file that this is beside; NULL: it is beside none. */
static struct facts *find_beside(struct gathered_facts *gathered, const char *file)
{
    const char *suffix = gathered->subject->how->sidecar_suffix;
    size_t length = strlen(file), end = suffix ? strlen(suffix) : 0;

    if (!end || length <= end || strcmp(file + length - end, suffix))
        return NULL;
    return find_facts(gathered, arena_copy_bytes(gathered->arena, file, length - end));
}

/* The rest of what stands beside an archive is compared with it. */
enum status facts_merge_sidecar(struct facts *facts, const char *text, struct arena *arena,
                                struct error *err)
{
    struct facts said = *facts;
    enum status rc = facts_merge_archive(&said, text, arena, err);

    if (!rc && !facts->license)
        facts->license = said.license;
    return rc;
}

static enum status add_archive(void *context, const char *file, const char *text, struct error *err)
{
    struct gathered_facts *gathered = context;
    struct facts *facts = find_facts(gathered, file), *beside = find_beside(gathered, file);

    if (facts)
        return facts_merge_archive(facts, text, gathered->arena, err);
    return beside ? facts_merge_sidecar(beside, text, gathered->arena, err) : STATUS_OK;
}

static enum status gather(struct gathered_facts *gathered, const struct mirror_document *document,
                          struct error *err)
{
    struct catalog *catalog = gathered->req->service->catalog;
    const struct verdict_subject *subject = gathered->subject;
    bool is_known =
        gathered->known && gathered->known->document->generation == document->generation;
    const void *read = is_known ? gathered->known->read : NULL;
    enum format format = subject->how->format;
    int64_t org_id = subject->upstream->org_id;
    enum status rc;

    if ((rc = subject->how->list(gathered->req, subject->upstream, document, subject->name, read,
                                 &gathered->facts, err)))
        return rc;
    if ((rc = catalog_walk_pins(catalog, org_id, format, gathered->name_fold, add_pin, gathered,
                                err)))
        return rc;
    for (size_t i = 0; i < gathered->unlisted.count; i++)
        *facts_list_add(&gathered->facts) = gathered->unlisted.list[i];
    if (gathered->unlisted.count)
        gathered->by_file = NULL; /* they have moved */
    for (size_t i = 0; i < gathered->doubt_count; i++)
        clear_doubt(gathered, &gathered->doubts[i]);
    if ((rc = catalog_walk_listed(catalog, subject->upstream, subject->name_norm, add_listed,
                                  gathered, err)))
        return rc;
    return catalog_walk_archive_facts(catalog, org_id, format, gathered->name_fold, add_archive,
                                      gathered, err);
}

/* Of what is published here the rows are the listing: nothing of it came later, or from elsewhere.
 */
enum status facts_gather(struct gathered_facts *gathered, const struct mirror_document *document,
                         struct error *err)
{
    const struct verdict_subject *subject = gathered->subject;

    return document ? gather(gathered, document, err)
                    : subject->how->list_local(gathered->req, subject->repository, subject->name,
                                               &gathered->facts, err);
}

struct facts **facts_by_birth(const struct gathered_facts *gathered)
{
    return in_order(gathered, compare_births);
}
