#include "storage/memory/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char WORDS[] = "@acme/hello@1.0.0:sha512-AAAA";

static bool verifies(const struct secret_pair *pair, const char *words, const uint8_t *signature,
                     size_t length)
{
    uint8_t public[SECRET_PUBLIC_SIZE];

    secret_pair_public(pair, public);
    return secret_verify_p256(public, sizeof public, words, strlen(words), signature, length);
}

/* Of many signatures each is another, none is too long, and all are right. */
static void what_a_pair_signs_its_public_half_verifies(void **state)
{
    struct secret_pair *pair = secret_pair_new(), *other = secret_pair_new();
    uint8_t before[SECRET_SIGNATURE_MAX], signature[SECRET_SIGNATURE_MAX];
    size_t before_length = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        size_t length = secret_pair_sign(pair, WORDS, strlen(WORDS), signature);

        assert_in_range(length, 8, SECRET_SIGNATURE_MAX);
        assert_true(verifies(pair, WORDS, signature, length));
        assert_false(verifies(other, WORDS, signature, length));
        assert_false(verifies(pair, "@acme/hello@1.0.1:sha512-AAAA", signature, length));
        assert_false(length == before_length && !memcmp(before, signature, length));
        memcpy(before, signature, before_length = length);
        signature[length - 1] ^= 1;
        assert_false(verifies(pair, WORDS, signature, length));
    }
    secret_pair_free(pair);
    secret_pair_free(other);
}

static void a_pair_that_was_written_is_read_again(void **state)
{
    struct secret_pair *pair = secret_pair_new(), *again;
    uint8_t public[SECRET_PUBLIC_SIZE], public_again[SECRET_PUBLIC_SIZE], signature[SECRET_SIGNATURE_MAX];
    char text[SECRET_PAIR_TEXT_MAX];
    size_t length = secret_pair_write(pair, text), signed_length;

    (void)state;
    assert_non_null(again = secret_pair_read(text, length));
    secret_pair_public(pair, public);
    secret_pair_public(again, public_again);
    assert_memory_equal(public, public_again, sizeof public);
    signed_length = secret_pair_sign(again, WORDS, strlen(WORDS), signature);
    assert_true(verifies(pair, WORDS, signature, signed_length));
    secret_pair_free(pair);
    secret_pair_free(again);
    secret_wipe(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        assert_int_equal(text[i], 0);
}

/* A bit that turned over must not make signatures that nobody can verify. */
static void a_pair_with_a_changed_character_is_none(void **state)
{
    struct secret_pair *pair = secret_pair_new(), *again;
    char text[SECRET_PAIR_TEXT_MAX], changed[SECRET_PAIR_TEXT_MAX];
    uint8_t public[SECRET_PUBLIC_SIZE], public_again[SECRET_PUBLIC_SIZE];
    size_t length = secret_pair_write(pair, text);

    (void)state;
    secret_pair_public(pair, public);
    for (size_t i = 0; i < length; i++) {
        memcpy(changed, text, length);
        changed[i] = text[i] == 'A' ? 'B' : 'A';
        if (!(again = secret_pair_read(changed, length)))
            continue;
        /* Only what does not matter may have changed: the bits beside the last byte, or a line's end. */
        secret_pair_public(again, public_again);
        assert_memory_equal(public, public_again, sizeof public);
        secret_pair_free(again);
    }
    for (size_t cut = 0; cut + 2 < length; cut++)
        assert_null(secret_pair_read(text, cut));
    secret_pair_free(pair);
}

/* Nothing, of another curve, a public half alone, encrypted. */
static const struct {
    const char *text;
} no_pairs[] = {
    {""},
    {"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"},
    {"-----BEGIN PRIVATE KEY-----\n"
     "MC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSwq\n"
     "-----END PRIVATE KEY-----\n"}, /* Ed25519, RFC 8032 */
    {"-----BEGIN PUBLIC KEY-----\n"
     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
     "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
     "-----END PUBLIC KEY-----\n"},
    {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
     "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
     "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n-----END EC PRIVATE KEY-----\n"},
};

static void what_is_no_pair_is_not_read(void **state)
{
    (void)state;
    for (size_t row = 0; row < COUNT(no_pairs); row++)
        assert_null(secret_pair_read(no_pairs[row].text, strlen(no_pairs[row].text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_pair_signs_its_public_half_verifies),
        cmocka_unit_test(a_pair_that_was_written_is_read_again),
        cmocka_unit_test(a_pair_with_a_changed_character_is_none),
        cmocka_unit_test(what_is_no_pair_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
