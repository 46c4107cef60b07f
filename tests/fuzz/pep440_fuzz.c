/* A version's canonical spelling is a version that equals it; the order is one, both ways. */
#include "storage/memory/pypi_version.h"
#include "storage/memory/strbuf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void check(const struct pypi_version *version)
{
    struct pypi_version again;
    struct strbuf text, spelled;

    strbuf_init(&text, NULL, 1000);
    strbuf_init(&spelled, NULL, 1000);
    pypi_version_text(version, &text);
    must(!strbuf_failed(&text) && pypi_version_parse(text.data, &again));
    must(!pypi_version_compare(version, &again));
    must(pypi_version_is_prerelease(version) == pypi_version_is_prerelease(&again));
    pypi_version_text(&again, &spelled);
    must(!strcmp(text.data, spelled.data));
    strbuf_clear(&text);
    pypi_version_identity(version, &text);
    must(pypi_version_parse(text.data, &again) && !pypi_version_compare(version, &again));
    strbuf_free(&text);
    strbuf_free(&spelled);
}

/* The input is two texts with a NUL between them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pypi_version first, second;
    char *texts = calloc(1, size + 2), *other;
    bool is_first, is_second;

    if (!texts)
        return 0;
    if (size)
        memcpy(texts, data, size);
    other = texts + strlen(texts) + 1;
    if (other > texts + size)
        other = texts;
    is_first = pypi_version_parse(texts, &first);
    is_second = pypi_version_parse(other, &second);
    if (is_first)
        check(&first);
    if (is_second)
        check(&second);
    if (is_first && is_second)
        must(sign(pypi_version_compare(&first, &second)) ==
             -sign(pypi_version_compare(&second, &first)));
    free(texts);
    return 0;
}
