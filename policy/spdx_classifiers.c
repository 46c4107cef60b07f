/* Licences as Python projects said them before PEP 639, and still may. */
#include "policy/spdx.h"

#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"

#include <string.h>

enum { EXPRESSION_MAX = SPDX_LENGTH_MAX };

static const char prefix[] = "License :: ";

/* One that leaves open which of two licences is meant names both, for it must do whichever it is.
 */
static const struct {
    const char *classifier; /* what stands behind the prefix */
    const char *expression;
} rows[] = {
    {"OSI Approved :: MIT License",                                                "MIT"                          },
    {"OSI Approved :: MIT No Attribution License (MIT-0)",                         "MIT-0"                        },
    {"OSI Approved :: Apache Software License",                                    "Apache-2.0"                   },
    {"OSI Approved :: BSD License",                                                "BSD-2-Clause AND BSD-3-Clause"},
    {"OSI Approved :: ISC License (ISCL)",                                         "ISC"                          },
    {"OSI Approved :: Python Software Foundation License",                         "PSF-2.0"                      },
    {"OSI Approved :: Mozilla Public License 1.0 (MPL)",                           "MPL-1.0"                      },
    {"OSI Approved :: Mozilla Public License 1.1 (MPL 1.1)",                       "MPL-1.1"                      },
    {"OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",                       "MPL-2.0"                      },
    {"OSI Approved :: The Unlicense (Unlicense)",                                  "Unlicense"                    },
    {"OSI Approved :: zlib/libpng License",                                        "Zlib"                         },
    {"OSI Approved :: Zope Public License",                                        "ZPL-2.1"                      },
    {"OSI Approved :: Boost Software License 1.0 (BSL-1.0)",                       "BSL-1.0"                      },
    {"OSI Approved :: Universal Permissive License (UPL)",                         "UPL-1.0"                      },
    {"OSI Approved :: Eclipse Public License 1.0 (EPL-1.0)",                       "EPL-1.0"                      },
    {"OSI Approved :: Eclipse Public License 2.0 (EPL-2.0)",                       "EPL-2.0"                      },
    {"OSI Approved :: European Union Public Licence 1.0 (EUPL 1.0)",               "EUPL-1.0"                     },
    {"OSI Approved :: European Union Public Licence 1.1 (EUPL 1.1)",               "EUPL-1.1"                     },
    {"OSI Approved :: European Union Public Licence 1.2 (EUPL 1.2)",               "EUPL-1.2"                     },
    {"OSI Approved :: Historical Permission Notice and Disclaimer (HPND)",         "HPND"                         },
    {"OSI Approved :: Common Development and Distribution License 1.0 (CDDL-1.0)", "CDDL-1.0"                     },
    {"OSI Approved :: Blue Oak Model License (BlueOak-1.0.0)",                     "BlueOak-1.0.0"                },
    {"OSI Approved :: Mulan Permissive Software License v2 (MulanPSL-2.0)",        "MulanPSL-2.0"                 },
    {"OSI Approved :: University of Illinois/NCSA Open Source License",            "NCSA"                         },
    {"OSI Approved :: SIL Open Font License 1.1 (OFL-1.1)",                        "OFL-1.1"                      },
    {"OSI Approved :: PostgreSQL License",                                         "PostgreSQL"                   },
    {"OSI Approved :: Zero-Clause BSD (0BSD)",                                     "0BSD"                         },
    {"OSI Approved :: GNU Affero General Public License v3",                       "AGPL-3.0-only"                },
    {"OSI Approved :: GNU Affero General Public License v3 or later (AGPLv3+)",
     "AGPL-3.0-or-later"                                                                                          },
    {"OSI Approved :: GNU General Public License (GPL)",                           "GPL-1.0-or-later"             },
    {"OSI Approved :: GNU General Public License v2 (GPLv2)",                      "GPL-2.0-only"                 },
    {"OSI Approved :: GNU General Public License v2 or later (GPLv2+)",            "GPL-2.0-or-later"             },
    {"OSI Approved :: GNU General Public License v3 (GPLv3)",                      "GPL-3.0-only"                 },
    {"OSI Approved :: GNU General Public License v3 or later (GPLv3+)",            "GPL-3.0-or-later"             },
    {"OSI Approved :: GNU Library or Lesser General Public License (LGPL)",        "LGPL-2.0-or-later"            },
    {"OSI Approved :: GNU Lesser General Public License v2 (LGPLv2)",              "LGPL-2.0-only"                },
    {"OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)",
     "LGPL-2.0-or-later"                                                                                          },
    {"OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)",              "LGPL-3.0-only"                },
    {"OSI Approved :: GNU Lesser General Public License v3 or later (LGPLv3+)",
     "LGPL-3.0-or-later"                                                                                          },
    {"CC0 1.0 Universal (CC0 1.0) Public Domain Dedication",                       "CC0-1.0"                      },
};

static const char *find(const char *classifier)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!strcmp(rows[i].classifier, classifier))
            return rows[i].expression;
    return NULL;
}

const char *spdx_from_classifiers(const char *const *classifiers, size_t count, struct arena *arena)
{
    struct strbuf out;

    strbuf_init(&out, arena, EXPRESSION_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *expression, *name = classifiers[i] + strlen(prefix);

        if (strncmp(classifiers[i], prefix, strlen(prefix)) || !strcmp(name, "OSI Approved"))
            continue;
        if (!(expression = find(name)))
            return NULL;
        strbuf_format(&out, "%s%s", out.length ? " AND " : "", expression);
    }
    return out.length && !strbuf_failed(&out) ? out.data : NULL;
}
