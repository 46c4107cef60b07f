/* A project's page as this index shows it, from an upstream's. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stdint.h>

struct mirror_document;
struct request;
struct strbuf;
struct upstream;

enum status listing_page_render(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *project,
                                bool is_json, struct strbuf *out, int64_t *modified_us,
                                struct error *err);
