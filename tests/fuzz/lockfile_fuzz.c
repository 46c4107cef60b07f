/* A lockfile of any content is read or refused in words by every reader, and what is told keeps the
 * header's promises. */
#include "protocols/lockfile/lockfile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *whole;
static size_t whole_length;

static enum status look(void *context, const struct lockfile_entry *entry, struct error *err)
{
    (void)context;
    (void)err;
    if (entry->what == LOCKFILE_PACKAGE &&
        (!entry->name || !entry->version || strstr(entry->name, "..") == entry->name ||
         strpbrk(entry->name, "?#%\\ \r\n") || strpbrk(entry->version, "/?#%\\ \r\n")))
        abort();
    if (entry->what == LOCKFILE_REGISTRY && !entry->url)
        abort();
    if (entry->what == LOCKFILE_SKIPPED && !entry->why)
        abort();
    if (!entry->line)
        abort();
    if (entry->url_length &&
        (entry->url_offset > whole_length || entry->url_length > whole_length - entry->url_offset ||
         (!entry->url_is_encoded &&
          memcmp(whole + entry->url_offset, entry->url, entry->url_length))))
        abort();
    return STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = '\0';
    whole = text;
    whole_length = size;
    for (enum lockfile_kind kind = 0; kind < LOCKFILE_KINDS; kind++) {
        struct error err = {0};

        if (lockfile_read(kind, "f", text, size, look, NULL, &err) && !err.message[0])
            abort();
    }
    free(text);
    return 0;
}
