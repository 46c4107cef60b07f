/* A project's page as this index shows it, from an upstream's. */
#pragma once
#include "config/error.h"
#include <stdint.h>

struct mirror_document;
struct package_verdicts;
struct page_head;
struct page_form;
struct request;
struct strbuf;
struct upstream;
struct verdict_effect;

/* What policy holds back is yanked with its sentence, so that only who insists on a version gets to read
 * it; what it denies is not there; and where nothing is left the project is quarantined. C6, PEP 592,
 * 792. effect: see package_document.h. */
enum status listing_page_render(struct request *req, const struct upstream *upstream,
                                const struct mirror_document *document, const char *project,
                                const struct page_form *form, struct strbuf *out, int64_t *modified_us,
                                struct verdict_effect *effect, struct error *err);

/* Says in the head that policy holds back all of the project, and why. */
void page_quarantine(struct request *req, const struct package_verdicts *verdicts,
                     const char *project, struct page_head *head);
