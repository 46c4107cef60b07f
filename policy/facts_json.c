/* The stored form of facts. */
#include "policy/facts.h"

#include "storage/memory/arena.h"
#include "storage/memory/json.h"
#include "storage/memory/strbuf.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    {"name",      offsetof(struct facts, name)     },
    {"version",   offsetof(struct facts, version)  },
    {"file",      offsetof(struct facts, file)     },
    {"upstream",  offsetof(struct facts, upstream) },
    {"license",   offsetof(struct facts, license)  },
    {"publisher", offsetof(struct facts, publisher)},
};

static const struct {
    const char *key;
    size_t offset;
} numbers[] = {
    {"published_us",  offsetof(struct facts, published_us) },
    {"absent_us",     offsetof(struct facts, absent_us)    },
    {"first_seen_us", offsetof(struct facts, first_seen_us)},
    {"size_bytes",    offsetof(struct facts, size_bytes)   },
};

enum {
    TEXTS = sizeof texts / sizeof *texts,
    NUMBERS = sizeof numbers / sizeof *numbers,
    KEYS_MAX = 32
};

static bool is_boolean(const struct fact_row *row)
{
    return !strcmp(row->words[FACT_NO], "false");
}

static void write_key(struct strbuf *out, const char *key)
{
    strbuf_format(out, "%s\"%s\":", out->data[out->length - 1] == '{' ? "" : ",", key);
}

static void write_list(struct strbuf *out, const char *key, const char *const *list, size_t count)
{
    write_key(out, key);
    strbuf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_char(out, ',');
        strbuf_json(out, list[i]);
    }
    strbuf_char(out, ']');
}

static size_t digest_count(const struct facts *facts)
{
    size_t count = 0;

    while (count < FACTS_DIGESTS_MAX && facts->digests[count])
        count++;
    return count;
}

void facts_write(const struct facts *facts, struct strbuf *out)
{
    strbuf_char(out, '{');
    write_key(out, "format");
    strbuf_json(out, format_name(facts->format));
    for (size_t i = 0; i < TEXTS; i++) {
        const char *text = *(const char *const *)((const char *)facts + texts[i].offset);

        if (text) {
            write_key(out, texts[i].key);
            strbuf_json(out, text);
        }
    }
    for (size_t i = 0; i < NUMBERS; i++) {
        int64_t number = *(const int64_t *)((const char *)facts + numbers[i].offset);

        if (number) {
            write_key(out, numbers[i].key);
            strbuf_format(out, "%" PRId64, number);
        }
    }
    if (facts->digests[0])
        write_list(out, "digests", facts->digests, digest_count(facts));
    if (facts->scripts)
        write_list(out, "scripts", facts->scripts, facts->script_count);
    for (size_t i = 0; i < fact_row_count; i++)
        if (fact_word(facts, &fact_rows[i])) {
            write_key(out, fact_rows[i].key);
            if (is_boolean(&fact_rows[i]))
                strbuf_text(out, fact_word(facts, &fact_rows[i]));
            else
                strbuf_json(out, fact_word(facts, &fact_rows[i]));
        }
    strbuf_char(out, '}');
}

static enum status check_keys(const struct json *object, struct error *err)
{
    const char *keys[KEYS_MAX] = {"format", "digests", "scripts"};
    size_t count = 3;

    for (size_t i = 0; i < TEXTS; i++)
        keys[count++] = texts[i].key;
    for (size_t i = 0; i < NUMBERS; i++)
        keys[count++] = numbers[i].key;
    for (size_t i = 0; i < fact_row_count; i++)
        keys[count++] = fact_rows[i].key;
    return json_only(object, keys, count, err);
}

static enum status read_texts(const struct json *object, struct arena *arena, struct facts *out,
                              struct error *err)
{
    const char *format = "", *text;
    enum status rc;

    if ((rc = json_need_text(object, "format", &format, err)))
        return rc;
    if (!(out->format = format_from_name(format, strlen(format))))
        return fail(err, STATUS_INVALID, "facts-invalid", "\"%.40s\" is no format", format);
    for (size_t i = 0; i < TEXTS; i++) {
        text = NULL;
        if ((rc = json_get_text(object, texts[i].key, &text, err)))
            return rc;
        *(const char **)((char *)out + texts[i].offset) = arena_copy(arena, text);
    }
    if (!out->name || !out->version)
        return fail(err, STATUS_INVALID, "facts-invalid", "facts have a name and a version");
    return STATUS_OK;
}

static enum status read_numbers(const struct json *object, struct facts *out, struct error *err)
{
    enum status rc;

    for (size_t i = 0; i < NUMBERS; i++) {
        int64_t *number = (int64_t *)((char *)out + numbers[i].offset);

        if ((rc = json_get_int(object, numbers[i].key, number, err)))
            return rc;
        if (*number < 0)
            return fail(err, STATUS_INVALID, "facts-invalid", "%s is below 0", numbers[i].key);
    }
    return STATUS_OK;
}

static enum status read_words(const struct json *object, struct facts *out, struct error *err)
{
    enum status rc;

    for (size_t i = 0; i < fact_row_count; i++) {
        const char *word = NULL;
        bool holds = false;

        if (is_boolean(&fact_rows[i]) && json_get(object, fact_rows[i].key)) {
            rc = json_get_bool(object, fact_rows[i].key, &holds, err);
            word = holds ? "true" : "false";
        } else {
            rc = json_get_text(object, fact_rows[i].key, &word, err);
        }
        if (rc)
            return rc;
        if (word && !fact_set_word(out, &fact_rows[i], word))
            return fail(err, STATUS_INVALID, "facts-invalid", "\"%.40s\" is no value of %s", word,
                        fact_rows[i].key);
    }
    return STATUS_OK;
}

static enum status read_list(const struct json *object, const char *key, size_t max,
                             struct arena *arena, const char ***out, size_t *count,
                             struct error *err)
{
    const struct json *list = NULL;
    enum status rc;

    *out = NULL;
    if ((rc = json_get_array(object, key, &list, err)) || !list)
        return rc;
    if ((*count = json_count(list)) > max)
        return fail(err, STATUS_INVALID, "facts-invalid", "%s has more than %zu entries", key, max);
    *out = arena_array(arena, *count + 1, sizeof **out);
    for (size_t i = 0; i < *count; i++)
        if (!((*out)[i] = arena_copy(arena, json_text(json_at(list, i)))))
            return fail(err, STATUS_INVALID, "facts-invalid", "%s is a list of texts", key);
    return STATUS_OK;
}

static enum status read_lists(const struct json *object, struct arena *arena, struct facts *out,
                              struct error *err)
{
    const char **digests, **scripts;
    size_t count = 0;
    enum status rc;

    if ((rc = read_list(object, "digests", FACTS_DIGESTS_MAX, arena, &digests, &count, err)))
        return rc;
    for (size_t i = 0; i < count; i++)
        out->digests[i] = digests[i];
    if ((rc = read_list(object, "scripts", FACTS_SCRIPTS_MAX, arena, &scripts, &out->script_count,
                        err)))
        return rc;
    out->scripts = scripts;
    return STATUS_OK;
}

enum status facts_read(const char *text, size_t length, struct arena *arena, struct facts *out,
                       struct error *err)
{
    struct json *json = NULL;
    enum status rc;

    *out = (struct facts){0};
    if ((rc = json_parse(text, length, FACTS_JSON_MAX, &json, err)))
        return rc;
    if (!json_is_map(json))
        rc = fail(err, STATUS_INVALID, "facts-invalid", "facts are an object");
    if (!rc && !(rc = check_keys(json, err)) && !(rc = read_texts(json, arena, out, err)) &&
        !(rc = read_numbers(json, out, err)) && !(rc = read_words(json, out, err)))
        rc = read_lists(json, arena, out, err);
    json_free(json);
    return rc;
}
