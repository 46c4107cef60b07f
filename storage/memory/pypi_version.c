#include "storage/memory/pypi_version.h"

#include "storage/memory/strbuf.h"

#include <string.h>
#include <strings.h>

static const struct pypi_number zero = {"0", 1};

/* The canonical letters of enum pypi_pre. */
static const char *const pre_letters[] = {"", "a", "b", "rc"};

/* A longer word stands before those that begin it. */
static const struct {
    const char *word;
    enum pypi_pre pre;
} pre_words[] = {
    {"alpha",   PYPI_ALPHA    },
    {"a",       PYPI_ALPHA    },
    {"beta",    PYPI_BETA     },
    {"b",       PYPI_BETA     },
    {"preview", PYPI_CANDIDATE},
    {"pre",     PYPI_CANDIDATE},
    {"c",       PYPI_CANDIDATE},
    {"rc",      PYPI_CANDIDATE},
};

static const char *const post_words[] = {"post", "rev", "r"};

/* What is left of the text. */
struct cursor {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_separator(char c)
{
    return c == '-' || c == '_' || c == '.';
}

static bool take(struct cursor *in, char c)
{
    if (in->at == in->end || *in->at != c)
        return false;
    in->at++;
    return true;
}

static bool take_word(struct cursor *in, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(in->end - in->at) < length || strncasecmp(in->at, word, length))
        return false;
    in->at += length;
    return true;
}

static bool take_separator(struct cursor *in)
{
    if (in->at == in->end || !is_separator(*in->at))
        return false;
    in->at++;
    return true;
}

static bool take_number(struct cursor *in, struct pypi_number *out)
{
    const char *start = in->at;

    while (in->at < in->end && is_digit(*in->at))
        in->at++;
    if (in->at == start)
        return false;
    while (in->at - start > 1 && *start == '0')
        start++;
    *out = (struct pypi_number){start, (size_t)(in->at - start)};
    return true;
}

/* PEP 440: a separator and a number may follow the word; without the number it is 0. */
static void take_counter(struct cursor *in, struct pypi_number *out)
{
    take_separator(in);
    if (!take_number(in, out))
        *out = zero;
}

static bool take_release(struct cursor *in, struct pypi_version *out)
{
    struct pypi_number number;

    out->epoch = zero;
    out->release = in->at;
    if (!take_number(in, &number))
        return false;
    if (take(in, '!')) {
        out->epoch = number;
        out->release = in->at;
        if (!take_number(in, &number))
            return false;
    }
    while (in->end - in->at > 1 && *in->at == '.' && is_digit(in->at[1])) {
        in->at++;
        take_number(in, &number);
    }
    out->release_length = (size_t)(in->at - out->release);
    return true;
}

static void take_pre(struct cursor *in, struct pypi_version *out)
{
    struct cursor ahead = *in;

    take_separator(&ahead);
    for (size_t i = 0; i < sizeof pre_words / sizeof *pre_words; i++)
        if (take_word(&ahead, pre_words[i].word)) {
            out->pre = pre_words[i].pre;
            take_counter(&ahead, &out->pre_number);
            *in = ahead;
            return;
        }
}

static void take_post(struct cursor *in, struct pypi_version *out)
{
    struct cursor ahead = *in;

    if (take(&ahead, '-') && take_number(&ahead, &out->post)) {
        out->is_post = true;
        *in = ahead;
        return;
    }
    ahead = *in;
    take_separator(&ahead);
    for (size_t i = 0; i < sizeof post_words / sizeof *post_words; i++)
        if (take_word(&ahead, post_words[i])) {
            out->is_post = true;
            take_counter(&ahead, &out->post);
            *in = ahead;
            return;
        }
}

static void take_dev(struct cursor *in, struct pypi_version *out)
{
    struct cursor ahead = *in;

    take_separator(&ahead);
    if (!take_word(&ahead, "dev"))
        return;
    out->is_dev = true;
    take_counter(&ahead, &out->dev);
    *in = ahead;
}

static bool take_local(struct cursor *in, struct pypi_version *out)
{
    if (!take(in, '+'))
        return true;
    out->local = in->at;
    do {
        const char *start = in->at;

        while (in->at < in->end && is_alphanumeric(*in->at))
            in->at++;
        if (in->at == start)
            return false;
    } while (take_separator(in));
    out->local_length = (size_t)(in->at - out->local);
    return true;
}

/* Whether its canonical spelling, which may be longer, is one that can be read as well: what compares
 * versions reads that. "1-1" is "1.post1". */
static bool is_short_enough(const char *text, const struct pypi_version *version)
{
    struct strbuf canonical;
    bool is_short;

    if (strlen(text) < PYPI_VERSION_LENGTH_MAX / 2)
        return true;
    strbuf_init(&canonical, NULL, 2 * PYPI_VERSION_LENGTH_MAX);
    pypi_version_text(version, &canonical);
    is_short = !strbuf_failed(&canonical) && canonical.length <= PYPI_VERSION_LENGTH_MAX;
    strbuf_free(&canonical);
    return is_short;
}

bool pypi_version_parse(const char *text, struct pypi_version *out)
{
    static const char blanks[] = " \t\n\r\f\v";
    struct cursor in;

    *out = (struct pypi_version){.pre_number = zero, .post = zero, .dev = zero};
    if (strnlen(text, PYPI_VERSION_LENGTH_MAX + 1) > PYPI_VERSION_LENGTH_MAX)
        return false;
    in.at = text + strspn(text, blanks);
    in.end = in.at + strlen(in.at);
    while (in.end > in.at && strchr(blanks, in.end[-1]))
        in.end--;
    if (!take(&in, 'v'))
        take(&in, 'V');
    if (!take_release(&in, out))
        return false;
    take_pre(&in, out);
    take_post(&in, out);
    take_dev(&in, out);
    return take_local(&in, out) && in.at == in.end && is_short_enough(text, out);
}

static void add_digits(struct strbuf *out, struct pypi_number number)
{
    strbuf_bytes(out, number.digits, number.length);
}

/* The end of the release without its final zeros; the first number may go too. */
static const char *significant_end(const struct pypi_version *version)
{
    struct cursor in = {version->release, version->release + version->release_length};
    const char *end = version->release;
    struct pypi_number number;

    while (take_number(&in, &number)) {
        if (*number.digits != '0')
            end = in.at;
        take(&in, '.');
    }
    return end;
}

static void add_release(struct strbuf *out, const char *start, const char *end)
{
    struct cursor in = {start, end};
    struct pypi_number number;

    while (take_number(&in, &number)) {
        add_digits(out, number);
        if (take(&in, '.'))
            strbuf_char(out, '.');
    }
}

/* One piece of the local part, lower-cased; numbers lose leading zeros, for they compare by value.
 */
static bool take_local_piece(struct cursor *in, struct cursor *piece, bool *is_number)
{
    if (in->at == in->end)
        return false;
    *is_number = true;
    piece->at = in->at;
    for (; in->at < in->end && !is_separator(*in->at); in->at++)
        *is_number = *is_number && is_digit(*in->at);
    piece->end = in->at;
    while (*is_number && piece->end - piece->at > 1 && *piece->at == '0')
        piece->at++;
    take_separator(in);
    return true;
}

static void add_lower(struct strbuf *out, struct cursor piece)
{
    for (; piece.at < piece.end; piece.at++)
        strbuf_char(out, *piece.at >= 'A' && *piece.at <= 'Z' ? (char)(*piece.at - 'A' + 'a')
                                                              : *piece.at);
}

static void add_local(struct strbuf *out, const struct pypi_version *version)
{
    struct cursor in = {version->local, version->local + version->local_length}, piece;
    char before = '+';
    bool is_number;

    while (take_local_piece(&in, &piece, &is_number)) {
        strbuf_char(out, before);
        add_lower(out, piece);
        before = '.';
    }
}

static void add_text(struct strbuf *out, const struct pypi_version *version,
                     const char *release_end)
{
    if (*version->epoch.digits != '0') {
        add_digits(out, version->epoch);
        strbuf_char(out, '!');
    }
    add_release(out, version->release, release_end);
    if (version->pre) {
        strbuf_text(out, pre_letters[version->pre]);
        add_digits(out, version->pre_number);
    }
    if (version->is_post) {
        strbuf_text(out, ".post");
        add_digits(out, version->post);
    }
    if (version->is_dev) {
        strbuf_text(out, ".dev");
        add_digits(out, version->dev);
    }
    if (version->local)
        add_local(out, version);
}

void pypi_version_text(const struct pypi_version *version, struct strbuf *out)
{
    add_text(out, version, version->release + version->release_length);
}

void pypi_version_identity(const struct pypi_version *version, struct strbuf *out)
{
    const char *end = significant_end(version);

    if (end == version->release) { /* 0.0.0: one number is always there */
        struct cursor in = {version->release, version->release + version->release_length};
        struct pypi_number number;

        take_number(&in, &number);
        end = in.at;
    }
    add_text(out, version, end);
}

/* A longer number is greater, for none has leading zeros. Its first byte is never 0. */
static void add_number_key(struct strbuf *out, struct pypi_number number)
{
    strbuf_char(out, (char)number.length);
    add_digits(out, number);
}

/* Where nothing follows, the bytes end: a version without a local part comes first, and so does a
 * local part that begins another. Words come before numbers. */
static void add_local_key(struct strbuf *out, const struct pypi_version *version)
{
    struct cursor in = {version->local, version->local + version->local_length}, piece;
    bool is_number;

    while (take_local_piece(&in, &piece, &is_number))
        if (is_number) {
            strbuf_char(out, 2);
            add_number_key(out, (struct pypi_number){piece.at, (size_t)(piece.end - piece.at)});
        } else {
            strbuf_char(out, 1);
            add_lower(out, piece);
            strbuf_char(out, 0);
        }
}

/* PEP 440, "Summary of permitted suffixes and relative ordering": a dev release of a final version
 * comes before its pre-releases, the final version behind them. */
static char pre_key(const struct pypi_version *version)
{
    enum { DEV_OF_FINAL = 0, FINAL = PYPI_CANDIDATE + 1 };

    if (version->pre)
        return (char)version->pre;
    return version->is_dev && !version->is_post ? DEV_OF_FINAL : FINAL;
}

void pypi_version_sort_key(const struct pypi_version *version, struct strbuf *out)
{
    struct cursor in = {version->release, significant_end(version)};
    struct pypi_number number;

    add_number_key(out, version->epoch);
    while (take_number(&in, &number)) {
        add_number_key(out, number);
        take(&in, '.');
    }
    strbuf_char(out, 0);
    strbuf_char(out, pre_key(version));
    if (version->pre)
        add_number_key(out, version->pre_number);
    strbuf_char(out, version->is_post);
    if (version->is_post)
        add_number_key(out, version->post);
    strbuf_char(out, !version->is_dev);
    if (version->is_dev)
        add_number_key(out, version->dev);
    if (version->local)
        add_local_key(out, version);
}

int pypi_version_compare(const struct pypi_version *a, const struct pypi_version *b)
{
    enum { KEY_MAX = 4 * PYPI_VERSION_LENGTH_MAX };
    struct strbuf left, right;
    size_t shorter;
    int order;

    strbuf_init(&left, NULL, KEY_MAX);
    strbuf_init(&right, NULL, KEY_MAX);
    pypi_version_sort_key(a, &left);
    pypi_version_sort_key(b, &right);
    shorter = left.length < right.length ? left.length : right.length;
    order = memcmp(left.data, right.data, shorter);
    if (!order)
        order = (left.length > right.length) - (left.length < right.length);
    strbuf_free(&left);
    strbuf_free(&right);
    return order;
}

static bool numbers_equal(struct pypi_number a, struct pypi_number b)
{
    return a.length == b.length && !memcmp(a.digits, b.digits, a.length);
}

bool pypi_version_begins_with(const struct pypi_version *version, const struct pypi_version *prefix)
{
    struct cursor in = {version->release, version->release + version->release_length};
    struct cursor wanted = {prefix->release, prefix->release + prefix->release_length};
    struct pypi_number number, wanted_number;

    if (!numbers_equal(version->epoch, prefix->epoch))
        return false;
    while (take_number(&wanted, &wanted_number)) {
        if (!take_number(&in, &number))
            number = zero;
        if (!numbers_equal(number, wanted_number))
            return false;
        take(&wanted, '.');
        take(&in, '.');
    }
    return true;
}

bool pypi_version_is_prerelease(const struct pypi_version *version)
{
    return version->pre || version->is_dev;
}
