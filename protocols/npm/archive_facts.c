/* A tarball's own package.json against what its listing says of it: access spec C2,
 * manifest_mismatch. */
#include "protocols/npm/keys.h"
#include "protocols/npm/member.h"
#include "protocols/npm/signature.h"
#include "protocols/npm/tarball.h"
#include "protocols/npm/upstream.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

static const char *const compared[] = {"scripts", "gypfile", "dependencies", "optionalDependencies",
                                       "license"};

static void add_member(struct strbuf *out, const char *key, struct npm_value value)
{
    if (!value.text)
        return;
    strbuf_format(out, "%c\"%s\":", out->length ? ',' : '{', key);
    strbuf_bytes(out, value.text, value.length);
}

/* Signatures are only looked at for those who have a policy: it costs the upstream's keys. */
static void add_signatures(struct request *req, const struct upstream *upstream,
                           const struct npm_listing *listing, struct strbuf *out)
{
    struct npm_value dist = npm_value_get(listing->manifest, listing->manifest_length, "dist");
    struct npm_value signatures = {0};
    bool is_set = false;

    if (dist.text && *dist.text == '{')
        signatures = npm_value_get(dist.text, dist.length, "signatures");
    if (policy_is_set(req, &is_set, NULL) || !is_set || !npm_is_signed(signatures))
        return;
    add_member(out, "signatures", signatures);
    add_member(out, "integrity", npm_value_get(dist.text, dist.length, "integrity"));
    add_member(out, "keys", npm_known_keys(req, upstream));
}

const struct npm_expectation *npm_expect(struct request *req, const struct upstream *upstream,
                                         const struct npm_listing *listing, int64_t published_us,
                                         size_t *size)
{
    struct npm_expectation *expected;
    struct strbuf text;

    strbuf_init(&text, req->arena, 2 * NPM_MANIFEST_MAX);
    for (size_t i = 0; i < sizeof compared / sizeof *compared; i++)
        add_member(&text, compared[i],
                   npm_value_get(listing->manifest, listing->manifest_length, compared[i]));
    add_signatures(req, upstream, listing, &text);
    strbuf_text(&text, text.length ? "}" : "{}");
    *size = sizeof *expected + text.length;
    expected = arena_alloc(req->arena, *size);
    expected->settings = req->service->settings;
    expected->published_us = published_us;
    expected->length = text.length;
    memcpy(expected->listing, text.data, text.length);
    return expected;
}

/* Two manifests of one version. */
struct side {
    const char *text;
    size_t length;
    struct arena *arena;
};

static struct npm_value get(const struct side *side, const char *key)
{
    return npm_value_get(side->text, side->length, key);
}

static bool has_dependency(const struct side *side, const char *name, struct npm_value range)
{
    static const char *const maps[] = {"dependencies", "optionalDependencies"};
    const char *wanted = npm_value_text(range, side->arena);

    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct npm_value map = get(side, maps[i]), found = {0};
        const char *text;

        if (map.text && *map.text == '{')
            found = npm_value_get(map.text, map.length, name);
        text = npm_value_text(found, side->arena);
        if (text && wanted && !strcmp(text, wanted))
            return true;
    }
    return false;
}

struct comparing {
    const struct side *other;
    bool differs;
};

static enum status look_for(void *context, const char *key, struct npm_value value,
                            struct error *err)
{
    struct comparing *comparing = context;

    (void)err;
    comparing->differs = comparing->differs || !has_dependency(comparing->other, key, value);
    return STATUS_OK;
}

/* npm writes optional dependencies into both maps when it publishes, so each may be in either. */
static bool dependencies_differ(const struct side *one, const struct side *other)
{
    struct npm_value map = get(one, "dependencies");
    struct comparing comparing = {.other = other};

    if (!map.text || *map.text != '{')
        return false;
    return npm_each_last_member(map.text, map.length, look_for, &comparing, NULL) ||
           comparing.differs;
}

static bool texts_differ(const char *a, const char *b)
{
    return a && b && strcmp(a, b);
}

static bool scripts_differ(const struct facts *a, const struct facts *b)
{
    if (a->script_count != b->script_count)
        return true;
    for (size_t i = 0; i < a->script_count; i++)
        if (strcmp(a->scripts[i], b->scripts[i]))
            return true;
    return false;
}

static enum signature judge_signature(const struct side *listing, const struct mirror_wish *wish,
                                      int64_t published_us)
{
    const struct npm_signed what = {
        .name = wish->name,
        .version = wish->version,
        .integrity = npm_value_text(get(listing, "integrity"), listing->arena),
        .signatures = get(listing, "signatures"),
        .published_us = published_us,
    };

    return what.signatures.text ? npm_signature_judge(&what, get(listing, "keys"), listing->arena)
                                : SIGNATURE_UNKNOWN;
}

const char *npm_archive_facts(const struct npm_tarball *tarball,
                              const struct npm_expectation *expected,
                              const struct mirror_wish *wish, struct arena *arena,
                              bool *changes_verdicts)
{
    const struct side archive = {tarball->package_json, tarball->package_json_length, arena};
    const struct side listing = {expected->listing, expected->length, arena};
    struct facts facts = {.format = FORMAT_NPM,
                          .name = wish->name,
                          .version = wish->version,
                          .file = wish->file},
                 listed = facts;
    bool has_gyp = tarball->has_binding_gyp && !npm_value_is(get(&archive, "gypfile"), "false");
    struct strbuf text;

    facts.license = npm_value_text(get(&archive, "license"), arena);
    listed.license = npm_value_text(get(&listing, "license"), arena);
    npm_facts_scripts(get(&archive, "scripts"), has_gyp, arena, &facts);
    npm_facts_scripts(get(&listing, "scripts"), npm_value_is(get(&listing, "gypfile"), "true"),
                      arena, &listed);
    facts.manifest_mismatch =
        scripts_differ(&facts, &listed) || texts_differ(facts.license, listed.license) ||
                dependencies_differ(&archive, &listing) || dependencies_differ(&listing, &archive)
            ? FACT_YES
            : FACT_NO;
    facts.signature = judge_signature(&listing, wish, expected->published_us);
    *changes_verdicts = facts.manifest_mismatch == FACT_YES || (!listed.license && facts.license) ||
                        facts.signature == SIGNATURE_INVALID;
    if (!facts.license) /* what was told with these bytes is not taken back by telling less */
        facts.license = listed.license;
    strbuf_init(&text, arena, FACTS_JSON_MAX);
    facts_write(&facts, &text);
    return text.data;
}
