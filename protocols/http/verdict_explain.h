/* Why policy decides as it does about the files of a package, for people who ask. The verdicts are those
 * of verdicts.h, taken again so that all of their findings can be told. */
#pragma once
#include "protocols/http/verdicts.h"

/* Visits each file of the package in the order in which they were published,
 * with its facts, its verdict for those who ask req->repository now, and the number of the policy's
 * revision. Everything a visitor gets lives only during the call. Visits nothing where policy is not
 * about the package. */
enum status verdict_explain(struct request *req, const struct verdict_subject *subject,
                            void (*visit)(void *context, const struct facts *facts,
                                          const struct verdict *verdict, int64_t revision),
                            void *context, struct error *err);
