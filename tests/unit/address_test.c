#include "storage/remote/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static const struct {
    const char *address;
    bool is_private;
} addresses[] = {
    {"0.0.0.0",              true },
    {"0.255.255.255",        true },
    {"1.0.0.0",              false},
    {"9.255.255.255",        false},
    {"10.0.0.0",             true },
    {"10.255.255.255",       true },
    {"11.0.0.0",             false},
    {"100.63.255.255",       false},
    {"100.64.0.0",           true },
    {"100.127.255.255",      true },
    {"100.128.0.0",          false},
    {"126.255.255.255",      false},
    {"127.0.0.1",            true },
    {"127.1",                true },
    {"0x7f000001",           true },
    {"2130706433",           true },
    {"017700000001",         true },
    {"128.0.0.0",            false},
    {"169.253.255.255",      false},
    {"169.254.169.254",      true },
    {"169.255.0.0",          false},
    {"172.15.255.255",       false},
    {"172.16.0.0",           true },
    {"172.31.255.255",       true },
    {"172.32.0.0",           false},
    {"192.0.0.1",            true },
    {"192.0.1.0",            false},
    {"192.0.2.1",            false}, /* RFC 5737: of the documentation, and of gateways */
    {"192.167.255.255",      false},
    {"192.168.0.0",          true },
    {"192.169.0.0",          false},
    {"198.17.255.255",       false},
    {"198.18.0.0",           true },
    {"198.19.255.255",       true },
    {"198.20.0.0",           false},
    {"198.51.100.1",         false},
    {"203.0.113.255",        false},
    {"223.255.255.255",      false},
    {"224.0.0.1",            true },
    {"240.0.0.1",            true },
    {"255.255.255.255",      true },
    {"::",                   true },
    {"::1",                  true },
    {"::8.8.8.8",            true },
    {"::ffff:127.0.0.1",     true },
    {"::ffff:10.1.2.3",      true },
    {"::ffff:8.8.8.8",       false},
    {"::ffff:0:127.0.0.1",   true },
    {"64:ff9b::127.0.0.1",   true },
    {"64:ff9b::a9fe:a9fe",   true },
    {"64:ff9b::8.8.8.8",     false},
    {"64:ff9b:1::8.8.8.8",   true },
    {"100::1",               true },
    {"2001::1",              true },
    {"2001:db8::1",          true },
    {"2001:4860:4860::8888", false},
    {"2002:7f00:1::",        true },
    {"2002:808:808::",       true },
    {"2003::1",              false},
    {"2a00:1450:4001::1",    false},
    {"fbff::1",              false},
    {"fc00::1",              true },
    {"fdff:ffff::1",         true },
    {"fe7f::1",              false},
    {"fe80::1",              true },
    {"fec0::1",              true },
    {"feff::1",              true },
    {"ff02::1",              true },
};

static void what_is_not_public_is_private(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof addresses / sizeof *addresses; row++) {
        struct address address;

        if (!address_parse(addresses[row].address, &address))
            fail_msg("row %zu: %s is no address", row, addresses[row].address);
        if (address_is_private(&address) != addresses[row].is_private)
            fail_msg("row %zu: %s", row, addresses[row].address);
    }
}

static void a_name_is_no_address(void **state)
{
    static const char *const names[] = {"",          "localhost", "127.0.0.1.nip.test",
                                        "1.2.3.4.5", "256.1",     "127.0.0.1 ",
                                        "[::1]",     "::1%lo"};
    struct address address;

    (void)state;
    for (size_t row = 0; row < sizeof names / sizeof *names; row++)
        if (address_parse(names[row], &address))
            fail_msg("row %zu: %s", row, names[row]);
}

static void a_socket_has_the_same_address(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010203)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address from_v4, from_v6, parsed;

    (void)state;
    inet_pton(AF_INET6, "::ffff:10.1.2.3", &v6.sin6_addr);
    assert_true(address_of_socket((struct sockaddr *)&v4, &from_v4));
    assert_true(address_of_socket((struct sockaddr *)&v6, &from_v6));
    assert_false(address_of_socket(&other, &parsed));
    assert_true(address_parse("10.1.2.3", &parsed));
    assert_memory_equal(&from_v4, &parsed, sizeof parsed);
    assert_memory_equal(&from_v6, &parsed, sizeof parsed);
}

static const struct {
    const char *list, *address;
    bool has;
} lists[] = {
    {"",                    "127.0.0.1",        false},
    {"127.0.0.0/8",         "127.0.0.1",        true },
    {"127.0.0.0/8",         "::ffff:127.9.9.9", true },
    {"127.0.0.0/8",         "::1",              false},
    {"127.0.0.0/8,::1/128", "::1",              true },
    {" 10.0.0.0/8 , ::1 ",  "::1",              true },
    {"10.0.0.0/8,::1",      "::2",              false},
    {"10.1.2.3",            "10.1.2.3",         true },
    {"10.1.2.3",            "10.1.2.4",         false},
    {"10.1.2.0/23",         "10.1.3.255",       true },
    {"10.1.2.0/23",         "10.1.4.0",         false},
    {"10.1.2.255/24",       "10.1.2.1",         true }, /* what is beyond the length says nothing */
    {"0.0.0.0/0",           "192.168.1.1",      true },
    {"0.0.0.0/0",           "fc00::1",          false},
    {"::/0",                "192.168.1.1",      true },
    {"fc00::/7",            "fdff::1",          true },
    {"2001:db8:8000::/33",  "2001:db8:7fff::",  false},
};

static void a_list_has_what_lies_in_its_networks(void **state)
{
    (void)state;
    for (size_t row = 0; row < sizeof lists / sizeof *lists; row++) {
        struct address_list list;
        struct address address;
        struct error err = {0};

        if (address_list_parse(lists[row].list, &list, &err))
            fail_msg("row %zu: %s", row, err.message);
        assert_true(address_parse(lists[row].address, &address));
        if (address_list_has(&list, &address) != lists[row].has)
            fail_msg("row %zu: %s in %s", row, lists[row].address, lists[row].list);
    }
}

static void what_is_no_network_is_named(void **state)
{
    static const char *const texts[] = {"10.0.0.0/33",   "::/129",      "10.0.0/8", "10.0.0.0/",
                                        "10.0.0.0/-1",   "10.0.0.0/8x", "host",     "10.0.0.0/ 8",
                                        "127.0.0.1/8/8", "0x7f000001"};
    char many[ADDRESS_LIST_MAX * 3 + 16] = "";

    (void)state;
    for (size_t row = 0; row < sizeof texts / sizeof *texts; row++) {
        struct address_list list;
        struct error err = {0};

        if (address_list_parse(texts[row], &list, &err) != STATUS_INVALID ||
            !strstr(err.message, "is no network"))
            fail_msg("row %zu: %s: %s", row, texts[row], err.message);
    }
    for (int i = 0; i <= ADDRESS_LIST_MAX; i++)
        memcpy(many + 3 * i, "::,", 4);
    assert_int_equal(address_list_parse(many, &(struct address_list){0}, NULL), STATUS_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_public_is_private),
        cmocka_unit_test(a_name_is_no_address),
        cmocka_unit_test(a_socket_has_the_same_address),
        cmocka_unit_test(a_list_has_what_lies_in_its_networks),
        cmocka_unit_test(what_is_no_network_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
