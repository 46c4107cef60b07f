/* The breakers of one upstream, one for each host that it sends us to: its files may be elsewhere, and that
 * one fails says nothing of the other. Shared by all threads; locked inside. */
#pragma once
#include "storage/remote/breaker.h"

struct breaker_set;
struct url_origin;

struct breaker_set *breaker_set_new(const struct breaker_options *options); /* never NULL */
void breaker_set_free(struct breaker_set *set);                             /* NULL does nothing */
/* Made when first asked for; lives as long as the set. Beyond many hosts, which only a strange upstream has,
 * the further ones share one. */
struct breaker *breaker_set_find(struct breaker_set *set, const struct url_origin *origin);
void breaker_set_close(struct breaker_set *set);
