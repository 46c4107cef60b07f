#include "storage/remote/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS_BEFORE = 96, NETWORK_TEXT_MAX = 64 };

/* The IANA special-purpose registries, RFC 6890, as far as nothing public stands there. The networks of
 * RFC 5737 are left out: nobody's own machines stand there either, but resolvers answer with them for
 * what a gateway fetches from the outside.
 * 64:ff9b::/96 is judged by the IPv4 address in it, for behind NAT64 every public one looks so. */
static const char private_networks[] =
    "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,"
    "192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,224.0.0.0/3,"
    "::/96,::ffff:0:0:0/96,64:ff9b:1::/48,100::/64,2001::/23,2001:db8::/32,2002::/16,3fff::/20,"
    "5f00::/16,fc00::/7,fe80::/9,ff00::/8";
static const unsigned char nat64[] = {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static void set_v4(struct address *out, const void *v4)
{
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, v4, ADDRESS_SIZE - sizeof mapped);
}

bool address_parse(const char *text, struct address *out)
{
    struct in_addr v4;

    if (inet_pton(AF_INET6, text, out->bytes) == 1)
        return true;
    if (!*text || strpbrk(text, " \t\r\n") || !inet_aton(text, &v4))
        return false;
    set_v4(out, &v4);
    return true;
}

bool address_of_socket(const struct sockaddr *socket, struct address *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (socket->sa_family == AF_INET) {
        memcpy(&v4, socket, sizeof v4);
        set_v4(out, &v4.sin_addr);
    } else if (socket->sa_family == AF_INET6) {
        memcpy(&v6, socket, sizeof v6);
        memcpy(out->bytes, &v6.sin6_addr, ADDRESS_SIZE);
    } else {
        return false;
    }
    return true;
}

static bool in_network(const struct address *address, const struct address *base, int bits)
{
    int whole = bits / 8, rest = bits % 8;

    return !memcmp(address->bytes, base->bytes, (size_t)whole) &&
           (!rest || !((address->bytes[whole] ^ base->bytes[whole]) >> (8 - rest)));
}

bool address_list_has(const struct address_list *list, const struct address *address)
{
    for (size_t i = 0; i < list->count; i++)
        if (in_network(address, &list->networks[i].base, list->networks[i].bits))
            return true;
    return false;
}

/* A dotted quad only: here the short forms of address_parse() would be slips of the pen. */
static bool parse_network(char *text, struct address *base, int *bits)
{
    char *slash = strchr(text, '/'), *end;
    struct in_addr v4;
    bool is_v4;
    long length;

    if (slash)
        *slash = '\0';
    is_v4 = inet_pton(AF_INET, text, &v4) == 1;
    if (is_v4)
        set_v4(base, &v4);
    else if (inet_pton(AF_INET6, text, base->bytes) != 1)
        return false;
    *bits = 8 * ADDRESS_SIZE;
    if (!slash)
        return true;
    length = strtol(slash + 1, &end, 10);
    if (slash[1] < '0' || slash[1] > '9' || *end || length > (is_v4 ? 32 : 128))
        return false;
    *bits = (int)length + (is_v4 ? V4_BITS_BEFORE : 0);
    return true;
}

enum status address_list_parse(const char *text, struct address_list *out, struct error *err)
{
    char network[NETWORK_TEXT_MAX];

    out->count = 0;
    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        size_t length = strcspn(text, ", ");

        if (out->count == ADDRESS_LIST_MAX)
            return fail(err, STATUS_INVALID, "", "has more than %d networks", ADDRESS_LIST_MAX);
        snprintf(network, sizeof network, "%.*s", (int)length, text);
        if (length >= sizeof network || !parse_network(network, &out->networks[out->count].base,
                                                       &out->networks[out->count].bits))
            return fail(err, STATUS_INVALID, "", "'%.*s' is no network such as 10.0.0.0/8",
                        (int)(length > NETWORK_TEXT_MAX ? NETWORK_TEXT_MAX : length), text);
        out->count++;
        text += length;
    }
    return STATUS_OK;
}

bool address_is_private(const struct address *address)
{
    struct address v4 = *address;
    struct address_list list;

    if (!memcmp(address->bytes, nat64, sizeof nat64))
        set_v4(&v4, address->bytes + sizeof nat64);
    /* Parsed for each connection that is made: microseconds, and no state to be shared. */
    return address_list_parse(private_networks, &list, NULL) || address_list_has(&list, &v4);
}
