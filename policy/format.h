/* The formats that packages come in, and how their names are told apart. */
#pragma once
#include <stddef.h>

enum format { FORMAT_NPM = 1, FORMAT_PYPI, FORMAT_ARTIFACT };

const char *format_name(enum format format); /* "npm", "pypi", "artifact" */
/* The format of a word that ends after length bytes; 0: none. */
enum format format_from_name(const char *word, size_t length);
/* Folds a name, or a pattern of names, in place: lower case, and for Python runs of "-_." as one
 * '-' (PEP 503). Names that fold to one text have one owner. */
void format_fold(enum format format, char *text);
/* Less than, equal to or greater than 0, as the format orders versions; 0 also where one of them is none. */
int format_compare_versions(enum format format, const char *one, const char *other);
