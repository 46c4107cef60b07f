/* A project's page as another index has it, JSON or HTML, read front to back at constant memory.
 * What it says is foreign: only files of the project with a usable address are told on. */
#pragma once
#include "storage/catalog/catalog.h"
#include "storage/memory/stream.h"

struct arena;

/* One file. Texts live during the visit. */
struct upstream_file {
    const char *name;
    const char *version; /* canonical, from the name */
    const char *url;     /* absolute, without fragment */
    struct digests digests;
    const char *requires_python; /* NULL: any */
    const char *yanked;          /* the reason, perhaps ""; NULL: it is not */
    const char *uploaded; /* RFC 3339 in UTC with at most six digits of a second; NULL: not said */
    int64_t size;         /* -1: not said */
    bool has_metadata;    /* beside it, as name + ".metadata" */
    const char *metadata_sha256; /* hex; NULL: not said */
    const char *provenance;      /* PEP 740: where it is, absolute; NULL: not said */
};

struct upstream_page {
    char status[16];        /* PEP 792; "" is "active" */
    const char *reason;     /* of the status, in the arena; NULL without */
    size_t files, left_out; /* told on; of another project, or of no use */
    bool is_mislabelled;    /* the content type said the other form, or none of ours */
};

typedef enum status (*upstream_page_visit)(void *context, const struct upstream_file *file,
                                           struct error *err);

/* STATUS_BAD_UPSTREAM for what is no page of this project (normalised): broken or too deep JSON, an
 * HTML page that is no index, another API version. The visitor's and the reader's failures are
 * passed on. url is where the page stands, for its links; out is filled at the end only. */
enum status upstream_page_read(struct reader *document, const char *content_type, const char *url,
                               const char *project, upstream_page_visit visit, void *context,
                               struct arena *arena, struct upstream_page *out, struct error *err);

/* For the two forms' readers, upstream_page_json.c and upstream_page_html.c. */
struct upstream_reading {
    struct reader *document;
    const char *url; /* links are resolved against it; <base> changes it */
    const char *project;
    upstream_page_visit visit;
    void *context;
    struct arena *arena; /* what outlives the reading */
    struct arena *each;  /* emptied after each file */
    struct upstream_page *out;
};

/* One file as the page has it: url is the link still, a version is not needed. */
struct upstream_raw {
    struct upstream_file file;
    int metadata_rank; /* which spelling of core-metadata spoke last; the newest wins */
    bool is_unusable;  /* something in it was longer than any honest index writes */
};
enum { UPSTREAM_TEXT_MAX = 8192 };

void upstream_raw_begin(struct upstream_raw *raw);
/* "sha256" and its hex. Kinds that are not known, and what is no digest, are passed over. */
void upstream_raw_digest(struct upstream_raw *raw, const char *kind, const char *hex);
/* Whether a name is that of a distribution of the project. */
bool upstream_file_is_known(struct upstream_reading *reading, const char *name);
/* Tells the file on, or leaves it out; empties reading->each. */
enum status upstream_raw_end(struct upstream_reading *reading, struct upstream_raw *raw,
                             struct error *err);

enum status upstream_page_read_json(struct upstream_reading *reading, struct error *err);
enum status upstream_page_read_html(struct upstream_reading *reading, struct error *err);
