#include "protocols/npm/member.h"

#include "protocols/npm/manifest.h"
#include "storage/memory/arena.h"
#include "storage/memory/json_cursor.h"
#include "storage/memory/json_object.h"
#include "storage/memory/strbuf.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { KEY_MAX = 1024, TEXT_MAX = 4096 };

const struct npm_member npm_members[] = {
    {"name",                 FROM_US,        true,  false},
    {"version",              FROM_US,        true,  false},
    {"deprecated",           FROM_PUBLISHER, true,  false},
    {"dependencies",         FROM_TARBALL,   true,  false},
    {"optionalDependencies", FROM_TARBALL,   true,  false},
    {"devDependencies",      FROM_PUBLISHER, true,  false},
    {"bundleDependencies",   FROM_TARBALL,   true,  false},
    {"bundledDependencies",  FROM_NOBODY,    false, false}, /* the other spelling of the same */
    {"peerDependencies",     FROM_TARBALL,   true,  false},
    {"peerDependenciesMeta", FROM_TARBALL,   true,  false},
    {"acceptDependencies",   FROM_PUBLISHER, true,  false},
    {"bin",                  FROM_TARBALL,   true,  false},
    {"directories",          FROM_PUBLISHER, true,  false},
    {"engines",              FROM_TARBALL,   true,  false},
    {"os",                   FROM_TARBALL,   true,  false},
    {"cpu",                  FROM_TARBALL,   true,  false},
    {"libc",                 FROM_TARBALL,   true,  false},
    {"funding",              FROM_PUBLISHER, true,  false},
    {"scripts",              FROM_TARBALL,   false, false},
    {"hasInstallScript",     FROM_US,        true,  false},
    {"_hasShrinkwrap",       FROM_US,        true,  false},
    {"_npmUser",             FROM_US,        true,  false},
    {"dist",                 FROM_US,        true,  false},
    {"_id",                  FROM_US,        false, false},
    {"maintainers",          FROM_US,        false, false},
    {"readme",               FROM_US,        false, true },
    {"readmeFilename",       FROM_PUBLISHER, false, true },
    {"description",          FROM_PUBLISHER, false, true },
    {"homepage",             FROM_PUBLISHER, false, true },
    {"keywords",             FROM_PUBLISHER, false, true },
    {"repository",           FROM_PUBLISHER, false, true },
    {"bugs",                 FROM_PUBLISHER, false, true },
    {"author",               FROM_PUBLISHER, false, true },
    {"license",              FROM_PUBLISHER, false, true },
    {"contributors",         FROM_PUBLISHER, false, true },
    {"_rev",                 FROM_NOBODY,    false, false},
    {"_attachments",         FROM_NOBODY,    false, false},
    {"_integrity",           FROM_NOBODY,    false, false},
    {"integrity",            FROM_NOBODY,    false, false},
    {"shasum",               FROM_NOBODY,    false, false},
};
const size_t npm_member_count = COUNT(npm_members);

static const struct npm_member other = {"", FROM_PUBLISHER, false, false};

const struct npm_member *npm_member_rule(const char *name)
{
    for (size_t i = 0; i < COUNT(npm_members); i++)
        if (*name == *npm_members[i].name && !strcmp(name, npm_members[i].name))
            return &npm_members[i];
    return &other;
}

bool npm_value_is(struct npm_value value, const char *text)
{
    return value.length == strlen(text) && !memcmp(value.text, text, value.length);
}

struct npm_value npm_value_get(const char *text, size_t length, const char *key)
{
    struct json_range range;

    if (!text || json_find_member(text, length, key, &range, NULL))
        return (struct npm_value){0};
    return (struct npm_value){text + range.start, (size_t)(range.end - range.start)};
}

const char *npm_value_text(struct npm_value value, struct arena *arena)
{
    struct json_cursor cursor;
    struct strbuf text;

    if (!value.text || *value.text != '"')
        return NULL;
    if (value.length <= TEXT_MAX && !memchr(value.text, '\\', value.length))
        return arena_copy_bytes(arena, value.text + 1, value.length - 2);
    strbuf_init(&text, arena, TEXT_MAX);
    json_cursor_init_text(&cursor, value.text, value.length, NPM_MANIFEST_DEPTH);
    return json_take_string(&cursor, &text, NULL) ? NULL : text.data;
}

/* The key as text, in buffer; false where it is too long or holds U+0000. */
static bool take_key(const struct json_member *member, char buffer[KEY_MAX + 1])
{
    struct json_cursor cursor;
    struct strbuf text;
    bool is_taken;

    if (!member->is_key_escaped) {
        if (member->key_length > KEY_MAX)
            return false;
        memcpy(buffer, member->key, member->key_length);
        buffer[member->key_length] = '\0';
        return true;
    }
    strbuf_init(&text, NULL, KEY_MAX);
    json_cursor_init_text(&cursor, member->key - 1, member->key_length + 2, NPM_MANIFEST_DEPTH);
    is_taken = !json_take_string(&cursor, &text, NULL);
    if (is_taken)
        memcpy(buffer, text.data, text.length + 1);
    strbuf_free(&text);
    return is_taken;
}

static bool is_key(const struct json_member *member, const char *key)
{
    char decoded[KEY_MAX + 1];

    if (member->is_key_escaped)
        return take_key(member, decoded) && !strcmp(decoded, key);
    return !strncmp(member->key, key, member->key_length) && !key[member->key_length];
}

void npm_value_pick(struct npm_value object, const char *const *keys, size_t count,
                    struct npm_value *out)
{
    struct json_object walk;
    struct json_member member;

    memset(out, 0, count * sizeof *out);
    if (!object.text || *object.text != '{')
        return;
    json_object_init(&walk, object.text, object.length);
    while (json_object_next(&walk, &member))
        for (size_t i = 0; i < count; i++)
            if (is_key(&member, keys[i]))
                out[i] = (struct npm_value){member.value, member.value_length};
}

enum status npm_each_member(const char *text, size_t length, npm_member_visit visit, void *context,
                            struct error *err)
{
    struct json_cursor cursor;
    struct strbuf key;
    enum status rc;

    strbuf_init(&key, NULL, KEY_MAX);
    json_cursor_init_text(&cursor, text, length, NPM_MANIFEST_DEPTH);
    rc = json_enter(&cursor, TOKEN_OBJECT, err);
    while (!rc && !(rc = json_next_key(&cursor, &key, err)) && cursor.kind == TOKEN_KEY)
        if (!(rc = json_skip_value(&cursor, err)))
            rc = visit(context, key.data,
                       (struct npm_value){text + cursor.range.start,
                                          (size_t)(cursor.range.end - cursor.range.start)},
                       err);
    if (!rc)
        rc = json_finish(&cursor, err);
    strbuf_free(&key);
    return rc;
}

struct seen_member {
    const char *key;
    struct npm_value value;
    unsigned hash;
};

struct seen_members {
    struct arena *arena;
    struct seen_member *list;
    size_t count, capacity;
};

static unsigned hash_key(const char *key)
{
    unsigned hash = 2166136261u; /* FNV-1a */

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

static enum status remember_member(void *context, const char *key, struct npm_value value,
                                   struct error *err)
{
    struct seen_members *seen = context;
    unsigned hash = hash_key(key);

    for (size_t i = 0; i < seen->count; i++)
        if (seen->list[i].hash == hash && !strcmp(seen->list[i].key, key)) {
            seen->list[i].value = value;
            return STATUS_OK;
        }
    if (seen->count == NPM_MEMBERS_SEEN_MAX)
        return fail(err, STATUS_INVALID, "too-many-members", "The object has more than %d members",
                    NPM_MEMBERS_SEEN_MAX);
    seen->list =
        arena_grow(seen->arena, seen->list, seen->count, &seen->capacity, sizeof *seen->list);
    seen->list[seen->count++] = (struct seen_member){arena_copy(seen->arena, key), value, hash};
    return STATUS_OK;
}

enum status npm_each_last_member(const char *text, size_t length, npm_member_visit visit,
                                 void *context, struct error *err)
{
    struct seen_members seen = {.arena = arena_new()};
    enum status rc;

    rc = npm_each_member(text, length, remember_member, &seen, err);
    for (size_t i = 0; !rc && i < seen.count; i++)
        rc = visit(context, seen.list[i].key, seen.list[i].value, err);
    arena_free(seen.arena);
    return rc;
}

enum { MEMBERS_USUAL = 64 };

/* What is repeated, or too much to be compared with all before it, goes the longer way. */
static bool remember_distinct(struct json_member *seen, size_t *count, const struct json_member *one)
{
    if (*count == MEMBERS_USUAL || one->is_key_escaped)
        return false;
    for (size_t i = 0; i < *count; i++)
        if (seen[i].key_length == one->key_length &&
            !memcmp(seen[i].key, one->key, one->key_length))
            return false;
    seen[(*count)++] = *one;
    return true;
}

enum status npm_each_last_known_member(const char *text, size_t length, npm_member_visit visit,
                                       void *context, struct error *err)
{
    struct json_member seen[MEMBERS_USUAL], member;
    struct json_object walk;
    char key[KEY_MAX + 1];
    size_t count = 0;
    enum status rc = STATUS_OK;

    json_object_init(&walk, text, length);
    while (json_object_next(&walk, &member))
        if (!remember_distinct(seen, &count, &member))
            return npm_each_last_member(text, length, visit, context, err);
    if (walk.is_broken)
        return fail(err, STATUS_INVALID, "json-invalid", "the JSON ends too early");
    for (size_t i = 0; !rc && i < count; i++)
        rc = take_key(&seen[i], key)
                 ? visit(context, key, (struct npm_value){seen[i].value, seen[i].value_length}, err)
                 : fail(err, STATUS_INVALID, "json-key", "a key of the JSON is too long");
    return rc;
}
