/* Versions of Python projects, PEP 440: what is one, its canonical spelling, and their order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct strbuf;

enum { PYPI_VERSION_LENGTH_MAX = 200 };

/* Decimal digits in the version's text without leading zeros, of any size; "0" for zero. */
struct pypi_number {
    const char *digits;
    size_t length;
};

enum pypi_pre { PYPI_FINAL = 0, PYPI_ALPHA, PYPI_BETA, PYPI_CANDIDATE };

/* The parts of a version, pointing into its text; nothing is copied. */
struct pypi_version {
    struct pypi_number epoch;
    const char *release; /* numbers with dots between them, as written */
    size_t release_length;
    enum pypi_pre pre;
    struct pypi_number pre_number;
    bool is_post, is_dev;
    struct pypi_number post, dev;
    const char *local; /* what stands behind '+', as written; NULL without it */
    size_t local_length;
};

/* Any spelling that PEP 440 reads, white space around it included. false for anything else. */
bool pypi_version_parse(const char *text, struct pypi_version *out);
/* Adds the canonical spelling: "1.0rc1" for "v1.0-PREVIEW_1". */
void pypi_version_text(const struct pypi_version *version, struct strbuf *out);
/* Adds the spelling that all versions which PEP 440 takes for equal share: canonical, without the
 * release's final zeros. */
void pypi_version_identity(const struct pypi_version *version, struct strbuf *out);
/* Adds bytes whose order (memcmp, the shorter first) is the versions' order; equal versions have
 * equal bytes. */
void pypi_version_sort_key(const struct pypi_version *version, struct strbuf *out);
/* Less than, equal to or greater than 0, as PEP 440 orders a and b. */
int pypi_version_compare(const struct pypi_version *a, const struct pypi_version *b);
/* Whether epoch and release begin with the prefix's, zeros being added: 1.4.5 and 1.4 begin
 * with 1.4. */
bool pypi_version_begins_with(const struct pypi_version *version,
                              const struct pypi_version *prefix);
/* Whether a resolver passes it by unless asked: alpha, beta, candidate or dev. */
bool pypi_version_is_prerelease(const struct pypi_version *version);
