/* Names, paths and digest fields as clients write them. */
#include "protocols/artifacts/digest_field.h"
#include "protocols/artifacts/path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a valid path may never be, whoever joins it to a folder. */
static void check_is_harmless(const char *path)
{
    if (*path == '/' || strstr(path, "//") || strchr(path, '\\') || !strncmp(path, "../", 3) ||
        strstr(path, "/../") || !strcmp(path, "..") || strlen(path) > ARTIFACT_PATH_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct digests digests = {0};
    struct error err;

    memcpy(text, data, size);
    text[size] = '\0';
    if (!artifact_path_check(text, &err))
        check_is_harmless(text);
    if (artifact_version_is_valid(text) && strpbrk(text, "/@\\ "))
        abort();
    artifact_package_is_valid(text);
    digest_field_read(text, &digests, &err);
    digest_field_wanted(text);
    free(text);
    return 0;
}
