/* Lockfiles of a project that name another host than Packhouse, which a client would then ask. */
#pragma once
#include "server/commands/setup.h"

struct setup_lockfiles;

/* Looks at those that the client reads, in the folder that the person stands in. With fix, what a
 * registry brought is had from Packhouse from now on: URLs are replaced, digests stay. */
enum status setup_lockfiles_find(struct setup *setup, const struct setup_client *client, bool fix,
                                 struct setup_lockfiles **out, struct error *err);
void setup_lockfiles_print(const struct setup_lockfiles *lockfiles);
void setup_lockfiles_json(const struct setup_lockfiles *lockfiles, struct strbuf *out);
