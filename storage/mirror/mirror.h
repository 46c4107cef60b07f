/* Pull-through: what upstreams have, fetched once however many ask, verified, kept, and served while
 * the upstream is away. Shared by all threads; locked inside. Storage spec 7, DESIGN 4. */
#pragma once
#include "storage/catalog/ingest.h"
#include "storage/memory/stream.h"
#include "storage/remote/breaker.h"

struct fetcher;
struct mirror;
struct strbuf;

struct mirror_document;

/* A file that a document names. published_us: when that was, as it says; 0: it does not. */
typedef enum status (*visit_listed)(void *context, const char *version, const char *file,
                                    int64_t published_us, struct error *err);

/* How a format asks its upstreams. One constant of each protocol. */
struct mirror_format {
    enum format format;
    const char *accept; /* of documents */
    /* What follows the upstream's URL, with its first slash: "/@acme%2fui". In the arena. */
    const char *(*document_path)(struct arena *arena, const char *name);
    /* Reads a new document whole before any of it is kept: STATUS_BAD_UPSTREAM where it is not a
     * document of this package. Runs on a thread that may take its time; constant memory. */
    enum status (*check)(struct reader *document, const char *content_type, const char *name,
                         struct arena *arena, struct error *err);
    /* Visits the files that a document names. */
    enum status (*list)(struct reader *reader, const struct mirror_document *document,
                        struct arena *arena, visit_listed visit, void *context, struct error *err);
};

struct mirror_options {
    struct catalog *catalog;
    struct fetcher *fetcher;
    const struct mirror_format *const *formats; /* end with NULL */
    int64_t fresh_us;           /* a document younger than this is not asked for again */
    int64_t stale_us;           /* for this long after that it is served while it is refreshed */
    int64_t stale_if_error_us;  /* and for this long while its upstream fails */
    int64_t document_max;       /* bytes inflated; also bounds what is received */
    int64_t document_ratio_max; /* inflated : received, from the first MiB on */
    int64_t verify_first_max;   /* files up to this size are verified before they are answered */
    int64_t file_max;           /* 0: none */
    int64_t refuse_bytes;       /* with less free space than this, or */
    int refuse_percent;         /* than this share, nothing is fetched; what is kept is served */
};

/* The fetcher is the mirror's from now on, also where this fails. */
enum status mirror_start(const struct mirror_options *options, struct mirror **out,
                         struct error *err);
/* Ends what is being fetched, and the fetcher; keeps what is verified, drops the rest. Waits for those
 * who are within a call or hold a file; NULL does nothing. */
void mirror_stop(struct mirror *mirror);

/* A document of one package of one upstream. Immutable; counted references. */
struct mirror_document {
    const char *name;         /* as asked */
    const char *content_type, *url;
    int64_t size;             /* as kept */
    uint64_t generation;      /* another one whenever its bytes change, also over a restart */
    int64_t fetched_us;       /* when these bytes came */
    _Atomic int64_t fresh_until_us; /* moved on by each answer that they still hold */
    _Atomic bool is_stale;    /* the upstream failed when last asked: answers say Warning 111 */
};

/* The document: fresh, or stale while it is being refreshed in the background, or stale while the
 * upstream fails; fetched now where none is kept, once for any number of askers. STATUS_NOT_FOUND where
 * the upstream has not got it (remembered for a minute, growing to five);
 * STATUS_BAD_UPSTREAM, STATUS_UPSTREAM_TIMEOUT, STATUS_UPSTREAM_AWAY otherwise: never not-found.
 * A new document becomes the name's owner row with it; STATUS_CONFLICT "owner-changed" where the name
 * is another's by now: ask catalog_find_home() again. */
enum status mirror_get_document(struct mirror *mirror, const struct upstream *upstream,
                                const char *name, const char *name_norm,
                                const struct mirror_document **out, struct error *err);
void mirror_release_document(const struct mirror_document *document);
/* Its inflated bytes, under the limits. reader_close() frees the reader; the document must live longer. */
enum status mirror_read_document(const struct mirror_document *document, struct reader **out,
                                 struct error *err);
/* Visits the files that the kept document names, however old it is; none where none is kept. Asks
 * nobody. */
enum status mirror_visit_kept(struct mirror *mirror, const struct upstream *upstream, const char *name,
                              const char *name_norm, visit_listed visit, void *context,
                              struct error *err);
/* For what was rendered from a document that is past its freshness: when it is fresh until by now; 0: it
 * may be served, and a refresh goes on in the background; -1: it may not, for it is too old, of another
 * time or gone: mirror_get_document(). When its bytes change, the writer's package_changed hook
 * is called for every repository that has the upstream as a source. */
int64_t mirror_refresh(struct mirror *mirror, const struct upstream *upstream, const char *name,
                       const char *name_norm);

/* What was found in an archive. All in the arena. */
struct mirror_inspection {
    const char *sidecar_suffix; /* behind the file's name: ".metadata"; NULL: there is no sidecar */
    const void *sidecar;
    size_t sidecar_length;
    const char *archive_facts; /* in their stored form: they outlive the listing */
    bool changes_verdicts;     /* policy may come to another verdict by them */
};

/* A file that a listing names. */
struct mirror_wish {
    const struct upstream *upstream;
    const char *name, *name_norm, *version, *file;
    const void *sort_key;
    size_t sort_key_length;
    const char *url;          /* absolute */
    struct digests expected;  /* kinds: which are known; 0: none, so that the first bytes count */
    int64_t size;             /* as listed; -1: not said */
    const char *meta;         /* of the file row */
    enum file_kind file_kind;
    bool changes_listing;     /* the listing lacks what is known once the file is here */
    uint64_t generation;      /* of the document that names it; 0: none does */
    bool any_host;            /* Python: any https host that the page names, since it gave a digest */
    unsigned digest_kinds;    /* to be computed besides: what listings will show */
    /* Looks into the whole archive before the last piece leaves; NULL: nothing is looked at. */
    enum status (*inspect)(const struct mirror_wish *wish, int fd, int64_t size, struct arena *arena,
                           struct mirror_inspection *out, struct error *err);
    struct first_asker asker;  /* whoever is first */
    const void *context; /* the protocol's own, for inspect */
    size_t context_size; /* so much of it is copied; 0: it must live until the flight has ended */
};

/* A file on its way in, or there. The closer lets go of it; the fetch goes on where others wait, where
 * the file is not larger than 64 MiB, or where a quarter has come. */
struct mirror_file;
/* Joins or begins the one fetch of this file. Returns once its size is known and, up to
 * verify_first_max or where no size was said, once it is verified. STATUS_BAD_UPSTREAM for other bytes
 * than listed or pinned, for a minute; STATUS_NOT_FOUND where the upstream has lost it. The wish is
 * copied. */
enum status mirror_get_file(struct mirror *mirror, const struct mirror_wish *wish,
                            struct mirror_file **out, struct error *err);
int64_t mirror_file_size(const struct mirror_file *file);
int mirror_file_fd(const struct mirror_file *file); /* grows until it is whole; stays the mirror's */
/* The digests: all once it is whole, before that those expected. */
const struct digests *mirror_file_digests(const struct mirror_file *file);
bool mirror_file_is_whole(const struct mirror_file *file);
/* What its archive says; NULL: nothing, or it is not whole. Lives as long as file. */
const char *mirror_file_archive_facts(struct mirror_file *file);
/* Waits until bytes up to offset + 1 may be sent, and tells up to where. The last 256 KiB may be sent
 * only once all is verified. Any failure: the answer must be cut. */
enum status mirror_file_wait(struct mirror_file *file, int64_t offset, int64_t *available,
                             struct error *err);
void mirror_file_close(struct mirror_file *file);

/* Asks an upstream for something else than a document or file, such as advisories: small, into memory;
 * its breaker and credential are used. path begins with a slash. */
struct mirror_question {
    const char *method, *path, *content_type; /* NULL: GET without a body */
    const char *url; /* absolute, of the upstream's own host, in place of path; NULL: below its URL */
    const void *body;
    size_t body_length;
    bool is_gzip; /* the body is */
    int64_t timeout_ms;
    int64_t bytes_max;
};
enum status mirror_ask(struct mirror *mirror, const struct upstream *upstream,
                       const struct mirror_question *question, struct strbuf *out, int *code,
                       struct error *err);

/* The same for what never changes once it was said, such as attestations: the first answer that is_good
 * is kept, and is what everybody gets from then on, also while the upstream is away. kept_as: a name for it
 * that the upstream does not choose. name_fold: of the package that it is about. */
struct mirror_lasting {
    const char *kept_as, *name_fold;
    bool (*is_good)(const struct strbuf *answer);
};
enum status mirror_ask_once(struct mirror *mirror, const struct upstream *upstream,
                            const struct mirror_question *question, const struct mirror_lasting *lasting,
                            struct strbuf *out, int *code, struct error *err);

/* Numbers for /metrics and `packhouse upstream show`, since the start. */
struct mirror_stats {
    const char *org, *upstream; /* live until the mirror stops */
    enum format format;
    struct breaker_view breaker;
    char last_error[256];
    int64_t last_error_us; /* 0: never */
    uint64_t requests, errors;           /* of the upstream */
    uint64_t document_hits, document_misses, file_hits, file_misses;
    uint64_t bytes_fetched, bytes_saved; /* saved: served without fetching them again */
    int64_t last_success_us;
};
/* Calls visit for each upstream that was asked, or for one. */
void mirror_visit_stats(struct mirror *mirror, int64_t upstream_id,
                        void (*visit)(void *context, const struct mirror_stats *stats),
                        void *context);
/* Forgets what is remembered as absent or failed, closes the breaker, and has every document count as
 * no longer fresh: `packhouse upstream refresh`. */
void mirror_forget(struct mirror *mirror, int64_t upstream_id);
/* For the numbers: a document or file of this upstream was served from what is kept, without asking the
 * mirror for it. */
void mirror_count_hit(struct mirror *mirror, const struct upstream *upstream, bool is_file,
                      int64_t bytes);
/* The same for documents that are kept rendered, whose hits must wait for nobody: the counters of one
 * upstream, which live until the mirror stops. */
struct mirror_tally {
    _Atomic uint64_t document_hits, bytes_saved;
};
struct mirror_tally *mirror_tally(struct mirror *mirror, const struct upstream *upstream);
void mirror_tally_hit(struct mirror_tally *tally, int64_t bytes);
