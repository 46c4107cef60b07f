/* What handlers about holds, requests and exceptions share: which package a text names, who may look,
 * and what policy says of a version now. */
#pragma once
#include "policy/purl.h"
#include "protocols/http/request.h"
#include "storage/catalog/request.h"

struct strbuf;
struct verdict_format;

/* The :org of the path as the caller sees it. *sees_all: he reads policy or decides, so that he sees what
 * every repository of it holds back; others see what concerns repositories that they may read. */
enum status admin_policy_org(struct request *req, struct org *org, bool *sees_all);
/* Whether one who does not see all may see what concerns this package of that repository. */
bool admin_sees_package(const struct request *req, const char *org, const char *repository,
                        enum format format, const char *name);

/* "npm:left-pad", "pypi:Requests" or a package URL, from ?package=; format 0 where it is absent. */
enum status admin_package_query(struct request *req, struct purl *out, const char **name_fold);
/* A purl's name as rows have it. */
const char *admin_fold(const struct request *req, const struct purl *purl);

/* Whether the version is the purl's, however it is spelt. */
bool admin_is_of_version(const struct purl *purl, const char *version);
/* NULL for artifacts, which no upstream has. */
const struct verdict_format *admin_verdict_format(enum format format);

/* What policy says of the version to those who ask the repository, now. *is_held: it is held or denied.
 * STATUS_NOT_FOUND where there is no such version. */
enum status admin_find_held(struct request *req, const struct repository *repository,
                            const struct purl *purl, struct wanted_version *out, bool *is_held);

/* The :id of the path, where the caller may see it. */
enum status admin_find_request(struct request *req, struct org *org, bool *sees_all,
                               struct request_entry *out);

/* Whether no file that both facts name has another digest of the same kind in one than in the other. */
enum status admin_same_bytes(struct request *req, const char *one, const char *other, bool *out);

/* Writes "package" ("npm:left-pad") and "version". */
void write_package(struct request *req, struct strbuf *out, enum format format, const char *name,
                   const char *version);
/* Writes words that are separated by blanks as an array. */
void write_words(struct request *req, struct strbuf *out, const char *member, const char *words);
