/* Publishing: bytes are staged first, then one operation of the writer makes them visible, whole or
 * not at all. A version is written once. */
#pragma once
#include "storage/blobs/stage.h"
#include "storage/catalog/access.h"
#include "storage/catalog/package.h"
#include "storage/catalog/signing_key.h"

/* Begins a stage. STATUS_FULL (507) before a byte is read when the disk is nearly full;
 * STATUS_READ_ONLY after a failed flush. size_hint: declared length, or -1. */
enum status catalog_stage(struct catalog *catalog, int64_t size_hint, unsigned digest_kinds,
                          struct stage **out, struct error *err);

struct publication_file {
    const char *name;
    enum file_kind kind;
    const char *meta;    /* JSON of the format's own, or NULL */
    struct stage *stage; /* ended; stays the caller's, who closes it after the publish */
};

struct publication {
    const struct repository *repository;
    const struct actor *actor;
    enum format format;
    const char *name, *name_norm; /* of the package */
    const char *version;
    const void *sort_key; /* bytes whose order is the versions' */
    size_t sort_key_length;
    bool equal_keys_are_one; /* Python: 1.0 and 1.0.0 are one version, called as it was first */
    const char *document; /* of the version; only with its first file; NULL: none */
    size_t document_length;
    const char *signed_words; /* what the instance's key signs of a new version; NULL: nothing */
    const char *session; /* npm-session: which publish this is; NULL elsewhere */
    bool version_must_be_new; /* npm: a version has all its files from the start */
    const char *const *tags;  /* set to this version */
    size_t tag_count;
    const char *first_tag;    /* set only where the package has no such tag yet; NULL: none */
    const struct publication_file *files;
    size_t file_count;

    /* Filled by the publish. */
    bool unchanged;                    /* the same bytes were there: nothing was written */
    bool conflict;                     /* other bytes are there; existing tells which */
    uint8_t existing_sha256[SHA256_SIZE];
    int64_t existing_us;
    struct made_signature signature;   /* of signed_words */
    int64_t default_quota;             /* the setting's */
    bool over_quota;                   /* STATUS_FULL "quota-full": nothing was written */
};

/* Returns when the publish is durable and visible. STATUS_CONFLICT with code "version-exists",
 * "file-exists" or "path-case-collision" where the name is taken by other bytes. With
 * version_must_be_new, an existing version is unchanged only for the same bytes from the same
 * session. */
enum status catalog_publish(struct catalog *catalog, struct publication *publication,
                            struct error *err);
