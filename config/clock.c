#include "config/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t shift, last;

int64_t clock_wall_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + atomic_load(&shift);
}

int64_t clock_now_us(void)
{
    int64_t seen = atomic_load(&last), time_us = clock_wall_us();

    while (time_us > seen && !atomic_compare_exchange_weak(&last, &seen, time_us))
        ;
    return time_us > seen ? time_us : seen;
}

int64_t clock_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_shift_us(int64_t shift_us)
{
    atomic_store(&shift, shift_us);
    atomic_store(&last, 0);
}

static struct tm utc(int64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm out;

    gmtime_r(&seconds, &out);
    return out;
}

void clock_format_iso(int64_t time_us, char out[CLOCK_TEXT_SIZE])
{
    struct tm t = utc(time_us);
    size_t used = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &t);

    snprintf(out + used, CLOCK_TEXT_SIZE - used, ".%03dZ", (int)(time_us / 1000 % 1000));
}

/* strftime's names follow the locale, and the protocol's do not: RFC 9110 5.6.7. */
static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void clock_format_http(int64_t time_us, char out[CLOCK_TEXT_SIZE])
{
    struct tm t = utc(time_us);

    snprintf(out, CLOCK_TEXT_SIZE, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday,
             t.tm_mday, months + 3 * t.tm_mon, (t.tm_year + 1900) % 10000, t.tm_hour, t.tm_min,
             t.tm_sec);
}

int64_t clock_parse_http(const char *text)
{
    struct tm t = {0};
    char month[4] = "";
    const char *found;
    int end = 0;

    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT%n", &t.tm_mday, month, &t.tm_year,
               &t.tm_hour, &t.tm_min, &t.tm_sec, &end) != 6 ||
        !end || text[end])
        return -1;
    found = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (!found || (found - months) % 3)
        return -1;
    t.tm_mon = (int)(found - months) / 3;
    t.tm_year -= 1900;
    return (int64_t)timegm(&t) * 1000000;
}

/* Seconds east of UTC, and NULL in *rest where it is no offset. */
static int parse_offset(const char *text, const char **rest)
{
    int hours, minutes, end = 0;

    *rest = text;
    if (!*text)
        return 0;
    *rest = text + 1;
    if (*text == 'Z' || *text == 'z')
        return 0;
    *rest = NULL;
    if ((*text != '+' && *text != '-') || text[1] < '0' || text[1] > '9' ||
        (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &end) != 2 &&
         sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &end) != 2))
        return 0;
    *rest = text + 1 + end;
    return (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/* A number of up to so many digits, and what follows it where that is not 0. A packument has a time for
 * each version, and sscanf() takes a microsecond for one. */
static bool take_number(const char **at, int digits, const char *follows, int *out)
{
    const char *start = *at;

    for (*out = 0; digits && **at >= '0' && **at <= '9'; digits--)
        *out = *out * 10 + *(*at)++ - '0';
    return *at != start && (!follows || (**at && strchr(follows, *(*at)++)));
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin with March, so that a leap day ends one. */
static int64_t days_since_epoch(int64_t year, int month, int day)
{
    int64_t era, of_era, of_year;

    year -= month <= 2;
    era = year / 400;
    of_era = year - era * 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t clock_parse_iso(const char *text)
{
    int year, month, day, hour, minute, second, offset;
    int64_t fraction_us = 0, seconds;

    if (!take_number(&text, 4, "-", &year) || !take_number(&text, 2, "-", &month) ||
        !take_number(&text, 2, "Tt ", &day) || !take_number(&text, 2, ":", &hour) ||
        !take_number(&text, 2, ":", &minute) || !take_number(&text, 2, NULL, &second) || month < 1 ||
        month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
        return -1;
    if (*text == '.' || *text == ',')
        for (int64_t unit = 100000; *++text >= '0' && *text <= '9'; unit /= 10)
            fraction_us += (*text - '0') * unit;
    offset = parse_offset(text, &text);
    if (!text || *text)
        return -1;
    seconds = days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    return seconds < 0 ? -1 : seconds * 1000000 + fraction_us;
}
