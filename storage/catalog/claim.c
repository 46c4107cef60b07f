#include "storage/catalog/home_map.h"
#include "storage/catalog/reading.h"
#include "storage/catalog/writer.h"
#include "storage/memory/arena.h"
#include "storage/memory/glob.h"
#include "storage/memory/strbuf.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PATTERN_MAX = 214, OWNED_MAX = 10000, NAMED_MAX = 5 };

const char *claim_fold(enum format format, const char *pattern, struct arena *arena)
{
    char *text = arena_copy(arena, pattern);

    format_fold(format, text);
    return text;
}

bool claim_covers(const struct claim *claim, enum format format, const char *name_fold)
{
    char pattern[PATTERN_MAX + 1];

    if (claim->format && claim->format != format)
        return false;
    snprintf(pattern, sizeof pattern, "%s", claim->pattern);
    format_fold(format, pattern); /* one for every format was folded for none in particular */
    return glob_matches(pattern, name_fold);
}

static enum status check_pattern(const char *pattern, struct error *err)
{
    size_t literal = strcspn(pattern, "*");

    if (!*pattern || strlen(pattern) > PATTERN_MAX)
        return fail(err, STATUS_INVALID, "invalid-glob", "a claim has 1 to %d characters", PATTERN_MAX);
    for (const char *at = pattern; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("@/-_.*~!'()", *at))
            return fail(err, STATUS_INVALID, "invalid-glob", "%s: no name matches this", pattern);
    for (size_t i = 0; i < literal; i++)
        if (isalnum((unsigned char)pattern[i]))
            return STATUS_OK;
    return fail(err, STATUS_INVALID, "invalid-glob",
                "%s: a claim begins with a letter or digit of the names that it is for", pattern);
}

struct claiming {
    const struct actor *actor;
    int64_t org_id;
    struct claim claim;
    bool take;
    struct arena *arena;
    struct owner *owned;
    size_t owned_count;
};

/* Names of one format that begin as the pattern does, and are an upstream's. */
static enum status find_owned(struct transaction *tx, struct claiming *claiming, enum format format,
                              struct error *err)
{
    static const char FIND[] = "SELECT o.name_fold, r.name, o.since_us FROM owner o"
                               " JOIN repository r ON r.id = o.upstream_id WHERE o.org_id = ?1"
                               " AND o.format = ?2 AND o.name_fold >= ?3 AND o.name_fold < ?4";
    struct arena *arena = claiming->arena;
    const char *pattern = claim_fold(format, claiming->claim.pattern, arena);
    char *from = arena_copy_bytes(arena, pattern, strcspn(pattern, "*"));
    struct query *query = db_query(tx->db, FIND);
    enum status rc;

    db_bind_int(query, 1, claiming->org_id);
    db_bind_int(query, 2, format);
    db_bind_text(query, 3, from);
    db_bind_text(query, 4, arena_format(arena, "%s\x7f", from));
    while (!(rc = db_next_row(query, err)))
        if (claim_covers(&claiming->claim, format, db_text(query, 0)) &&
            claiming->owned_count < OWNED_MAX)
            claiming->owned[claiming->owned_count++] = (struct owner){
                .format = format,
                .name_fold = arena_copy(arena, db_text(query, 0)),
                .upstream = arena_copy(arena, db_text(query, 1)),
                .since_us = db_int(query, 2),
            };
    return reading_list_end(rc);
}

static enum status take_name(struct transaction *tx, const struct claiming *claiming,
                             const struct owner *owned, struct error *err)
{
    static const char TAKE[] = "UPDATE owner SET upstream_id = NULL, since_us = ?4"
                               " WHERE org_id = ?1 AND format = ?2 AND name_fold = ?3";
    struct query *query = db_query(tx->db, TAKE);

    db_bind_int(query, 1, claiming->org_id);
    db_bind_int(query, 2, owned->format);
    db_bind_text(query, 3, owned->name_fold);
    db_bind_int(query, 4, tx->now_us);
    return db_run(query, err);
}

static enum status refuse_owned(const struct claiming *claiming, struct error *err)
{
    char names[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < claiming->owned_count && i < NAMED_MAX && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s:%s", i ? ", " : "",
                                 format_name(claiming->owned[i].format), claiming->owned[i].name_fold);
    return fail(err, STATUS_CONFLICT, "owned-by-upstreams",
                "%zu names that %s matches belong to upstreams: %s%s. Take them with --take",
                claiming->owned_count, claiming->claim.pattern, names,
                claiming->owned_count > NAMED_MAX ? " …" : "");
}

static enum status insert_claim(struct transaction *tx, void *argument, struct error *err)
{
    static const char INSERT[] = "INSERT INTO claim(org_id, format, pattern, created_us)"
                                 " VALUES(?1, ?2, ?3, ?4)";
    struct claiming *claiming = argument;
    const struct claim *claim = &claiming->claim;
    struct query *query;
    struct strbuf detail;
    enum status rc;

    claiming->owned_count = 0;
    for (enum format format = FORMAT_NPM; format <= FORMAT_PYPI; format++)
        if ((!claim->format || claim->format == format) &&
            (rc = find_owned(tx, claiming, format, err)))
            return rc;
    if (claiming->owned_count && !claiming->take)
        return refuse_owned(claiming, err);
    query = db_query(tx->db, INSERT);
    db_bind_int(query, 1, claiming->org_id);
    db_bind_int(query, 2, claim->format);
    db_bind_text(query, 3, claim->pattern);
    db_bind_int(query, 4, tx->now_us);
    if ((rc = name_taken(db_run(query, err), "the claim", claim->pattern, err)))
        return rc;
    for (size_t i = 0; i < claiming->owned_count; i++)
        if ((rc = take_name(tx, claiming, &claiming->owned[i], err)))
            return rc;
    tx_home_changed(tx, claiming->org_id);
    strbuf_init(&detail, claiming->arena, 256);
    strbuf_format(&detail, "{\"format\":%s%s%s,\"taken\":%zu}", claim->format ? "\"" : "",
                  claim->format ? format_name(claim->format) : "null", claim->format ? "\"" : "",
                  claiming->owned_count);
    return tx_record(tx, claiming->actor, claiming->org_id, "claim.added", claim->pattern, detail.data, err);
}

enum status catalog_add_claim(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                              enum format format, const char *pattern, bool take,
                              struct arena *arena, struct owner **owned, size_t *owned_count,
                              struct error *err)
{
    struct claiming claiming = {.actor = actor, .org_id = org_id, .take = take, .arena = arena};
    enum status rc;

    *owned = NULL;
    *owned_count = 0;
    if (format == FORMAT_ARTIFACT)
        return fail(err, STATUS_INVALID, "invalid-value", "artifacts have no names outside");
    if ((rc = check_pattern(pattern, err)))
        return rc;
    claiming.claim = (struct claim){.format = format, .pattern = claim_fold(format, pattern, arena)};
    claiming.owned = arena_array(arena, OWNED_MAX, sizeof *claiming.owned);
    rc = writer_run(catalog_writer(catalog), insert_claim, &claiming, NULL, 0, err);
    *owned = claiming.owned;
    *owned_count = claiming.owned_count;
    return rc;
}

static enum status delete_claim(struct transaction *tx, void *argument, struct error *err)
{
    static const char DELETE[] = "DELETE FROM claim WHERE org_id = ?1 AND format = ?2 AND pattern = ?3";
    struct claiming *claiming = argument;
    struct query *query = db_query(tx->db, DELETE);
    enum status rc;

    db_bind_int(query, 1, claiming->org_id);
    db_bind_int(query, 2, claiming->claim.format);
    db_bind_text(query, 3, claiming->claim.pattern);
    if ((rc = db_run(query, err)))
        return rc;
    if (!db_changes(tx->db))
        return fail(err, STATUS_NOT_FOUND, "no-such-claim", "there is no claim %s", claiming->claim.pattern);
    tx_home_changed(tx, claiming->org_id);
    return tx_record(tx, claiming->actor, claiming->org_id, "claim.removed", claiming->claim.pattern,
                     "{}", err);
}

enum status catalog_remove_claim(struct catalog *catalog, const struct actor *actor, int64_t org_id,
                                 enum format format, const char *pattern, struct error *err)
{
    struct arena *arena = arena_new();
    struct claiming claiming = {.actor = actor, .org_id = org_id};
    enum status rc;

    claiming.claim = (struct claim){.format = format, .pattern = claim_fold(format, pattern, arena)};
    rc = writer_run(catalog_writer(catalog), delete_claim, &claiming, NULL, 0, err);
    arena_free(arena);
    return rc;
}

enum status catalog_list_claims(struct catalog *catalog, int64_t org_id, struct arena *arena,
                                struct claim **out, size_t *count, struct error *err)
{
    const struct org_homes *homes;
    enum status rc;

    *count = 0;
    if ((rc = home_map_get(catalog, org_id, &homes, err)))
        return rc;
    *out = arena_array(arena, homes->claim_count + 1, sizeof **out);
    for (; *count < homes->claim_count; ++*count) {
        (*out)[*count] = homes->claims[*count];
        (*out)[*count].pattern = arena_copy(arena, homes->claims[*count].pattern);
    }
    org_homes_release(homes);
    return STATUS_OK;
}
