/* Proxies, as the environment names them: http_proxy, https_proxy, all_proxy and no_proxy. */
#pragma once

struct url_origin;

/* The proxy through which to ask; NULL: none. Never one for this machine itself. Lives as long as
 * the environment. */
const char *proxy_for(const struct url_origin *origin);
