/* Network addresses: which are private, and lists of those that may be connected to all the same.
 * All are IPv6 here; IPv4 is ::ffff:a.b.c.d, so that one spelling cannot pass where another is
 * refused. */
#pragma once
#include "config/error.h"
#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

enum { ADDRESS_SIZE = 16, ADDRESS_LIST_MAX = 64 };

struct address {
    unsigned char bytes[ADDRESS_SIZE];
};

struct address_list {
    struct {
        struct address base;
        int bits;
    } networks[ADDRESS_LIST_MAX];
    size_t count;
};

/* An address as text, in every form that resolvers take for one: "127.1", "0x7f000001", "::1". */
bool address_parse(const char *text, struct address *out);
/* false for a family that is neither IPv4 nor IPv6. */
bool address_of_socket(const struct sockaddr *socket, struct address *out);
/* Whether it is no address of the public internet: loopback, private, link-local, shared, reserved,
 * multicast, or an IPv6 form that leads to such an IPv4 one. */
bool address_is_private(const struct address *address);

/* Networks with commas, such as "10.0.0.0/8,::1/128"; without a length it is one address. "" is
 * none. STATUS_INVALID names what is no network. */
enum status address_list_parse(const char *text, struct address_list *out, struct error *err);
bool address_list_has(const struct address_list *list, const struct address *address);
