/* Names of Python projects: what is one (PEP 508), and which spellings mean the same (PEP 503). */
#pragma once
#include <stdbool.h>

struct arena;

enum { PROJECT_NAME_LENGTH_MAX = 200 };

/* ASCII letters and digits, with '-', '_' and '.' between them. */
bool project_name_is_valid(const char *name);
/* Lower case, every run of '-', '_' and '.' made one '-'. NULL where it is no name. */
const char *project_name_normalize(struct arena *arena, const char *name);
/* How file names spell a normalised name: '-' becomes '_' (PEP 427, PEP 625). */
const char *project_name_in_files(struct arena *arena, const char *normalized);
