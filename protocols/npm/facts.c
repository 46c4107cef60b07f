/* What an upstream's packument says of its versions, as facts for policy: access spec C2. */
#include "protocols/http/gathered_facts.h"
#include "protocols/npm/keys.h"
#include "protocols/npm/local.h"
#include "protocols/npm/member.h"
#include "protocols/npm/name.h"
#include "protocols/npm/signature.h"
#include "protocols/npm/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/stream.h"

#include <stdlib.h>
#include <string.h>

static bool is_kind(struct npm_value value, char opening)
{
    return value.text && *value.text == opening;
}

static struct npm_value inside(struct npm_value object, const char *key)
{
    struct npm_value found;

    npm_value_pick(object, &key, 1, &found);
    return found;
}

/* A text, or as packages of long ago had it, an object with a type. */
static const char *license_of(const struct npm_listing *listing, struct arena *arena)
{
    if (is_kind(listing->license, '{'))
        return npm_value_text(inside(listing->license, "type"), arena);
    return npm_value_text(listing->license, arena);
}

static const char *const no_scripts[] = {NULL};

void npm_facts_scripts(struct npm_value scripts, bool has_gyp, struct arena *arena,
                       struct facts *out)
{
    static const char *const names[] = {"preinstall", "install", "postinstall"};
    enum { NAMES = sizeof names / sizeof *names, INSTALL = 1 };
    struct npm_value found[NAMES];
    const char **list = NULL;

    npm_value_pick(scripts, names, NAMES, found);
    if (has_gyp || found[0].text || found[1].text || found[2].text)
        list = arena_array(arena, NAMES + 1, sizeof *list);
    out->script_count = 0;
    for (size_t i = 0; i < NAMES; i++) {
        const char *text = npm_value_text(found[i], arena);

        if (text && *text)
            list[out->script_count++] = arena_format(arena, "%s: %s", names[i], text);
    }
    /* npm's own, for what has to be compiled. */
    if (has_gyp && !found[INSTALL].text && !found[0].text)
        list[out->script_count++] = "install: node-gyp rebuild";
    out->scripts = list ? list : no_scripts;
    out->install_scripts = out->script_count ? FACT_YES : FACT_NO;
}

/* As pnpm ranks it: who approved a release, or what published it, is stronger than a password. */
static void read_publisher(struct npm_value user, bool has_provenance, struct arena *arena,
                           struct facts *out)
{
    static const char *const keys[] = {"name", "approver", "trustedPublisher"};
    struct npm_value found[3];

    npm_value_pick(user, keys, 3, found);
    out->publisher = npm_value_text(found[0], arena);
    if (found[1].text)
        out->trust = TRUST_APPROVER;
    else if (found[2].text)
        out->trust = TRUST_PUBLISHER;
    else if (has_provenance)
        out->trust = TRUST_PROVENANCE;
    else
        out->trust = user.text ? TRUST_NONE : TRUST_UNKNOWN;
}

/* An enumeration of what is missing would be a downgrade of all who never had it. */
static void read_facts(const struct npm_listing *listing, struct arena *arena, struct facts *out)
{
    bool has_provenance = inside(listing->attestations, "provenance").text;
    struct npm_value size = listing->unpacked_size, deprecated = listing->deprecated;
    struct digests digests;

    out->license = license_of(listing, arena);
    npm_facts_scripts(listing->scripts, npm_value_is(listing->gypfile, "true"), arena, out);
    if (!out->script_count && npm_value_is(listing->has_install_script, "true")) {
        out->install_scripts = FACT_YES;
        out->scripts = NULL; /* that there are some is all that is said */
    }
    out->deprecated = deprecated.text && !npm_value_is(deprecated, "false") &&
                              !npm_value_is(deprecated, "\"\"")
                          ? FACT_YES
                          : FACT_NO;
    out->provenance = has_provenance ? PROVENANCE_PRESENT : PROVENANCE_NONE;
    read_publisher(listing->user, has_provenance, arena, out);
    if (size.text && size.length < 16)
        out->size_bytes = strtoll(arena_copy_bytes(arena, size.text, size.length), NULL, 10);
    npm_listing_digests(listing, &digests);
    facts_set_digests(out, &digests, arena);
}

struct listing_facts {
    const struct upstream *upstream; /* NULL: published here */
    const struct npm_upstream_packument *packument;
    struct facts_list *out;
    bool any_is_signed;
};

static enum status add_version(void *context, const struct npm_entry *version,
                               const struct npm_listing *listing, struct error *err)
{
    struct listing_facts *facts = context;
    struct arena *arena = facts->out->arena;
    struct facts *added = facts_list_add(facts->out);

    (void)err;
    added->format = FORMAT_NPM;
    added->name = facts->packument->name;
    added->version = arena_copy(arena, version->key);
    added->file = npm_tarball_name(facts->packument->name, version->key, arena);
    added->published_us = npm_upstream_time(facts->packument, version->key, 0);
    read_facts(listing, arena, added);
    if (!facts->upstream) { /* first seen when it was published: nothing of it was there before */
        added->first_seen_us = added->published_us;
        return STATUS_OK;
    }
    added->upstream = facts->upstream->name;
    if (npm_is_signed(listing->signatures))
        facts->any_is_signed = true; /* verified with the archive, which is what it is about */
    else
        added->signature = SIGNATURE_MISSING;
    return STATUS_OK;
}

/* An upstream that does not sign lacks nothing. */
static void forget_signatures(struct facts_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        list->list[i].signature = SIGNATURE_UNKNOWN;
}

static enum status list_facts(struct request *req, const struct upstream *upstream,
                              const struct mirror_document *document, const char *name,
                              const void *read, struct facts_list *out, struct error *err)
{
    struct npm_upstream_packument packument;
    struct listing_facts facts = {
        .upstream = upstream, .packument = read ? read : &packument, .out = out};
    struct reader *reader;
    enum status rc;

    if ((!read && (rc = npm_upstream_open_unjudged(req, upstream, document, name, out->arena,
                                                   &packument, err))) ||
        (rc = mirror_read_document(document, &reader, err)))
        return rc;
    rc = npm_upstream_each(facts.packument, reader, add_version, &facts, err);
    reader_close(reader);
    if (!rc && !(facts.any_is_signed && npm_known_keys(req, upstream).text))
        forget_signatures(out);
    out->is_provisional = !rc && facts.any_is_signed && !npm_known_keys(req, upstream).text;
    return rc;
}

static enum status list_local(struct request *req, const struct repository *repository,
                              const char *name, struct facts_list *out, struct error *err)
{
    struct npm_local *local = arena_alloc(out->arena, sizeof *local);
    struct listing_facts facts = {.packument = &local->packument, .out = out};
    enum status rc = npm_local_read(req, repository, name, out->arena, local, err);

    return rc ? rc
              : npm_upstream_each(&local->packument, npm_local_reader(local), add_version, &facts,
                                  err);
}

const struct verdict_format npm_verdict_format = {
    .format = FORMAT_NPM,
    .kind = DOCUMENT_NPM_VERDICTS,
    .facts_kind = DOCUMENT_NPM_FACTS,
    .list = list_facts,
    .list_local = list_local,
};
