/* An upstream's packument: looked through once to learn where its versions stand, then cut into
 * them and shown as ours, byte for byte but for where tarballs are. The document itself is never in
 * memory: at most one version of it is. Of what comes twice in it the last counts, as for
 * JavaScript. */
#pragma once
#include "protocols/npm/entry_table.h"
#include "protocols/npm/manifest.h"
#include "protocols/npm/member.h"

struct arena;
struct reader;
struct strbuf;

struct npm_upstream_packument {
    const char *name;
    struct arena *arena;
    struct npm_entries members;  /* of the document */
    struct npm_entries versions; /* by version as npm keeps it, without build metadata */
    struct npm_entries tags;     /* text: the version; as the upstream has them until settled */
    struct npm_entries times;
    int64_t modified_us; /* at the top, as abbreviated documents have it; -1: none */
    int64_t changed_us;  /* when what this org published under the name last did, as by a removal; 0: never */
    bool is_unpublished; /* all of it was taken back */
    bool is_latest_moved;
    size_t left_out; /* versions that cannot be shown, and why the first cannot */
    const char *left_out_version, *left_out_why;
};

/* Reads the document whole. STATUS_BAD_UPSTREAM where it is not a packument of this package;
 * versions that nobody could ask for are left out. */
enum status npm_upstream_read(struct reader *document, const char *name, struct arena *arena,
                              struct npm_upstream_packument *out, struct error *err);
/* Takes a version away, as if it had never been. To be called before npm_upstream_settle_tags(). */
void npm_upstream_remove(struct npm_upstream_packument *packument, const char *version);
/* Leaves no tag that points nowhere: 16.1. latest goes to the best version that is left; another
 * tag to one of the same line, where its version was removed; else it is dropped. */
void npm_upstream_settle_tags(struct npm_upstream_packument *packument);
/* The version that the text means: a tag, or a version in any spelling. NULL without it. */
const struct npm_entry *npm_upstream_find(const struct npm_upstream_packument *packument,
                                          const char *text);
/* When a version was published, as far as the document tells; otherwise where it does not. */
int64_t npm_upstream_time(const struct npm_upstream_packument *packument, const char *version,
                          int64_t otherwise_us);

/* When what is shown of it last changed, there or here: never earlier than before, whatever went. */
int64_t npm_upstream_modified(const struct npm_upstream_packument *packument);

/* What a version's listing says. */
struct npm_listing {
    const char *manifest; /* as it came */
    size_t manifest_length;
    const char *tarball;                               /* as it came: may be relative */
    const char *integrity, *shasum, *attestations_url; /* NULL: not said */
    struct npm_value license, has_install_script, scripts, gypfile, deprecated, user;
    struct npm_value attestations, signatures, unpacked_size; /* of dist */
};
/* Bytes of a version that are pinned. */
struct npm_pinned {
    const char *integrity; /* NULL: shown as listed */
    const char *shasum;
};

/* How an upstream's versions are shown. */
struct npm_upstream_view {
    enum npm_form form;
    const char *base; /* the repository's URL, without a final slash */
    /* What is pinned for a version that is listed so; NULL: nothing. */
    void (*pinned)(void *context, const char *version, const struct npm_listing *listing,
                   struct npm_pinned *out);
    void *pins;
    const char *restricted; /* why versions are held back: npm 10.9 and later print it; NULL: not told */
};

/* Visits the versions that can be shown, in order. document is read from its start again. */
enum status npm_upstream_each(const struct npm_upstream_packument *packument,
                              struct reader *document,
                              enum status (*visit)(void *context, const struct npm_entry *version,
                                                   const struct npm_listing *listing,
                                                   struct error *err),
                              void *context, struct error *err);

struct npm_sink {
    enum status (*put)(void *context, const void *bytes, size_t length, struct error *err);
    void *context;
};

/* A sink into the strbuf that is its context: as much as that may hold. */
enum status npm_put(void *context, const void *bytes, size_t length, struct error *err);

/* Writes the packument. document is the same one, read from its start again. STATUS_NOT_FOUND,
 * after any number of bytes, where no version is left. */
enum status npm_upstream_show(struct npm_upstream_packument *packument, struct reader *document,
                              const struct npm_upstream_view *view, const struct npm_sink *sink,
                              int64_t *modified_us, struct error *err);
/* The tags, as an object. */
void npm_upstream_show_tags(const struct npm_upstream_packument *packument, struct strbuf *out);

/* Reads one version from the document, from its start again. STATUS_NOT_FOUND where it is none that
 * can be shown. */
enum status npm_upstream_take(const struct npm_upstream_packument *packument,
                              const struct npm_entry *version, struct reader *document,
                              struct arena *arena, struct npm_listing *out, struct error *err);
/* Shows one version in full. */
enum status npm_upstream_show_version(const struct npm_upstream_packument *packument,
                                      const struct npm_entry *version,
                                      const struct npm_listing *listing,
                                      const struct npm_upstream_view *view, struct strbuf *out,
                                      struct error *err);
/* The version whose tarball the upstream keeps under this file name, which need not be canonical. NULL
 * without one. document is read from its start again. */
enum status npm_upstream_find_file(const struct npm_upstream_packument *packument,
                                   struct reader *document, const char *file,
                                   const struct npm_entry **out, struct error *err);
