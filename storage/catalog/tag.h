/* Tags: movable names for versions. npm calls them dist-tags, artifacts channels. */
#pragma once
#include "storage/catalog/access.h"
#include "storage/catalog/writer.h"

/* Moves or makes a tag; STATUS_NOT_FOUND without the version. */
enum status catalog_set_tag(struct catalog *catalog, const struct actor *actor,
                            const struct repository *repository, enum format format,
                            const char *name_norm, const char *tag, const char *version,
                            struct error *err);
enum status catalog_remove_tag(struct catalog *catalog, const struct actor *actor,
                               const struct repository *repository, enum format format,
                               const char *name_norm, const char *tag, struct error *err);

/* For operations. STATUS_NOT_FOUND, without words, where the repository has no such package. */
enum status tx_find_package(struct transaction *tx, const struct repository *repository,
                            enum format format, const char *name_norm, int64_t *package_id,
                            struct error *err);
enum status tx_set_tag(struct transaction *tx, int64_t package_id, const char *tag,
                       int64_t version_id, bool only_if_absent, struct error *err);
