#include "server/front_page.h"

#include "storage/memory/strbuf.h"

#include <stdio.h>

enum { PAGE_MAX_BYTES = 16 << 10, LINE_MAX_BYTES = 1024 };

/* "%s" is the server's own address. */
static const struct {
    const char *who, *line;
} lines[] = {
    {"npm, pnpm, Yarn, bun", "%s/npm/ORG/REPOSITORY/"},
    {"pip, uv, Poetry", "%s/pypi/ORG/REPOSITORY/simple/"},
    {"twine, uv publish", "%s/pypi/ORG/REPOSITORY/"},
    {"build artifacts, with curl", "%s/artifacts/ORG/REPOSITORY/PACKAGE/VERSION/FILE"},
    {"a token, once", "packhouse login --url %s"},
    {"a project of yours", "packhouse setup npm --repo ORG/REPOSITORY --write"},
};

static const char says[] = "This is Packhouse, a private server for npm packages, Python packages and build artifacts. "
                           "Programs talk to it; there is nothing to click.";
static const char asks[] = "Who runs it gives you the names of your organisation and repository, and a token. "
                           "packhouse --help, and the folder docs of its source, have the rest.";

static void write_text(const char *base, struct strbuf *out)
{
    strbuf_format(out, "%s\n\n", says);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        strbuf_format(out, "  %-28s", lines[i].who);
        strbuf_format(out, lines[i].line, base);
        strbuf_char(out, '\n');
    }
    strbuf_format(out, "\n%s\n", asks);
}

static void write_html(const char *base, struct strbuf *out)
{
    char line[LINE_MAX_BYTES];

    strbuf_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Packhouse</title>\n"
                     "<h1>Packhouse</h1>\n");
    strbuf_format(out, "<p>%s</p>\n<table>\n", says);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(line, sizeof line, lines[i].line, base);
        strbuf_format(out, "<tr><th align=\"left\">%s</th><td><code>", lines[i].who);
        strbuf_html(out, line);
        strbuf_text(out, "</code></td></tr>\n");
    }
    strbuf_format(out, "</table>\n<p>%s</p>\n</html>\n", asks);
}

enum status get_front_page(struct request *req, struct response *res)
{
    static const char *const forms[] = {"text/plain", "text/html"};
    const char *base = req->service->public_url ? req->service->public_url : "";
    bool is_html = request_accept(req, forms, 2) == 1;
    struct strbuf body;

    strbuf_init(&body, req->arena, PAGE_MAX_BYTES);
    (is_html ? write_html : write_text)(base, &body);
    response_header(req, res, "Vary", "Accept");
    response_header(req, res, "Cache-Control", "no-cache");
    response_header(req, res, "Content-Security-Policy", "default-src 'none'");
    return respond_strbuf(req, res, 200, is_html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8", &body);
}
