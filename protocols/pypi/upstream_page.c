#include "protocols/pypi/upstream_page.h"

#include "protocols/pypi/wheel_name.h"
#include "storage/memory/arena.h"
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"
#include "storage/remote/url.h"

#include <string.h>
#include <strings.h>

void upstream_raw_begin(struct upstream_raw *raw)
{
    *raw = (struct upstream_raw){.file = {.size = -1}};
}

void upstream_raw_digest(struct upstream_raw *raw, const char *kind, const char *hex)
{
    struct digests *digests = &raw->file.digests;
    const struct {
        const char *name;
        enum digest_kind kind;
        uint8_t *out;
        size_t size;
    } kinds[] = {
        {"sha256",      DIGEST_SHA256,  digests->sha256,  SHA256_SIZE },
        {"sha512",      DIGEST_SHA512,  digests->sha512,  SHA512_SIZE },
        {"sha1",        DIGEST_SHA1,    digests->sha1,    SHA1_SIZE   },
        {"md5",         DIGEST_MD5,     digests->md5,     MD5_SIZE    },
        {"blake2b_256", DIGEST_BLAKE2B, digests->blake2b, BLAKE2B_SIZE},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(kind, kinds[i].name) && digest_parse_hex(hex, kinds[i].out, kinds[i].size))
            digests->kinds |= kinds[i].kind;
}

static const char *canonical_version(struct arena *arena, const char *file, const char *project)
{
    const char *text = file_name_version(file, project, arena);
    struct pypi_version version;
    struct strbuf out;

    if (!text || !pypi_version_parse(text, &version))
        return NULL;
    strbuf_init(&out, arena, 2 * PYPI_VERSION_LENGTH_MAX);
    pypi_version_text(&version, &out);
    return strbuf_failed(&out) ? NULL : out.data;
}

bool upstream_file_is_known(struct upstream_reading *reading, const char *name)
{
    return canonical_version(reading->each, name, reading->project);
}

/* "2026-01-02T03:04:05.123456Z", and what older Python writes: "+00:00", or more digits. uv refuses
 * a whole page for a time that it cannot read. */
static const char *read_time(struct arena *arena, const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    size_t length = sizeof form - 1, digits = 0;
    const char *zone;

    for (size_t i = 0; i < length; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return NULL;
    if (strncmp(text + 5, "01", 2) < 0 || strncmp(text + 5, "12", 2) > 0 ||
        strncmp(text + 8, "01", 2) < 0 || strncmp(text + 8, "31", 2) > 0 ||
        strncmp(text + 11, "23", 2) > 0 || text[14] > '5' || text[17] > '5')
        return NULL;
    zone = text + length;
    if (*zone == '.')
        digits = strspn(++zone, "0123456789");
    zone += digits;
    if (strcmp(zone, "Z") && strcmp(zone, "+00:00"))
        return NULL;
    return digits ? arena_format(arena, "%.*s.%.*sZ", (int)length, text,
                                 (int)(digits < 6 ? digits : 6), text + length + 1)
                  : arena_format(arena, "%.*sZ", (int)length, text);
}

enum status upstream_raw_end(struct upstream_reading *reading, struct upstream_raw *raw,
                             struct error *err)
{
    struct upstream_file *file = &raw->file;
    uint8_t sha256[SHA256_SIZE];
    enum status rc = STATUS_OK;

    if (!raw->is_unusable && file->name && file->url &&
        (file->version = canonical_version(reading->each, file->name, reading->project)) &&
        (file->url = url_resolve(reading->each, reading->url, file->url))) {
        if (file->requires_python && !*file->requires_python)
            file->requires_python = NULL;
        if (file->uploaded)
            file->uploaded = read_time(reading->each, file->uploaded);
        if (file->metadata_sha256 && !digest_parse_hex(file->metadata_sha256, sha256, SHA256_SIZE))
            file->metadata_sha256 = NULL;
        if (file->provenance)
            file->provenance = url_resolve(reading->each, reading->url, file->provenance);
        reading->out->files++;
        rc = reading->visit(reading->context, file, err);
    } else {
        reading->out->left_out++;
    }
    arena_reset(reading->each);
    return rc;
}

/* Looks at the first byte that is no blank, and then reads as if nobody had looked. */
struct sniffer {
    struct reader reader;
    struct reader *source;
    unsigned char start[512];
    size_t at, end;
};

static enum status sniffer_read(struct reader *reader, void *buffer, size_t size, size_t *got,
                                struct error *err)
{
    struct sniffer *sniffer = (struct sniffer *)reader;

    if (sniffer->at == sniffer->end)
        return reader_read(sniffer->source, buffer, size, got, err);
    *got = sniffer->end - sniffer->at < size ? sniffer->end - sniffer->at : size;
    memcpy(buffer, sniffer->start + sniffer->at, *got);
    sniffer->at += *got;
    return STATUS_OK;
}

static enum status sniff(struct sniffer *sniffer, char *first, struct error *err)
{
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf}; /* of UTF-8, which JSON has not */
    enum status rc =
        reader_read_all(sniffer->source, sniffer->start, sizeof sniffer->start, &sniffer->end, err);

    if (sniffer->end >= sizeof mark && !memcmp(sniffer->start, mark, sizeof mark))
        sniffer->at = sizeof mark;
    while (sniffer->at < sniffer->end && memchr(" \t\r\n", sniffer->start[sniffer->at], 4))
        sniffer->at++;
    *first = sniffer->at < sniffer->end ? (char)sniffer->start[sniffer->at] : '\0';
    return rc;
}

static bool is_type(const char *content_type, const char *type)
{
    size_t length = strlen(type);

    return !strncasecmp(content_type, type, length) &&
           (!content_type[length] || strchr("; \t", content_type[length]));
}

/* The bytes decide: some stores call every page octets, and some call JSON what is HTML. */
static bool is_labelled(const char *content_type, bool is_json)
{
    if (!content_type)
        return false;
    return is_json ? is_type(content_type, "application/vnd.pypi.simple.v1+json")
                   : is_type(content_type, "text/html") ||
                         is_type(content_type, "application/vnd.pypi.simple.v1+html");
}

enum status upstream_page_read(struct reader *document, const char *content_type, const char *url,
                               const char *project, upstream_page_visit visit, void *context,
                               struct arena *arena, struct upstream_page *out, struct error *err)
{
    struct sniffer sniffer = {
        .reader = {sniffer_read, NULL},
          .source = document
    };
    struct upstream_reading reading = {
        .document = &sniffer.reader,
        .url = url,
        .project = project,
        .visit = visit,
        .context = context,
        .arena = arena,
        .out = out,
    };
    enum status rc;
    char first;

    *out = (struct upstream_page){0};
    if ((rc = sniff(&sniffer, &first, err)))
        return rc;
    if (first != '{' && first != '<')
        return fail(err, STATUS_BAD_UPSTREAM, "not-an-index",
                    "the upstream's page of %s is neither JSON nor HTML", project);
    out->is_mislabelled = !is_labelled(content_type, first == '{');
    reading.each = arena_new();
    rc = first == '{' ? upstream_page_read_json(&reading, err)
                      : upstream_page_read_html(&reading, err);
    arena_free(reading.each);
    return rc;
}
