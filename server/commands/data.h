/* What the commands share that work on the data directory itself: serve, init, verify, admin. */
#pragma once
#include "config/settings.h"
#include "storage/catalog/token.h"

/* The catalog's options as the settings have them. */
struct catalog_options data_catalog_options(const struct settings *settings);
/* Makes a token for an account, which may do everything that its owner may, and never expires. */
enum status data_make_token(struct catalog *catalog, const struct account *account,
                            const char *name, struct arena *arena, char text[TOKEN_SIZE],
                            struct error *err);
