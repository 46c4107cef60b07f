/* Projects that are published here. */
#pragma once
#include "config/error.h"
#include <stdint.h>

struct facts_list;
struct repository;
struct page_form;
struct request;
struct strbuf;
struct verdict_effect;

/* Adds the project's page, as policy lets it be seen; links lead to req->repository. effect: see
 * package_document.h. STATUS_NOT_FOUND where the repository has no such project. */
enum status local_page_render(struct request *req, const struct repository *repository,
                              const char *project, const struct page_form *form, struct strbuf *out,
                              int64_t *modified_us, struct verdict_effect *effect, struct error *err);
