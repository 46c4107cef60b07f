#include "config/settings_table.h"

#include "config/quantity.h"

#include <stdlib.h>
#include <string.h>

#define KiB INT64_C(1024)
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define TiB (1024 * GiB)
#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define AT(field) offsetof(struct settings, field)

enum { TEXT_MAX = 4096, NAME_MAX_LENGTH = 40 };

static const char *bad_address(const char *text)
{
    const char *colon = strrchr(text, ':');
    int64_t port;

    if (!colon || colon == text || strchr(text, ' '))
        return "must be ADDRESS:PORT";
    if (quantity_parse_integer(colon + 1, &port, NULL) || port < 0 || port > 65535)
        return "must end in a port from 0 to 65535";
    return NULL;
}

static const char *bad_url(const char *text)
{
    if (!*text)
        return NULL;
    if (strncmp(text, "http://", 7) && strncmp(text, "https://", 8))
        return "must begin with http:// or https://";
    if (strpbrk(text, "?# @"))
        return "must be a plain address, without user, query or fragment";
    if (!strchr(text, ':') || !strstr(text, "://")[3] || strstr(text, "://")[3] == '/')
        return "must name a host";
    return NULL;
}

static const char *bad_text(const char *text)
{
    return *text ? NULL : "must not be empty";
}

/* Whether each is a network is found out where they are used. */
static const char *bad_networks(const char *text)
{
    return text[strspn(text, "0123456789abcdefABCDEF:./, ")]
               ? "must be networks such as 10.0.0.0/8, with commas between them"
               : NULL;
}

/* clang-format off */
const struct setting settings_table[] = {
    {"data", SETTING_PATH, AT(data), "./data", 0, 0,
     .decides = "The directory that holds everything: rows and bytes.", .complaint = bad_text},
    {"listen", SETTING_TEXT, AT(listen), "127.0.0.1:8080", 0, 0,
     .decides = "The address and port to listen on. Port 0 takes a free one.", .complaint = bad_address},
    {"public_url", SETTING_TEXT, AT(public_url), "", 0, 0,
     .decides = "The address that clients use, such as https://packages.example.com. Links in documents start "
     "with it, so keep it for ever. Unset: the address listened on.", .complaint = bad_url},
    {"ready_file", SETTING_PATH, AT(ready_file), "", 0, 0,
     .decides = "A file that appears when the server is ready, holding its URL and process id as JSON."},
    {"log_level", SETTING_WORD, AT(log_level), "info", 0, 0,
     .decides = "The least important lines that are logged.", .words = "debug|info|warn|error"},
    {"access_log", SETTING_PATH, AT(access_log), "off", 0, 0,
     .decides = "Where a line for each request goes: off, stderr, or a file's path.", .complaint = bad_text},

    {"workers", SETTING_INTEGER, AT(workers), "1280", 4, 65536,
     .decides = "Connections that can be open at once; each takes one thread."},
    {"request_head_max", SETTING_SIZE, AT(request_head_max), "16 KiB", 2 * KiB, 256 * KiB,
     .decides = "The longest request line with headers. More is answered 431."},
    {"request_head_timeout", SETTING_DURATION, AT(request_head_timeout_ms), "15s", 100, HOUR,
     .decides = "How long the head of a request may take, from its first byte."},
    {"keep_alive_timeout", SETTING_DURATION, AT(keep_alive_timeout_ms), "65s", 100, HOUR,
     .decides = "How long an idle connection stays open."},
    {"body_timeout", SETTING_DURATION, AT(body_timeout_ms), "60s", 100, HOUR,
     .decides = "How long each 64 KiB of a request's body may take. Slower ones are cut."},
    {"send_timeout", SETTING_DURATION, AT(send_timeout_ms), "60s", 100, HOUR,
     .decides = "How long a client may take no byte of an answer before it is cut."},
    {"shutdown_grace", SETTING_DURATION, AT(shutdown_grace_ms), "30s", 0, HOUR,
     .decides = "How long running requests may go on after SIGTERM."},

    {"npm_publish_max", SETTING_SIZE, AT(npm_publish_max), "1 GiB", 0, 16 * TiB,
     .decides = "The largest body of npm publish; base64 makes it a third larger than the tarball. 0: no limit."},
    {"wheel_max", SETTING_SIZE, AT(wheel_max), "0", 0, 16 * TiB,
     .decides = "The largest Python distribution. 0: no limit."},
    {"artifact_max", SETTING_SIZE, AT(artifact_max), "0", 0, 16 * TiB,
     .decides = "The largest file of a build artifact. 0: no limit."},
    {"api_body_max", SETTING_SIZE, AT(api_body_max), "1 MiB", 1 * KiB, 64 * MiB,
     .decides = "The largest body of a call to /api/v1."},
    {"npm_json_depth", SETTING_INTEGER, AT(npm_json_depth), "64", 8, 512,
     .decides = "How deeply the JSON of an npm publish may nest."},
    {"npm_audit_max", SETTING_SIZE, AT(npm_audit_max), "16 MiB", 64 * KiB, 256 * MiB,
     .decides = "The largest body of npm audit, unpacked."},
    {"archive_entries_max", SETTING_INTEGER, AT(archive_entries_max), "100000", 1, 100000000,
     .decides = "The most entries of an archive that is looked into."},
    {"archive_bytes_max", SETTING_SIZE, AT(archive_bytes_max), "16 GiB", 1 * MiB, 16 * TiB,
     .decides = "The most bytes that an archive may inflate to."},
    {"archive_ratio_max", SETTING_INTEGER, AT(archive_ratio_max), "50", 2, 1000000,
     .decides = "How many times its size an archive may inflate to, above archive_ratio_from."},
    {"archive_ratio_from", SETTING_SIZE, AT(archive_ratio_from), "64 MiB", 0, 16 * TiB,
     .decides = "Archives that inflate to no more than this may have any ratio."},
    {"multipart_parts_max", SETTING_INTEGER, AT(multipart_parts_max), "2000", 8, 100000,
     .decides = "The most fields of a Python upload's form."},
    {"multipart_field_max", SETTING_SIZE, AT(multipart_field_max), "4 MiB", 1 * KiB, 64 * MiB,
     .decides = "The longest text field of a Python upload, such as its description."},
    {"multipart_text_max", SETTING_SIZE, AT(multipart_text_max), "8 MiB", 1 * KiB, 64 * MiB,
     .decides = "All text fields of a Python upload together."},

    {"document_cache_size", SETTING_SIZE, AT(document_cache_size), "256 MiB", 1 * MiB, 1 * TiB,
     .decides = "Memory for rendered documents."},
    {"file_cache_size", SETTING_SIZE, AT(file_cache_size), "64 MiB", 1 * MiB, 1 * TiB,
     .decides = "Memory for small files, such as tarballs that many install."},
    {"writer_group_max", SETTING_INTEGER, AT(writer_group_max), "256", 1, 4096,
     .decides = "The most changes that share one commit."},
    {"writer_queue_max", SETTING_INTEGER, AT(writer_queue_max), "4096", 1, 1000000,
     .decides = "Changes that may wait for the writer. More are answered 503."},
    {"readers", SETTING_INTEGER, AT(readers), "0", 0, 1024,
     .decides = "Connections that read rows. 0: four for each core."},
    {"org_quota", SETTING_SIZE, AT(org_quota), "0", 0, 1024 * TiB,
     .decides = "What an org may keep that has no quota of its own. 0: no limit."},
    {"upstream_cache_max", SETTING_SIZE, AT(upstream_cache_max), "0", 0, 1024 * TiB,
     .decides = "Bytes of upstreams' files to keep. Over it, those go that nobody has asked for longest. 0: no limit."},
    {"trash_days", SETTING_INTEGER, AT(trash_days), "14", 0, 3650,
     .decides = "How long a removed version may be restored, before its bytes go."},
    {"sweep_grace_hours", SETTING_INTEGER, AT(sweep_grace_hours), "24", 0, 8760,
     .decides = "How long bytes that nothing refers to are left alone, before trash_days begin."},
    {"fetch_log_days", SETTING_INTEGER, AT(fetch_log_days), "90", 1, 3650,
     .decides = "How long it is known who fetched what under which verdict, for audit and for trying policies."},
    {"disk_warn_percent", SETTING_INTEGER, AT(disk_warn_percent), "10", 0, 100,
     .decides = "With less free space than this share, or than disk_warn_bytes, the log warns."},
    {"disk_warn_bytes", SETTING_SIZE, AT(disk_warn_bytes), "10 GiB", 0, 1024 * TiB,
     .decides = "With less free space than this, or than disk_warn_percent, the log warns."},
    {"disk_refuse_percent", SETTING_INTEGER, AT(disk_refuse_percent), "2", 0, 99,
     .decides = "With less free space than this share, or than disk_refuse_bytes, uploads are answered 507."},
    {"disk_refuse_bytes", SETTING_SIZE, AT(disk_refuse_bytes), "1 GiB", 0, 1024 * TiB,
     .decides = "With less free space than this, or than disk_refuse_percent, uploads are answered 507."},
    {"reserve_size", SETTING_SIZE, AT(reserve_size), "64 MiB", 0, 1 * TiB,
     .decides = "Space kept in DATA/reserve.bin, which is given up when the disk is full."},
    {"allow_unsafe_fs", SETTING_BOOL, AT(allow_unsafe_fs), "false", 0, 0,
     .decides = "Serve from a network file system, whose locks and flushes may not keep their word."},
    {"stay_readonly", SETTING_BOOL, AT(stay_readonly), "false", 0, 0,
     .decides = "After a failed flush of the disk go on reading, instead of exiting with code 70."},

    {"upstream_allow_addresses", SETTING_TEXT, AT(upstream_allow_addresses), "", 0, 0,
     .decides = "Private networks that may be fetched from wherever an upstream's name, redirect or page leads, such "
     "as 10.1.0.0/16,::1/128. Others are refused, but for hosts named in upstream add.", .complaint = bad_networks},
    {"upstream_connections", SETTING_INTEGER, AT(upstream_connections), "32", 1, 128,
     .decides = "How many requests an upstream's host gets at once. More wait."},
    {"upstream_connect_timeout", SETTING_DURATION, AT(upstream_connect_timeout_ms), "5s", 100, HOUR,
     .decides = "How long finding and connecting to an upstream's host may take."},
    {"upstream_first_byte_timeout", SETTING_DURATION, AT(upstream_first_byte_timeout_ms), "30s", 100, HOUR,
     .decides = "How long an upstream may take to begin its answer."},
    {"upstream_stall_timeout", SETTING_DURATION, AT(upstream_stall_timeout_ms), "30s", 100, HOUR,
     .decides = "An upstream that sends less than 1 KiB/s for this long is given up."},
    {"upstream_retries", SETTING_INTEGER, AT(upstream_retries), "3", 0, 20,
     .decides = "How often a request that failed is made again, and a file that broke off is resumed."},
    {"upstream_ca_file", SETTING_PATH, AT(upstream_ca_file), "", 0, 0,
     .decides = "A file of certificates (PEM) that upstreams' ones must descend from. Unset: the system's."},

    {"upstream_fresh", SETTING_DURATION, AT(upstream_fresh_ms), "5m", 0, 365 * DAY,
     .decides = "An upstream is not asked again for a document that is younger than this."},
    {"upstream_stale", SETTING_DURATION, AT(upstream_stale_ms), "24h", 0, 365 * DAY,
     .decides = "For this long after that a document is served at once, and refreshed in the background."},
    {"upstream_stale_if_error", SETTING_DURATION, AT(upstream_stale_if_error_ms), "7d", 0, 3650 * DAY,
     .decides = "For this long a document is served while its upstream fails."},
    {"upstream_document_max", SETTING_SIZE, AT(upstream_document_max), "512 MiB", 1 * MiB, 1 * TiB,
     .decides = "The largest document of an upstream, inflated."},
    {"upstream_document_ratio_max", SETTING_INTEGER, AT(upstream_document_ratio_max), "200", 2, 1000000,
     .decides = "How many times its size a document of an upstream may inflate to, above 1 MiB."},
    {"upstream_verify_first_max", SETTING_SIZE, AT(upstream_verify_first_max), "8 MiB", 1 * MiB, 16 * TiB,
     .decides = "Files of upstreams up to this size are verified before a client gets a byte; of larger ones the "
     "last 256 KiB wait for that."},
    {"upstream_file_max", SETTING_SIZE, AT(upstream_file_max), "0", 0, 16 * TiB,
     .decides = "The largest file that is fetched from an upstream. 0: 1 GiB where no length is told, else no limit."},
    {"upstream_refuse_percent", SETTING_INTEGER, AT(upstream_refuse_percent), "5", 0, 99,
     .decides = "With less free space than this share, or than upstream_refuse_bytes, nothing is fetched from upstreams."},
    {"upstream_refuse_bytes", SETTING_SIZE, AT(upstream_refuse_bytes), "5 GiB", 0, 1024 * TiB,
     .decides = "With less free space than this, or than upstream_refuse_percent, nothing is fetched from upstreams."},

    {"url", SETTING_TEXT, AT(url), "", 0, 0,
     .decides = "The server to talk to.", .complaint = bad_url, .group = SETTING_CLIENT},
    {"token", SETTING_SECRET, AT(token), "", 0, 0,
     .decides = "The token to talk with.", .group = SETTING_CLIENT},
    {"repo", SETTING_TEXT, AT(repo), "", 0, 0,
     .decides = "The repository that is meant, as ORG/NAME.", .group = SETTING_CLIENT},
};
/* clang-format on */
const size_t settings_count = sizeof settings_table / sizeof *settings_table;
_Static_assert(sizeof settings_table / sizeof *settings_table <= SETTINGS_MAX, "origins is short");

enum setting_group setting_group(const struct setting *setting)
{
    return setting->group ? setting->group : SETTING_SERVER;
}

static bool is_text(const struct setting *setting)
{
    return setting->type <= SETTING_SECRET;
}

static char **text_field(const struct setting *setting, const struct settings *settings)
{
    return (char **)((char *)(uintptr_t)settings + setting->offset);
}

/* The number of a word in "debug|info|warn"; -1 for none of them. */
static int64_t word_number(const char *words, const char *text)
{
    size_t length = strlen(text);

    for (int64_t number = 0;; number++) {
        size_t word = strcspn(words, "|");

        if (word == length && !memcmp(words, text, length))
            return number;
        if (!words[word])
            return -1;
        words += word + 1;
    }
}

static enum status parse_bool(const char *text, bool *value, struct error *err)
{
    static const char words[] = "false|true|no|yes|off|on|0|1";
    int64_t number = word_number(words, text);

    if (number < 0)
        return fail(err, STATUS_INVALID, "", "'%.40s' is neither true nor false", text);
    *value = number % 2;
    return STATUS_OK;
}

static enum status parse_number(const struct setting *setting, const char *text, int64_t *value,
                                struct error *err)
{
    switch (setting->type) {
    case SETTING_SIZE: return quantity_parse_size(text, value, err);
    case SETTING_DURATION: return quantity_parse_duration(text, value, err);
    default: return quantity_parse_integer(text, value, err);
    }
}

static void format_number(const struct setting *setting, int64_t value,
                          char out[QUANTITY_TEXT_SIZE])
{
    if (setting->type == SETTING_SIZE)
        quantity_format_size(value, out);
    else if (setting->type == SETTING_DURATION)
        quantity_format_duration(value, out);
    else
        snprintf(out, QUANTITY_TEXT_SIZE, "%lld", (long long)value);
}

static enum status set_number(const struct setting *setting, int64_t *field, const char *text,
                              struct error *err)
{
    char least[QUANTITY_TEXT_SIZE], most[QUANTITY_TEXT_SIZE];
    int64_t value;
    enum status rc;

    if ((rc = parse_number(setting, text, &value, err)))
        return rc;
    if (value < setting->least || value > setting->most) {
        format_number(setting, setting->least, least);
        format_number(setting, setting->most, most);
        return fail(err, STATUS_INVALID, "", "'%.40s' is not between %s and %s", text, least, most);
    }
    *field = value;
    return STATUS_OK;
}

static enum status set_text(const struct setting *setting, char **field, const char *text,
                            struct error *err)
{
    const char *complaint = setting->complaint ? setting->complaint(text) : NULL;
    size_t length = strlen(text);

    if (complaint)
        return fail(err, STATUS_INVALID, "", "'%.80s' %s", text, complaint);
    if (length > TEXT_MAX)
        return fail(err, STATUS_INVALID, "", "is longer than %d bytes", TEXT_MAX);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return fail(err, STATUS_INVALID, "", "has a control character");
    while (setting->complaint == bad_url && length && text[length - 1] == '/')
        length--; /* paths are put behind it, and they begin with one */
    free(*field);
    if (!(*field = strndup(text, length)))
        return fail(err, STATUS_INTERNAL, "", "out of memory");
    return STATUS_OK;
}

/* Sets without saying whose value it was. */
static enum status set_value(const struct setting *setting, struct settings *settings,
                             const char *text, struct error *err)
{
    void *field = (char *)settings + setting->offset;
    int64_t number;

    if (is_text(setting))
        return set_text(setting, field, text, err);
    if (setting->type == SETTING_BOOL)
        return parse_bool(text, field, err);
    if (setting->type != SETTING_WORD)
        return set_number(setting, field, text, err);
    if ((number = word_number(setting->words, text)) < 0)
        return fail(err, STATUS_INVALID, "", "'%.40s' is none of %s", text, setting->words);
    *(int64_t *)field = number;
    return STATUS_OK;
}

enum status setting_set(const struct setting *setting, struct settings *settings,
                        enum setting_origin origin, const char *text, struct error *err)
{
    struct error reason = {0};
    enum status rc;

    if ((rc = set_value(setting, settings, text, &reason)))
        return fail(err, rc, "", "%s: %s", setting->name, reason.message);
    settings->origins[setting - settings_table] = (uint8_t)origin;
    return STATUS_OK;
}

void settings_init(struct settings *settings)
{
    *settings = (struct settings){0};
    for (size_t i = 0; i < settings_count; i++)
        if (setting_set(&settings_table[i], settings, ORIGIN_DEFAULT, settings_table[i].fallback,
                        NULL))
            abort(); /* the table contradicts itself; a unit test walks all of it */
}

void settings_clear(struct settings *settings)
{
    for (size_t i = 0; i < settings_count; i++)
        if (is_text(&settings_table[i])) {
            free(*text_field(&settings_table[i], settings));
            *text_field(&settings_table[i], settings) = NULL;
        }
}

static bool same_name(const char *name, const char *given, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] != given[i] && !(name[i] == '_' && given[i] == '-'))
            return false;
    return !name[length];
}

const struct setting *setting_find(enum setting_group group, const char *name, size_t length,
                                   bool *in_file)
{
    static const char tail[] = "_file";
    const size_t tail_length = sizeof tail - 1;

    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *row = &settings_table[i];

        if (!(setting_group(row) & group))
            continue;
        *in_file = false;
        if (same_name(row->name, name, length))
            return row;
        *in_file = true;
        if (row->type == SETTING_SECRET && length > tail_length &&
            same_name(tail, name + length - tail_length, tail_length) &&
            same_name(row->name, name, length - tail_length))
            return row;
    }
    return NULL;
}

/* How many letters must be added, removed or changed to make one name of the other. */
static size_t distance(const char *a, const char *b)
{
    size_t costs[NAME_MAX_LENGTH + 1], length = strlen(b);

    if (length > NAME_MAX_LENGTH)
        return length;
    for (size_t i = 0; i <= length; i++)
        costs[i] = i;
    for (size_t row = 1; *a; a++, row++) {
        size_t corner = row - 1;

        costs[0] = row;
        for (size_t i = 1; i <= length; i++) {
            size_t replaced = corner + (*a != b[i - 1]);
            size_t added = (costs[i] < costs[i - 1] ? costs[i] : costs[i - 1]) + 1;

            corner = costs[i];
            costs[i] = replaced < added ? replaced : added;
        }
    }
    return costs[length];
}

enum status setting_unknown(enum setting_group group, const char *name, struct error *err)
{
    const char *nearest = NULL;
    size_t least = 3;

    for (size_t i = 0; i < settings_count; i++) {
        size_t cost = distance(settings_table[i].name, name);

        if (setting_group(&settings_table[i]) & group && cost < least) {
            nearest = settings_table[i].name;
            least = cost;
        }
    }
    if (nearest)
        return fail(err, STATUS_INVALID, "", "unknown setting '%.60s'; did you mean %s?", name,
                    nearest);
    return fail(err, STATUS_INVALID, "", "unknown setting '%.60s'", name);
}

void setting_format(const struct setting *setting, const struct settings *settings, char *out,
                    size_t size)
{
    const void *field = (const char *)settings + setting->offset;
    char number[QUANTITY_TEXT_SIZE];

    if (is_text(setting)) {
        snprintf(out, size, "%s", *text_field(setting, settings));
    } else if (setting->type == SETTING_BOOL) {
        snprintf(out, size, "%s", *(const bool *)field ? "true" : "false");
    } else if (setting->type == SETTING_WORD) {
        const char *word = setting->words;

        for (int64_t skip = *(const int64_t *)field; skip > 0; skip--)
            word += strcspn(word, "|") + 1;
        snprintf(out, size, "%.*s", (int)strcspn(word, "|"), word);
    } else {
        format_number(setting, *(const int64_t *)field, number);
        snprintf(out, size, "%s", number);
    }
}

enum setting_origin settings_origin(const struct settings *settings, const char *name)
{
    bool in_file;
    const struct setting *row =
        setting_find(SETTING_SERVER | SETTING_CLIENT, name, strlen(name), &in_file);

    return row ? settings->origins[row - settings_table] : ORIGIN_DEFAULT;
}
