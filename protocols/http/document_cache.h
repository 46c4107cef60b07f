/* Rendered documents, kept compressed in memory and exact: a publish makes the next read right at
 * once. Shared by all threads; locked inside, by shards. Storage spec 1.7, L1. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct document_cache;
struct strbuf;

/* Immutable once made; counted references. */
struct document {
    const char *etag;  /* strong, with its quotes: of the plain text */
    const char *plain; /* NULL above plain_max: inflate gzip on demand */
    size_t plain_length;
    const char *gzip;  /* NULL for small texts, where it would not pay */
    size_t gzip_length;
    int64_t modified_us; /* 0: not known */
    int64_t made_us;     /* at the time of clock_wall_us() */
    _Atomic int64_t fresh_until_us; /* of what came from an upstream; 0: exact, until it is forgotten */
    _Atomic int64_t ends_us; /* when it is wrong by itself, as at the end of a cooldown; 0: never */
    _Atomic uint64_t outcome; /* of what may change without its package, for whoever set it; 0: not known */
    void *_Atomic tally; /* of whoever counts its hits; NULL: nobody */
    const void *value; /* of document_cache_get_value(); NULL in all that is sent */
};

struct document_key {
    int64_t repository_id;
    int kind;         /* an enum of the protocol; see document_kind */
    const char *name; /* normalised package name; "" for documents of the whole repository */
    uint64_t generation; /* what was rendered under another one is rendered anew */
};

enum document_kind {
    DOCUMENT_NPM_FULL = 1,
    DOCUMENT_NPM_ABBREVIATED,
    DOCUMENT_NPM_TAGS,
    DOCUMENT_PYPI_HTML,
    DOCUMENT_PYPI_JSON,
    DOCUMENT_PYPI_ROOT_HTML,
    DOCUMENT_PYPI_ROOT_JSON,
    DOCUMENT_ARTIFACT_VERSION,
    DOCUMENT_NPM_FULL_PLAIN, /* without what npm before 10.9 misreads */
    DOCUMENT_NPM_ABBREVIATED_PLAIN,
    DOCUMENT_NPM_VERDICTS, /* what policy says of the package's files; see verdicts.h */
    DOCUMENT_PYPI_VERDICTS,
    DOCUMENT_NPM_FULL_FOR_WRITING, /* with what policy holds back */
    DOCUMENT_NPM_FACTS, /* what verdicts are about, of the repository where the package lives */
    DOCUMENT_PYPI_FACTS,
    DOCUMENT_PYPI_PROJECT, /* of the JSON API */
};

struct document_cache *document_cache_new(size_t max_bytes);
void document_cache_free(struct document_cache *cache);

/* Writes the document into out; modified_us may be set. STATUS_NOT_FOUND is passed on and not
 * cached. Runs on the asking thread, once for any number of askers of one key. */
typedef enum status (*document_render)(void *context, struct strbuf *out, int64_t *modified_us,
                                       struct error *err);

/* The document, from memory or rendered now. The caller lets go of the reference with
 * document_release(), or hands it to respond_document(). A render that began before an
 * invalidation is never handed to an asker that came after it. */
enum status document_cache_get(struct document_cache *cache, const struct document_key *key,
                               document_render render, void *context,
                               const struct document **out, struct error *err);
void document_release(const struct document *document);

/* What is kept beside documents and never sent, such as what policy says of a package. */
struct document_value {
    const void *value;
    size_t size; /* what it costs */
    void (*free)(const void *value);
};
typedef enum status (*document_make)(void *context, struct document_value *out, struct error *err);
/* The same for such a value: document->value. */
enum status document_cache_get_value(struct document_cache *cache, const struct document_key *key,
                                     document_make make, void *context,
                                     const struct document **out, struct error *err);
/* Whether it is there, or being rendered. */
bool document_cache_has(struct document_cache *cache, const struct document_key *key);
/* Moves the time on until which it may be served without asking its upstream again. */
void document_set_fresh(const struct document *document, int64_t until_us);
/* Has it be rendered anew from that moment on. */
void document_set_end(const struct document *document, int64_t at_us);
/* That moment has come, or the machine's clock was set back to before it was made. */
bool document_has_ended(const struct document *document);
void document_set_tally(const struct document *document, void *tally);
/* What is kept under another generation; NULL: nothing that is whole. The caller lets go of it. */
const struct document *document_cache_old(struct document_cache *cache,
                                          const struct document_key *key);
/* Has it be of the key's generation from now on, where it is still the one that is kept: what it was
 * made from has changed, and it has not. */
bool document_cache_renew(struct document_cache *cache, const struct document_key *key,
                          const struct document *document);
void document_set_outcome(const struct document *document, uint64_t outcome);
/* Forgets this document, where it is still the one that is kept. */
void document_cache_drop(struct document_cache *cache, const struct document_key *key,
                         const struct document *document);

/* Forgets every kind of document of this package, and the whole repository's ("" names). Called by
 * the writer after COMMIT, before the publisher gets its answer. */
void document_cache_invalidate(struct document_cache *cache, int64_t repository_id,
                               const char *name);

/* Makes a document of a text that is not cached, such as one manifest. */
const struct document *document_new(const char *text, size_t length, int64_t modified_us);

struct document_cache_stats {
    uint64_t hits, misses, renders, evictions;
    size_t bytes, documents;
};
void document_cache_stats(const struct document_cache *cache, struct document_cache_stats *out);
