/* What `packhouse login` remembers: a server's URL and token, and perhaps a repository, in
 * $XDG_CONFIG_HOME/packhouse/NAME.yaml, which only its owner can read. */
#pragma once
#include "config/error.h"
#include "config/settings.h"

struct arena;

/* Where the profile is, or would be. STATUS_INVALID where the name would leave the folder. */
enum status profile_path(const char *name, struct arena *arena, char **out, struct error *err);
/* Reads url, token and repo into settings as ORIGIN_PROFILE. STATUS_NOT_FOUND without it. */
enum status profile_read(const char *name, struct arena *arena, struct settings *settings,
                         struct error *err);
/* Writes it anew, by rename, with mode 0600. repo may be "". */
enum status profile_write(const char *name, const struct settings *settings, struct arena *arena,
                          struct error *err);
