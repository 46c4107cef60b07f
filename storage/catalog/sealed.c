#include "storage/catalog/sealed.h"

#include "storage/catalog/data_directory.h"
#include "storage/memory/arena.h"
#include "storage/memory/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CREDENTIAL_MAX = 8192 };
enum { STORED_SEALED = 1, STORED_FILE = 2 }; /* the first byte of what is stored */

static enum status read_key(const char *path, uint8_t key[SECRET_KEY_SIZE], struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return errno == ENOENT ? STATUS_NOT_FOUND : fail_errno(err, "could not open %s", path);
    got = read(fd, key, SECRET_KEY_SIZE);
    close(fd);
    if (got != SECRET_KEY_SIZE)
        return fail(err, STATUS_INTERNAL, "secret-key", "%s is no key: bring it back from a backup", path);
    return STATUS_OK;
}

/* Linked under its name only once it is whole; whoever comes second uses the first one's. */
static enum status make_key(const char *data, const char *path, struct error *err)
{
    char partial[DATA_PATH_MAX];
    uint8_t key[SECRET_KEY_SIZE];
    enum status rc = STATUS_OK;
    int fd;

    if ((rc = data_path(data, "secret.key.part", partial, err)))
        return rc;
    if ((fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
        return fail_errno(err, "could not make %s", partial);
    secret_random(key, sizeof key);
    if (write(fd, key, sizeof key) != sizeof key || fsync(fd) || (link(partial, path) && errno != EEXIST))
        rc = fail_errno(err, "could not make %s", path);
    close(fd);
    unlink(partial);
    return rc;
}

static enum status find_key(struct catalog *catalog, uint8_t key[SECRET_KEY_SIZE], bool may_make,
                            struct error *err)
{
    const char *data = catalog_options(catalog)->data;
    char path[DATA_PATH_MAX];
    enum status rc;

    if ((rc = data_path(data, "secret.key", path, err)))
        return rc;
    if ((rc = read_key(path, key, err)) != STATUS_NOT_FOUND)
        return rc;
    if (!may_make)
        return fail(err, STATUS_INTERNAL, "secret-key",
                    "%s is gone, and with it what it sealed: bring it back from a backup", path);
    if ((rc = make_key(data, path, err)) || (rc = data_flush(data, err)))
        return rc;
    return read_key(path, key, err);
}

/* RFC 9110 11.6.2: a scheme and what it takes, in one line. */
static bool is_credential(const char *text)
{
    if (strncasecmp(text, "Bearer ", 7) && strncasecmp(text, "Basic ", 6))
        return false;
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
            return false;
    return true;
}

enum status credential_seal(struct catalog *catalog, const char *url, const char *credential,
                            const char *file, struct arena *arena, const void **out, size_t *length,
                            struct error *err)
{
    size_t size = strlen(credential ? credential : file ? file : "");
    uint8_t key[SECRET_KEY_SIZE], *stored;
    enum status rc;

    *out = NULL;
    *length = 0;
    if (!credential && !file)
        return STATUS_OK;
    if (credential && file)
        return fail(err, STATUS_INVALID, "invalid-value", "a credential or a file that holds it, not both");
    if (size > CREDENTIAL_MAX || (credential && !is_credential(credential)) || (file && *file != '/'))
        return fail(err, STATUS_INVALID, "invalid-value",
                    "a credential is \"Bearer …\" or \"Basic …\"; a file's path begins with a slash");
    stored = arena_alloc(arena, 1 + size + SECRET_SEAL_EXTRA);
    *out = stored;
    if (file) {
        stored[0] = STORED_FILE;
        memcpy(stored + 1, file, size);
        *length = 1 + size;
        return STATUS_OK;
    }
    if ((rc = find_key(catalog, key, true, err)))
        return rc;
    stored[0] = STORED_SEALED;
    secret_seal(key, url, credential, size, stored + 1);
    *length = 1 + size + SECRET_SEAL_EXTRA;
    return STATUS_OK;
}

/* A file holds the whole value, or a token alone. */
static enum status read_file(const char *path, struct arena *arena, const char **out,
                             struct error *err)
{
    char *text = arena_alloc(arena, CREDENTIAL_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return fail_errno(err, "could not open the credential file %s", path);
    got = read(fd, text, CREDENTIAL_MAX);
    close(fd);
    while (got > 0 && strchr(" \t\r\n", text[got - 1]))
        got--;
    text[got > 0 ? got : 0] = '\0';
    if (*text && !is_credential(text))
        text = arena_format(arena, "Bearer %s", text);
    if (!is_credential(text))
        return fail(err, STATUS_INTERNAL, "", "the credential file %s holds no credential", path);
    *out = text;
    return STATUS_OK;
}

enum status credential_open(struct catalog *catalog, const char *url, const void *stored,
                            size_t length, struct arena *arena, const char **out,
                            struct error *err)
{
    const uint8_t *bytes = stored;
    uint8_t key[SECRET_KEY_SIZE];
    char *plain;
    enum status rc;

    *out = NULL;
    if (length > 1 && bytes[0] == STORED_FILE)
        return read_file(arena_copy_bytes(arena, bytes + 1, length - 1), arena, out, err);
    if ((rc = find_key(catalog, key, false, err)))
        return rc;
    plain = arena_alloc(arena, length + 1);
    if (length < 1 || bytes[0] != STORED_SEALED || !secret_open(key, url, bytes + 1, length - 1, plain))
        return fail(err, STATUS_INTERNAL, "secret-key", "a stored credential does not open with secret.key");
    *out = plain;
    return STATUS_OK;
}
