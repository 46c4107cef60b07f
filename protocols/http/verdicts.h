/* What policy says of each file of a package, to those who ask one repository. Every route that
 * names or gives a package's files asks here, and nowhere else are verdicts taken. Kept in the
 * document cache beside the package's other documents, and over with them; what they are about may
 * outlive a change of policy (package_facts.h). Of what is published here
 * nothing is asked or kept unless a rule is about it: policy_is_about_local(). Access spec C2 to
 * C4. */
#pragma once
#include "policy/verdict.h"
#include "protocols/http/request.h"
#include "storage/catalog/upstream.h"

struct arena;
struct home;
struct mirror_document;

/* Facts of the files that a listing names, in any order. Texts live in the arena. */
struct facts_list {
    struct arena *arena;
    struct facts *list;
    size_t count, capacity;
    bool is_provisional; /* more will be known without the listing changing: not to be kept */
};
struct facts *facts_list_add(struct facts_list *list); /* zeroed; good until the next is added */

/* How a format is looked at. One constant of each protocol. */
struct verdict_format {
    enum format format;
    int kind, facts_kind; /* enum document_kind of its verdicts, and of what they are about */
    /* Behind a file's name: what is kept under that name tells facts of the file until its archive
     * does; NULL: nothing does. */
    const char *sidecar_suffix;
    /* What the document says of its files; facts from elsewhere are added by the caller. read: what
     * the format made of this document already; NULL: nothing. */
    enum status (*list)(struct request *req, const struct upstream *upstream,
                        const struct mirror_document *document, const char *name, const void *read,
                        struct facts_list *out, struct error *err);
    /* The same of what is published in a repository of the org. */
    enum status (*list_local)(struct request *req, const struct repository *repository,
                              const char *name, struct facts_list *out, struct error *err);
};

/* A package, and where it lives for those who ask. */
struct verdict_subject {
    const struct verdict_format *how;
    const struct upstream *upstream;     /* NULL: it is published here, */
    const struct repository *repository; /* in this one */
    const char *name, *name_norm;
};

/* home is HOME_LOCAL, or HOME_UPSTREAM with its owner, and must live as long. */
struct verdict_subject verdict_subject_at(const struct verdict_format *how, const struct home *home,
                                          const char *name);

/* A document that the asker has read already, so that it need not be read again. */
struct read_document {
    const struct mirror_document *document;
    const void *read;
};

struct file_verdict {
    const char *file, *version;
    enum verdict_action action;
    bool is_blocked;      /* no bytes go out: not allowed, and not in audit mode */
    int64_t opens_us;     /* when it is allowed by itself; INT64_MAX: never */
    const char *rules;    /* those that stand, separated by blanks; "" */
    const char *sentence; /* 'held by "cooldown" until 2026-12-02: …'; "" where it is allowed */
    const struct facts *facts; /* but for what verdicts before say: file_verdict_facts() */
    enum fact new_install_scripts; /* which is this */
};

/* What a document shows of verdicts. */
struct verdict_effect {
    int64_t ends_us;  /* when one of them changes by itself; 0: never */
    uint64_t outcome; /* equal where the same files are blocked, in the same words; 0: none is */
};

/* Live as long as the request's arena. */
struct package_verdicts {
    const struct file_verdict *list; /* NULL: policy is not about the package */
    size_t count;              /* in the order in which they were published, kept ones that are listed
                                  no more among them */
    size_t blocked;            /* how many are */
    struct verdict_effect effect;
    const uint32_t *slots; /* by file; only package_verdicts_find() looks here */
    size_t slot_count;
};

/* Whether the org has a policy: without one nothing needs to be asked. */
enum status policy_is_set(struct request *req, bool *out, struct error *err);
/* Whether it has one that asks for what archives tell: policy_looks_into_archives(). */
enum status policy_asks_archives(struct request *req, bool *out, struct error *err);
/* Whether it has one that may find fault with the package. */
enum status policy_is_about(struct request *req, const struct verdict_subject *subject, bool *out,
                            struct error *err);

/* The verdicts of a package. known NULL: nothing is read yet. */
enum status package_verdicts_get(struct request *req, const struct verdict_subject *subject,
                                 const struct read_document *known, struct package_verdicts *out,
                                 struct error *err);
/* What a verdict says of a file. facts must live as long; the texts are the arena's. */
struct file_verdict file_verdict_of(const struct facts *facts, enum fact has_new_scripts,
                                    const struct verdict *verdict, struct arena *arena);
/* What was known of the file when the verdict was taken. */
struct facts file_verdict_facts(const struct file_verdict *verdict);
/* NULL where there is no such file. */
const struct file_verdict *package_verdicts_find(const struct package_verdicts *verdicts,
                                                 const char *file);

/* STATUS_FORBIDDEN "held" or "denied" for a version that is blocked, with the sentence and the command
 * to ask with. */
enum status verdict_refuse(struct error *err, enum format format, const char *name,
                           const struct file_verdict *verdict);
