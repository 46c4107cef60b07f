/* Included before every file: calls that have a safer twin do not compile. */
#pragma once
#include <stdio.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf vsprintf strtok gmtime localtime asctime ctime gets strncat
