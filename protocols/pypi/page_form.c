#include "protocols/http/request.h"
#include "protocols/pypi/page.h"
#include "storage/memory/arena.h"

#include <string.h>
#include <strings.h>

#define JSON_TYPE "application/vnd.pypi.simple.v1+json"
#define HTML_TYPE "application/vnd.pypi.simple.v1+html"

const char page_forms_text[] =
    "This page comes as one of\n" JSON_TYPE "\n" HTML_TYPE "\ntext/html\n";

/* Names that a client may ask by, and what the answer is called. "latest" is only for asking. HTML
 * is first among those that only wildcards name: scripts and old clients expect it. */
static const struct {
    const char *asked;
    struct page_form form;
} forms[] = {
    {"text/html",                               {.is_json = false, .content_type = "text/html; charset=utf-8"}},
    {HTML_TYPE,                                 {.is_json = false, .content_type = HTML_TYPE}                 },
    {"application/vnd.pypi.simple.latest+html", {.is_json = false, .content_type = HTML_TYPE}                 },
    {JSON_TYPE,                                 {.is_json = true, .content_type = JSON_TYPE}                  },
    {"application/vnd.pypi.simple.latest+json", {.is_json = true, .content_type = JSON_TYPE}                  },
};

enum { FORMS = sizeof forms / sizeof *forms, FIRST_JSON = 3 };

/* PEP 691: the query names one type. A '+' in it that was not escaped has become a blank. */
static bool choose_by_name(struct request *req, const char *name, struct page_form *out)
{
    char *asked = arena_copy(req->arena, name);

    for (char *at = asked; (at = strchr(at, ' '));)
        *at = '+';
    for (size_t i = 0; i < FORMS; i++)
        if (!strcasecmp(asked, forms[i].asked)) {
            *out = forms[i].form;
            return true;
        }
    return false;
}

static bool names_json(const struct request *req)
{
    for (size_t i = 0; i < req->header_count; i++)
        if (!strcasecmp(req->headers[i].name, "accept") &&
            (strcasestr(req->headers[i].value, forms[FIRST_JSON].asked) ||
             strcasestr(req->headers[i].value, forms[FIRST_JSON + 1].asked)))
            return true;
    return false;
}

bool page_form_choose(struct request *req, struct page_form *out)
{
    const char *offers[FORMS], *named = request_query(req, "format");
    size_t first = names_json(req) ? FIRST_JSON : 0; /* wins where weights are equal */
    int choice;

    if (named)
        return choose_by_name(req, named, out);
    for (size_t i = 0; i < FORMS; i++)
        offers[i] = forms[(first + i) % FORMS].asked;
    if ((choice = request_accept(req, offers, FORMS)) < 0)
        return false;
    *out = forms[(first + (size_t)choice) % FORMS].form;
    return true;
}
