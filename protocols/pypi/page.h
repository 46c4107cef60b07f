/* What the simple repository API shows: a project's files, and the list of projects, each as HTML
 * (PEP 503, 592, 658, 714) and as JSON (PEP 691, 700). Added piece by piece, in this order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct page_gathered;
struct request;
struct strbuf;

/* Which form a request wants, and the media type to call it by. */
struct page_form {
    bool is_json;
    const char *content_type;
    struct page_gathered *gathered; /* nothing is written, and what would be is gathered here; NULL */
};
/* By ?format= or Accept (PEP 691). false: none of ours is acceptable. */
bool page_form_choose(struct request *req, struct page_form *out);
/* The media types that there are, a line each: for those who got none. */
extern const char page_forms_text[];

struct page {
    struct strbuf *out;
    bool is_json;
    struct page_gathered *gathered;
    const char *project;
    size_t versions, files;
};

struct page_head {
    const char *project;       /* normalised */
    const char *status;        /* PEP 792; NULL: active */
    const char *status_reason; /* NULL without */
    bool sizes_are_unknown;    /* of a file at least: PEP 700's version demands them all */
};

struct page_file {
    const char *name;
    const char *version;
    const char *sha256; /* hex; NULL: not known yet, so that the address names none */
    const char *other_kind,
        *other_digest;           /* "md5" and its hex, for an index that has no better; NULL */
    const char *metadata_sha256; /* of the sidecar; NULL where it is not known */
    bool has_metadata;           /* there is a sidecar, though its digest is not known */
    const char *requires_python; /* NULL: any */
    int64_t size;                /* -1: not known */
    int64_t uploaded_us;         /* 0: not known */
    const char *uploaded;        /* another index's own words; win */
    const char *yanked;          /* the reason, perhaps ""; NULL: it is not */
    const char *provenance;      /* PEP 740: where it is, absolute; NULL without */
};

/* Stands in an address for the digest of a file whose SHA-256 nobody has told. */
#define PAGE_NO_DIGEST "-"

/* All that a page would show. arena: whose it is; the rest is filled. */
struct page_gathered {
    struct arena *arena;
    bool is_quarantined;
    const char *reason; /* of the status; NULL without */
    struct page_file *files;
    size_t file_count, room;
};

void page_begin(struct page *page, struct strbuf *out, const struct page_form *form,
                const struct page_head *head);
void page_add_version(struct page *page, const char *version); /* all before the first file */
void page_add_file(struct page *page, const struct page_file *file);
void page_end(struct page *page);

/* The list of projects. */
void page_begin_root(struct page *page, struct strbuf *out, bool is_json);
void page_add_project(struct page *page, const char *project);
void page_end_root(struct page *page);
