#include "storage/remote/proxy.h"

#include "storage/remote/address.h"
#include "storage/remote/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *variable(const char *lower, const char *upper)
{
    const char *value = getenv(lower);

    if (!value && upper)
        value = getenv(upper);
    return value && *value ? value : NULL;
}

/* "example.com" and ".example.com" mean the domain and all below it. */
static bool in_domain(const char *host, const char *domain, size_t length)
{
    size_t host_length = strlen(host);

    if (length && *domain == '.') {
        domain++;
        length--;
    }
    if (!length || host_length < length || strncasecmp(host + host_length - length, domain, length))
        return false;
    return host_length == length || host[host_length - length - 1] == '.';
}

static bool is_listed(const char *list, const char *host)
{
    struct address address;
    bool is_address = address_parse(host, &address);

    for (list += strspn(list, ", "); *list; list += strspn(list, ", ")) {
        size_t length = strcspn(list, ", ");
        struct address_list network;
        char entry[64];

        if ((length == 1 && *list == '*') || in_domain(host, list, length))
            return true;
        snprintf(entry, sizeof entry, "%.*s", (int)length, list);
        if (is_address && !address_list_parse(entry, &network, NULL) &&
            address_list_has(&network, &address))
            return true;
        list += length;
    }
    return false;
}

const char *proxy_for(const struct url_origin *origin)
{
    const char *without = variable("no_proxy", "NO_PROXY"), *proxy;

    if (is_listed("localhost,127.0.0.0/8,::1", origin->host) ||
        (without && is_listed(without, origin->host)))
        return NULL;
    /* HTTP_PROXY is left alone: in a CGI's environment a client sets it. */
    proxy =
        origin->is_https ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", NULL);
    return proxy ? proxy : variable("all_proxy", "ALL_PROXY");
}
