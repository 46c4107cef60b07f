/* File names of Python distributions: wheels (PEP 427) and source distributions (PEP 625). */
#pragma once
#include "config/error.h"
#include <stdbool.h>

struct arena;

enum { DISTRIBUTION_NAME_LENGTH_MAX = 255 };

/* {project}-{version}[-{build}]-{python}-{abi}-{platform}.whl, each part as written. */
struct wheel_name {
    const char *project, *version;
    const char *build; /* NULL without one */
    const char *python, *abi, *platform;
};

/* {project}-{version}.tar.gz */
struct sdist_name {
    const char *project, *version;
};

bool file_name_is_wheel(const char *file);
bool file_name_is_sdist(const char *file);

/* STATUS_INVALID says which part is wrong. The parts live in the arena. */
enum status wheel_name_parse(const char *file, struct arena *arena, struct wheel_name *out,
                             struct error *err);
enum status sdist_name_parse(const char *file, struct arena *arena, struct sdist_name *out,
                             struct error *err);

/* Whether the name is the one that a file of this project (normalised) and this version must have.
 * STATUS_INVALID names the expected beginning. */
enum status wheel_name_check(const struct wheel_name *name, const char *project,
                             const char *version, struct arena *arena, struct error *err);
enum status sdist_name_check(const struct sdist_name *name, const char *project,
                             const char *version, struct arena *arena, struct error *err);

/* The version in the name of a wheel or source distribution as other indexes have them, old ones
 * too, if it is one of this project (normalised); NULL for all else: eggs, installers, signatures,
 * versions that PEP 440 cannot read. */
const char *file_name_version(const char *file, const char *project, struct arena *arena);
