#include "storage/blobs/blake2b.h"
#include "storage/blobs/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The digest of so many bytes 0, 1, ... 250, 0, ...; by Python's hashlib. */
static const struct {
    size_t length;
    const char *hex;
} digests[] = {
    {0,     "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {1,     "03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314"},
    {3,     "3d8c3d594928271f44aad7a04b177154806867bcf918e1549c0bc16f9da2b09b"},
    {127,   "f2fe67ff342e21b8f45e8f2e0bcd1d9243245d50ee6c78042e9c491388791c72"},
    {128,   "c3582f71ebb2be66fa5dd750f80baae97554f3b015663c8be377cfcb2488c1d1"},
    {129,   "f7f3c46ba2564ff4c4c162da1f5b605f9f1c4aa6a20652a9f9a337c1a2f5b9c9"},
    {255,   "d9ef0fc521b4266d16df662bec231bc2ec3989e7adeaf63169c295dc239dbbea"},
    {256,   "582f782226018ec33076bd8d1c42413530ac7e1126260ffc0f306ba3befc3f24"},
    {257,   "227e15ed64ee8e93eb7bc53828f76eed974f2c4ab1408c3d08f212b7f8d69904"},
    {1000,  "b372d0608f720c8c3dd41e9c8eecb10143b41abe520b616607e754bf79c08331"},
    {65536, "e4f2b5871e75b1993cd3cd4663ca4879794dbe50152c522dcbc66ee1bfecffa6"},
};

static uint8_t bytes[65536];

static void assert_hex(size_t row, const uint8_t *digest)
{
    char hex[DIGEST_HEX_MAX];

    digest_hex(digest, BLAKE2B_SIZE, hex);
    if (strcmp(hex, digests[row].hex))
        fail_msg("%zu bytes: %s", digests[row].length, hex);
}

static void digests_are_those_of_python(void **state)
{
    static const size_t pieces[] = {1, 64, 127, 128, 129, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i % 251);
    for (size_t row = 0; row < COUNT(digests); row++)
        for (size_t i = 0; i < COUNT(pieces); i++) {
            struct blake2b *hash = blake2b_new();
            uint8_t digest[BLAKE2B_SIZE];

            for (size_t at = 0; at < digests[row].length; at += pieces[i]) {
                size_t left = digests[row].length - at;

                blake2b_add(hash, bytes + at, left < pieces[i] ? left : pieces[i]);
            }
            blake2b_finish(hash, digest);
            blake2b_free(hash);
            assert_hex(row, digest);
        }
}

static void a_digester_computes_it_beside_others(void **state)
{
    struct digester *digester = digester_new(DIGEST_SHA256 | DIGEST_BLAKE2B);
    struct digests out;

    (void)state;
    digester_update(digester, bytes, digests[COUNT(digests) - 1].length);
    digester_finish(digester, &out);
    assert_int_equal(out.kinds, DIGEST_SHA256 | DIGEST_BLAKE2B);
    assert_hex(COUNT(digests) - 1, out.blake2b);
    digester_free(digester);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_python),
        cmocka_unit_test(a_digester_computes_it_beside_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
