/* Projects that are published here. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stdint.h>

struct facts_list;
struct repository;
struct request;
struct strbuf;

/* Adds the project's page, as policy lets it be seen; links lead to req->repository. ends_us: see
 * package_document.h. STATUS_NOT_FOUND where the repository has no such project. */
enum status local_page_render(struct request *req, const struct repository *repository,
                              const char *project, bool is_json, struct strbuf *out,
                              int64_t *modified_us, int64_t *ends_us, struct error *err);
