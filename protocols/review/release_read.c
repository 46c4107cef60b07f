#include "protocols/review/release_read.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/memory/stream.h"

#include <string.h>

enum { MAGIC_SIZE = 4, PATH_BYTES_MAX = 16 << 20 };

struct reading {
    struct release *release;
    const struct release_paths *paths;
    struct release_text *texts;
    size_t path_bytes;
};

/* How programs begin: scripts, ELF, PE, Mach-O in either order and fat, WebAssembly. */
static bool is_program(const unsigned char *bytes, size_t length)
{
    static const struct {
        const char *bytes;
        size_t length;
    } magics[] = {
        {"#!", 2},
        {"MZ", 2},
        {"\x7f" "ELF", 4},
        {"\xfe\xed\xfa\xce", 4},
        {"\xfe\xed\xfa\xcf", 4},
        {"\xce\xfa\xed\xfe", 4},
        {"\xcf\xfa\xed\xfe", 4},
        {"\xca\xfe\xba\xbe", 4},
        {"\0asm", 4},
    };

    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (length >= magics[i].length && !memcmp(bytes, magics[i].bytes, magics[i].length))
            return true;
    return false;
}

static struct strbuf *wanted_text(struct reading *reading, const char *path)
{
    for (struct release_text *text = reading->texts; text && text->path; text++)
        if (!strcmp(text->path, path)) {
            text->is_there = true;
            strbuf_clear(text->out);
            return text->out;
        }
    return NULL;
}

static enum status read_content(struct reading *reading, struct reader *content,
                                struct release_file *file, struct error *err)
{
    struct strbuf *text = wanted_text(reading, file->path);
    struct digester *digester = digester_new(DIGEST_SHA256);
    unsigned char piece[8 * 1024], magic[MAGIC_SIZE];
    size_t got, begun = 0;
    struct digests digests;
    enum status rc;

    while (!(rc = reader_read(content, piece, sizeof piece, &got, err)) && got) {
        for (size_t i = 0; i < got && begun < MAGIC_SIZE; i++)
            magic[begun++] = piece[i];
        digester_update(digester, piece, got);
        if (text)
            strbuf_bytes(text, piece, got);
    }
    if (!rc) {
        digester_finish(digester, &digests);
        memcpy(file->sha256, digests.sha256, SHA256_SIZE);
        file->is_executable = file->is_executable || is_program(magic, begun);
    }
    digester_free(digester);
    return rc;
}

static enum status see_entry(void *context, const struct unpack_entry *entry, struct reader *content,
                             struct error *err)
{
    struct reading *reading = context;
    struct release *release = reading->release;
    const char *path = entry->path;
    struct release_file *file;

    if (entry->kind == UNPACK_DIRECTORY)
        return STATUS_OK;
    while (!strncmp(path, "./", 2))
        path += 2;
    if (!(path = reading->paths->compared(release->arena, path)))
        return STATUS_OK;
    if ((reading->path_bytes += strlen(path)) > PATH_BYTES_MAX)
        return fail(err, STATUS_INVALID, "archive-unsafe", "the archive's paths are longer than %d bytes together",
                    PATH_BYTES_MAX);
    file = release_add_file(release, path);
    file->is_link = entry->kind == UNPACK_LINK;
    file->is_executable = entry->is_executable;
    file->runs = reading->paths->runs && reading->paths->runs(file->path);
    file->size = entry->size;
    return file->is_link ? STATUS_OK : read_content(reading, content, file, err);
}

static void set_broken(struct release *release, const char *code, const struct error *err)
{
    release->broken_code = arena_copy(release->arena, *err->code ? err->code : code);
    release->broken = arena_copy(release->arena, err->message);
}

enum status release_judge(struct release *release, enum status rc, const struct error *err)
{
    static const char *const codes[] = {"EBADTARBALL",    "EMANIFESTCONFUSION", "archive-broken", "bytes-wrong",
                                        "file-too-large", "foreign-host",       "metadata-mismatch"};

    if (rc == STATUS_NOT_FOUND || rc == STATUS_GONE) {
        set_broken(release, "absent", err);
        return STATUS_OK;
    }
    for (size_t i = 0; rc == STATUS_BAD_UPSTREAM && i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(err->code, codes[i])) {
            set_broken(release, codes[i], err);
            return STATUS_OK;
        }
    return rc;
}

enum status release_read(int fd, int64_t size, enum unpack_format format,
                         const struct unpack_limits *limits, const struct release_paths *paths,
                         struct release_text *texts, struct release *out, struct error *err)
{
    struct reading reading = {out, paths, texts, 0};
    struct unpack_totals totals;
    enum status rc;

    out->archive_bytes = size;
    rc = unpack_walk(fd, (uint64_t)size, format, limits, see_entry, &reading, &totals, err);
    out->unpacked_bytes = (int64_t)totals.bytes;
    if (rc != STATUS_INVALID)
        return rc;
    set_broken(out, "archive-broken", err);
    return STATUS_OK;
}
