/* What is known of one file of one version when policy looks at it: access spec C2, without what
 * needs outside data. Whoever knows the format fills it in; its stored form is the snapshot that a
 * decision keeps. */
#pragma once
#include "config/error.h"
#include "policy/format.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct strbuf;

/* A zeroed struct facts knows nothing. What is unknown is never a downgrade and never invalid. */
enum fact { FACT_UNKNOWN = 0, FACT_NO, FACT_YES };

/* By the upstream's own keys. MISSING only where the upstream signs and this is not signed. */
enum signature { SIGNATURE_UNKNOWN = 0, SIGNATURE_MISSING, SIGNATURE_INVALID, SIGNATURE_VERIFIED };

/* PRESENT: it is there, nobody verified it. */
enum provenance {
    PROVENANCE_UNKNOWN = 0,
    PROVENANCE_NONE,
    PROVENANCE_INVALID,
    PROVENANCE_PRESENT,
    PROVENANCE_VERIFIED
};

/* How a version was published, from weak to strong, as pnpm ranks it. */
enum trust {
    TRUST_UNKNOWN = 0,
    TRUST_NONE,
    TRUST_PROVENANCE,
    TRUST_PUBLISHER, /* a trusted publisher */
    TRUST_APPROVER
};

enum { FACTS_DIGESTS_MAX = 4, FACTS_SCRIPTS_MAX = 16, FACTS_JSON_MAX = 256 << 10 };

struct facts {
    enum format format;
    const char *name;     /* as the catalog has it: for Python normalised */
    const char *version;  /* as the format keeps it */
    const char *file;     /* its name; NULL: the version's only one, or none in particular */
    const char *upstream; /* its name; NULL: published here */
    /* The file's bytes, as pinned or, before, as listed: "sha512-…", "sha256:…". Exceptions for one
     * version clear only bytes that one of these names. Ends with NULL, or is full. */
    const char *digests[FACTS_DIGESTS_MAX];

    /* Three times, 0 where unknown: facts_born_us(). */
    int64_t published_us;  /* the upstream's word */
    int64_t absent_us;     /* our last fetch of that listing without the file */
    int64_t first_seen_us; /* our first fetch of it with the file */

    int64_t size_bytes;    /* 0: unknown */
    const char *license;   /* SPDX expression (spdx.h); NULL: unknown */
    const char *publisher; /* who published it, or the identity in its provenance; NULL: unknown */
    /* Each script that runs on install, as "postinstall: node x.js". NULL where only
     * install_scripts is known, as from an abbreviated document. */
    const char *const *scripts;
    size_t script_count;

    enum fact install_scripts, new_install_scripts; /* new: the last allowed version had not */
    enum fact sdist_only;                           /* of the version: build code runs */
    enum fact deprecated, yanked;
    enum fact trust_downgrade, publisher_change;
    enum fact bytes_changed;     /* against the pin */
    enum fact manifest_mismatch; /* listing against archive */
    enum signature signature;
    enum provenance provenance;
    enum trust trust;
};

/* What the file's age counts from: the later of the upstream's time and our last fetch of the
 * listing without the file, so that an upstream that moves its times back makes nothing older. A
 * missing time, or one later than when we saw the file (it lay in the future), means when we first
 * saw it. 0: unknown, which is as young as can be. Does not depend on now. */
int64_t facts_born_us(const struct facts *facts);
/* Whether the version is a prerelease by its format's rules; never for artifacts. */
bool facts_is_prerelease(const struct facts *facts);

/* What is known of the versions that were published before one, whose facts must live as long. */
struct facts_history {
    const struct facts *last; /* the latest of them */
    enum trust strongest, strongest_release;
};
/* In any order. */
void facts_history_add(struct facts_history *history, const struct facts *facts);
/* Fills in trust_downgrade and publisher_change: weaker than any of the earlier ones, by somebody
 * else than the latest of them. Prereleases bind no release (pnpm's rule). Unknown where trust or
 * publisher are, and NO for the first version. */
void facts_compare_history(struct facts *facts, const struct facts_history *history);
/* Fills in new_install_scripts, from the last allowed version; NULL: there is none, and so every
 * script is new. Unknown where what it runs is unknown of either and both run something. */
void facts_compare_scripts(struct facts *facts, const struct facts *last_allowed);

/* The facts that are one word, as people and the stored form write them: "deprecated" is "true" or
 * "false", "signature" is "missing", "invalid" or "verified". Unknown facts have no word. */
struct fact_row {
    const char *key;
    size_t offset;            /* of an enum in struct facts */
    const char *const *words; /* the first, for unknown, is NULL; ends with NULL */
};
extern const struct fact_row fact_rows[];
extern const size_t fact_row_count;
/* NULL: unknown. */
const char *fact_word(const struct facts *facts, const struct fact_row *row);
bool fact_set_word(struct facts *facts, const struct fact_row *row, const char *word);

/* Adds the stored form: one compact JSON object, members in one order, unknown ones left out. Equal
 * facts have equal bytes, so that their hash names the snapshot. */
void facts_write(const struct facts *facts, struct strbuf *out);
/* Reads the stored form. Strict: an unknown member, word or type is STATUS_INVALID. */
enum status facts_read(const char *text, size_t length, struct arena *arena, struct facts *out,
                       struct error *err);
