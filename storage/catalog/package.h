/* Packages, versions, files and tags, as readers see them. */
#pragma once
#include "storage/catalog/repository.h"

struct stored_file {
    int64_t id;
    const char *name;    /* its own for npm and Python; "version/path" for artifacts */
    const char *version; /* of the version that it belongs to */
    const char *meta;    /* JSON of the format's own, or NULL */
    int kind;            /* enum file_kind */
    int64_t size, created_us;
    struct digests digests; /* kinds tells which are known; SHA-256 always */
    int64_t nonce;
    const void *bytes; /* all of them, where a small file was looked up by name; else NULL */
};

enum file_kind {
    FILE_MAIN = 0,    /* tarball, wheel, sdist, artifact */
    FILE_SIDECAR = 1, /* a wheel's .metadata, and the like: named after its main file */
};

enum version_state { VERSION_LIVE = 0, VERSION_YANKED = 1, VERSION_HELD = 2, VERSION_REMOVED = 3 };

struct package {
    int64_t id;
    const char *name; /* as first published */
    const char *name_norm;
    int64_t updated_us;
};

struct version {
    int64_t id;
    const char *version;
    enum version_state state;
    int64_t published_us;
    const char *document; /* the format's own JSON, such as an npm manifest; NULL without one */
    size_t document_length;
    const char *keyid; /* of the instance's key that signed it; NULL: none did */
    const void *signature;
    size_t signature_length;
};

struct tag {
    const char *tag, *version;
};

/* STATUS_NOT_FOUND where the repository has no such package. */
enum status catalog_find_package(struct catalog *catalog, const struct repository *repository,
                                 enum format format, const char *name_norm, struct arena *arena,
                                 struct package *out, struct error *err);
/* When the packages of this name that the org has published itself last changed, by a removal as well; 0:
 * there are none. They are not seen once the name is another's, but what was removed of them stays away. */
enum status catalog_find_own_change(struct catalog *catalog, int64_t org_id, enum format format,
                                    const char *name_norm, int64_t *changed_us, struct error *err);
enum status catalog_list_packages(struct catalog *catalog, const struct repository *repository,
                                  enum format format, const char *after, size_t limit,
                                  struct arena *arena, struct package **out, size_t *count,
                                  struct error *err);
enum status catalog_find_version(struct catalog *catalog, const struct package *package,
                                 const char *version, struct arena *arena, struct version *out,
                                 struct error *err);
/* One file by name: from memory where it was asked for lately, else in one query. */
enum status catalog_find_file(struct catalog *catalog, const struct repository *repository,
                              enum format format, const char *name_norm, const char *file,
                              struct arena *arena, struct stored_file *out, struct error *err);
/* Opens the file's bytes. The caller closes the descriptor. */
enum status catalog_open_file(struct catalog *catalog, const struct stored_file *file, int *fd,
                              struct error *err);

/* Everything of one package in one snapshot, in order: versions by sort key, tags, files by name. A
 * visitor may be NULL; what it gets lives only during the call; its failure ends the walk. */
struct package_visitor {
    void *context;
    enum status (*version)(void *context, const struct version *version, struct error *err);
    enum status (*tag)(void *context, const struct tag *tag, struct error *err);
    enum status (*file)(void *context, const struct stored_file *file, struct error *err);
};
enum status catalog_walk_package(struct catalog *catalog, const struct repository *repository,
                                 enum format format, const char *name_norm, struct package *out,
                                 struct arena *arena, const struct package_visitor *visitor,
                                 struct error *err);
/* Files whose names begin with prefix, in order of name, after this name: an artifact's version. */
enum status catalog_list_files(struct catalog *catalog, const struct package *package,
                               const char *prefix, const char *after, size_t limit,
                               struct arena *arena, struct stored_file **out, size_t *count,
                               struct error *err);
/* Versions without their documents, greatest sort key first, those that follow this version; NULL:
 * from the start. A version that is not there has none that follow. */
enum status catalog_list_versions(struct catalog *catalog, const struct package *package,
                                  const char *after, size_t limit, struct arena *arena,
                                  struct version **out, size_t *count, struct error *err);
