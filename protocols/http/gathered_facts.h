/* All that is known of a package's files when policy looks at them: what the listing says, and over
 * it the pinned bytes, when each file came into the listing, and what the archives themselves say.
 */
#pragma once
#include "protocols/http/verdicts.h"

struct digests;

struct doubt {
    const char *file, *digest;
};

struct gathered_facts {
    struct request *req;
    const struct verdict_subject *subject;
    const char *name_fold;
    const struct read_document *known; /* NULL: nothing is read yet */
    struct arena *arena;               /* of all that is found */
    struct facts_list facts;
    struct facts_list unlisted; /* kept files that the listing names no more; in facts, too */
    struct facts **by_file;     /* in order of file, once one was looked for */
    struct doubt *doubts;       /* what is listed of pinned bytes, and not known of them */
    size_t doubt_count, doubt_capacity;
};

/* Those by which bytes are told: a weak digest counts where there is no strong one. */
void facts_set_digests(struct facts *facts, const struct digests *digests, struct arena *arena);
/* All that are known of bytes that are here. */
void facts_set_all_digests(struct facts *facts, const struct digests *digests, struct arena *arena);
/* Fills facts from rows, and for what lives at an upstream from its document, which is NULL for what is
 * published here; what stands above them is the caller's. */
enum status facts_gather(struct gathered_facts *gathered, const struct mirror_document *document,
                         struct error *err);
/* Of what is kept beside an archive only the licence, where nothing better is known. */
enum status facts_merge_sidecar(struct facts *facts, const char *text, struct arena *arena,
                                struct error *err);
/* In the order in which they were published. */
struct facts **facts_by_birth(const struct gathered_facts *gathered);
/* What an archive says, in its stored form, wins over what is said of it. */
enum status facts_merge_archive(struct facts *facts, const char *text, struct arena *arena,
                                struct error *err);
