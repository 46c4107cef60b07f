/* Packages and versions as people and tools write them: "npm:@acme/ui@1.0.0" and package URLs,
 * "pkg:npm/%40acme/ui@1.0.0". */
#pragma once
#include "config/error.h"
#include "policy/format.h"

struct arena;
struct strbuf;

enum { PURL_MAX = 1024 };

struct purl {
    enum format format;
    const char *name;    /* npm's as written, Python's normalised (PEP 503) */
    const char *version; /* NULL: none given. Python's canonical (PEP 440), npm's without 'v' */
    const char *file;    /* the qualifier file_name; NULL: none */
};

/* Reads either spelling. STATUS_INVALID "purl-invalid" says what is wrong: a type that is none of
 * ours (npm, pypi, generic), a name that nobody could have, a version that is none. */
enum status purl_parse(const char *text, struct arena *arena, struct purl *out, struct error *err);
/* Adds the canonical package URL. */
void purl_write(const struct purl *purl, struct strbuf *out);
/* Adds "npm:@acme/ui@1.0.0", as commands take it. */
void purl_write_short(const struct purl *purl, struct strbuf *out);
