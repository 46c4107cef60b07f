#include "protocols/npm/held_back.h"

#include "protocols/http/verdicts.h"
#include "protocols/npm/name.h"
#include "protocols/npm/upstream_packument.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

enum { RESTRICTION_MAX = 300 };

/* Whatever the policy did not look at, because the listing has just changed, waits for its verdict.
 */
void npm_hold_back(struct npm_upstream_packument *packument,
                   const struct package_verdicts *verdicts, struct arena *arena)
{
    for (size_t i = 0; i < packument->versions.count; i++) {
        struct npm_entry *entry = &packument->versions.list[i];
        const struct file_verdict *verdict;

        if (entry->is_gone)
            continue;
        verdict =
            package_verdicts_find(verdicts, npm_tarball_name(packument->name, entry->key, arena));
        if (verdict && !verdict->is_blocked)
            continue;
        entry->is_gone = true;
        entry->is_held = verdict;
    }
}

/* 16.3: one text for all of them, the newest first, and not longer than a terminal can take. */
const char *npm_restriction(const struct npm_upstream_packument *packument,
                            const struct package_verdicts *verdicts, struct arena *arena)
{
    const char *newest = NULL;
    size_t told = 0, held = 0;
    struct strbuf text;

    strbuf_init(&text, arena, 4096);
    for (size_t i = verdicts->count; i--;) {
        const struct file_verdict *verdict = &verdicts->list[i];
        const struct npm_entry *entry = npm_entries_find(&packument->versions, verdict->version);

        if (!entry || !entry->is_held)
            continue;
        newest = newest ? newest : verdict->version;
        if (held++ == told && text.length < RESTRICTION_MAX)
            strbuf_format(&text, "%s%s %s", told++ ? "; " : "", verdict->version,
                          verdict->sentence);
    }
    if (told < held)
        strbuf_format(&text, "; and %zu more", held - told);
    strbuf_format(&text, "; ask: packhouse request create npm:%s@%s", packument->name,
                  held == 1 ? newest : "VERSION");
    return text.data;
}

enum status npm_refuse_all(const struct npm_upstream_packument *packument,
                           const struct package_verdicts *verdicts, struct arena *arena,
                           struct error *err)
{
    return fail(err, STATUS_FORBIDDEN, "held", "all versions of %.214s are held back: %s",
                packument->name, npm_restriction(packument, verdicts, arena));
}

enum status npm_no_version(const struct npm_upstream_packument *packument,
                           const struct package_verdicts *verdicts, const char *wanted,
                           struct arena *arena, struct error *err)
{
    const char *version = npm_version_clean(wanted, arena);
    const struct file_verdict *verdict = NULL;

    if (version && verdicts->blocked)
        verdict =
            package_verdicts_find(verdicts, npm_tarball_name(packument->name, version, arena));
    if (verdict && verdict->is_blocked)
        return verdict_refuse(err, FORMAT_NPM, packument->name, verdict);
    return fail(err, STATUS_NOT_FOUND, "", "version not found: %.256s", wanted);
}
