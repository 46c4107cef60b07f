/* What upstreams know against versions. Only names that an upstream owns are asked of it: what is ours, or
 * nobody's, never leaves. npm spec 14. */
#pragma once
#include "protocols/http/response.h"
#include "protocols/npm/entry_table.h"

struct strbuf;

enum { NPM_AUDIT_DEPTH = 128 };

/* The body, inflated where it is gzip. */
enum status npm_audit_body(struct request *req, char **text, size_t *length);
/* Asks the owners of the names, entry->text being a JSON array of versions, and adds their answers as
 * one object. During an install an upstream that does not answer within two seconds says nothing;
 * otherwise its failure is one, for nothing would read as "no vulnerabilities". */
enum status npm_ask_advisories(struct request *req, const struct npm_entries *names,
                               struct strbuf *out);

/* Handlers: the call of npm since 7 and of the others, and that of pnpm until 10. */
enum status npm_post_advisories(struct request *req, struct response *res);
enum status npm_post_audit(struct request *req, struct response *res);
int64_t npm_audit_limit(const struct settings *settings);
