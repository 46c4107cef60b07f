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

/* The members of a manifest that facts are made of: of those that come twice, the last. */
struct members {
    struct npm_value license, licenses, has_install_script, scripts, gypfile, deprecated, user,
        dist;
};

static enum status see_member(void *context, const char *key, struct npm_value value,
                              struct error *err)
{
    struct members *members = context;
    const struct {
        const char *key;
        struct npm_value *value;
    } wanted[] = {
        {"license",          &members->license           },
        {"licenses",         &members->licenses          },
        {"hasInstallScript", &members->has_install_script},
        {"scripts",          &members->scripts           },
        {"gypfile",          &members->gypfile           },
        {"deprecated",       &members->deprecated        },
        {"_npmUser",         &members->user              },
        {"dist",             &members->dist              },
    };

    (void)err;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strcmp(key, wanted[i].key))
            *wanted[i].value = value;
    return STATUS_OK;
}

static bool is_kind(struct npm_value value, char opening)
{
    return value.text && *value.text == opening;
}

static struct npm_value inside(struct npm_value object, const char *key)
{
    return is_kind(object, '{') ? npm_value_get(object.text, object.length, key)
                                : (struct npm_value){0};
}

/* A text, or as packages of long ago had it, an object with a type. */
static const char *license_of(const struct members *members, struct arena *arena)
{
    if (is_kind(members->license, '{'))
        return npm_value_text(inside(members->license, "type"), arena);
    return npm_value_text(members->license, arena);
}

void npm_facts_scripts(struct npm_value scripts, bool has_gyp, struct arena *arena,
                       struct facts *out)
{
    static const char *const names[] = {"preinstall", "install", "postinstall"};
    const char **list = arena_array(arena, 4, sizeof *list);

    out->script_count = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = npm_value_text(inside(scripts, names[i]), arena);

        if (text && *text)
            list[out->script_count++] = arena_format(arena, "%s: %s", names[i], text);
    }
    /* npm's own, for what has to be compiled. */
    if (has_gyp && !inside(scripts, "install").text && !inside(scripts, "preinstall").text)
        list[out->script_count++] = "install: node-gyp rebuild";
    out->scripts = list;
    out->install_scripts = out->script_count ? FACT_YES : FACT_NO;
}

/* As pnpm ranks it: who approved a release, or what published it, is stronger than a password. */
static enum trust trust_of(const struct members *members, bool has_provenance)
{
    if (inside(members->user, "approver").text)
        return TRUST_APPROVER;
    if (inside(members->user, "trustedPublisher").text)
        return TRUST_PUBLISHER;
    if (has_provenance)
        return TRUST_PROVENANCE;
    return members->user.text ? TRUST_NONE : TRUST_UNKNOWN;
}

/* An enumeration of what is missing would be a downgrade of all who never had it. */
static void read_facts(const struct members *members, const struct npm_listing *listing,
                       struct arena *arena, struct facts *out)
{
    struct npm_value attestations = inside(members->dist, "attestations");
    bool has_provenance = inside(attestations, "provenance").text;
    struct npm_value size = inside(members->dist, "unpackedSize");
    struct digests digests;

    out->license = license_of(members, arena);
    npm_facts_scripts(members->scripts, npm_value_is(members->gypfile, "true"), arena, out);
    if (!out->script_count && npm_value_is(members->has_install_script, "true")) {
        out->install_scripts = FACT_YES;
        out->scripts = NULL; /* that there are some is all that is said */
    }
    out->deprecated = members->deprecated.text && !npm_value_is(members->deprecated, "false") &&
                              !npm_value_is(members->deprecated, "\"\"")
                          ? FACT_YES
                          : FACT_NO;
    out->provenance = has_provenance ? PROVENANCE_PRESENT : PROVENANCE_NONE;
    out->trust = trust_of(members, has_provenance);
    out->publisher = npm_value_text(inside(members->user, "name"), arena);
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
    struct members members = {0};
    struct facts *added;
    enum status rc;

    if ((rc = npm_each_member(listing->manifest, listing->manifest_length, see_member, &members,
                              err)))
        return rc;
    added = facts_list_add(facts->out);
    added->format = FORMAT_NPM;
    added->name = facts->packument->name;
    added->version = arena_copy(arena, version->key);
    added->file = npm_tarball_name(facts->packument->name, version->key, arena);
    added->published_us = npm_upstream_time(facts->packument, version->key, 0);
    read_facts(&members, listing, arena, added);
    if (!facts->upstream) { /* first seen when it was published: nothing of it was there before */
        added->first_seen_us = added->published_us;
        return STATUS_OK;
    }
    added->upstream = facts->upstream->name;
    if (npm_is_signed(inside(members.dist, "signatures")))
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
    .list = list_facts,
    .list_local = list_local,
};
