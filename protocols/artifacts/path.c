#include "protocols/artifacts/path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <uninorm.h>
#include <unistr.h>

enum { NAME_MAX_BYTES = 128 };

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(const char *name, const char *punctuation)
{
    size_t length = strnlen(name, NAME_MAX_BYTES + 1);

    if (!length || length > NAME_MAX_BYTES || !is_alphanumeric(*name))
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_alphanumeric(name[i]) && !strchr(punctuation, name[i]))
            return false;
    return true;
}

bool artifact_package_is_valid(const char *package)
{
    return is_name(package, "._+-");
}

bool artifact_version_is_valid(const char *version)
{
    return is_name(version, "._+~-");
}

static enum status invalid(struct error *err, const char *rule)
{
    return fail(err, STATUS_INVALID, "invalid-path", "a file's path in a version %s", rule);
}

/* One name must have one spelling: the same letters composed and decomposed would be two files here
 * and one on a disk that normalises. */
static bool is_normalized(const uint8_t *text, size_t length)
{
    uint8_t buffer[ARTIFACT_PATH_MAX];
    size_t normal_length = sizeof buffer;
    uint8_t *normal = u8_normalize(UNINORM_NFC, text, length, buffer, &normal_length);
    bool is_same = normal && normal_length == length && !memcmp(normal, text, length);

    if (normal != buffer)
        free(normal);
    return is_same;
}

static enum status check_characters(const char *path, size_t length, struct error *err)
{
    bool is_ascii = true;

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)path[i];

        if (c < 0x20 || c == 0x7f)
            return invalid(err, "holds no control characters");
        if (c == '\\')
            return invalid(err, "holds no backslash");
        if (c >= 0x80)
            is_ascii = false;
    }
    if (is_ascii)
        return STATUS_OK;
    if (u8_check((const uint8_t *)path, length))
        return invalid(err, "is UTF-8");
    for (size_t i = 0; i + 1 < length; i++) /* U+0080 to U+009F, the other control characters */
        if ((unsigned char)path[i] == 0xc2 && (unsigned char)path[i + 1] < 0xa0)
            return invalid(err, "holds no control characters");
    if (!is_normalized((const uint8_t *)path, length))
        return invalid(err, "is in Unicode's normal form C");
    return STATUS_OK;
}

static enum status check_segment(const char *segment, size_t length, struct error *err)
{
    if (!length)
        return invalid(err, "has no empty segment, and no slash at its end");
    if (length > ARTIFACT_SEGMENT_MAX)
        return invalid(err, "has at most 255 bytes between two slashes");
    if (!strncmp(segment, "..", length)) /* "." is a beginning of ".." */
        return invalid(err, "has no segment \".\" or \"..\"");
    return STATUS_OK;
}

enum status artifact_path_check(const char *path, struct error *err)
{
    size_t length = strnlen(path, ARTIFACT_PATH_MAX + 1), segments = 0;
    const char *segment = path;
    enum status rc;

    if (length > ARTIFACT_PATH_MAX)
        return invalid(err, "has at most 1024 bytes");
    if ((rc = check_characters(path, length, err)))
        return rc;
    for (;;) {
        const char *slash = strchrnul(segment, '/');

        if ((rc = check_segment(segment, (size_t)(slash - segment), err)))
            return rc;
        if (++segments > ARTIFACT_SEGMENTS_MAX)
            return invalid(err, "has at most 16 segments");
        if (!*slash)
            break;
        segment = slash + 1;
    }
    /* "-/seal", "-/manifest": what is done with a version, not what is in it. */
    if (path[0] == '-' && (path[1] == '/' || !path[1]))
        return invalid(err, "does not begin with the segment \"-\", which is kept for the server");
    return STATUS_OK;
}
