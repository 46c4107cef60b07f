/* How the server is, for those who watch it: /-/livez, /-/readyz and /metrics at the root. */
#pragma once
#include "protocols/http/route.h"

extern const struct mount health_mount;
