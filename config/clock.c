#include "config/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t shift, last;

int64_t clock_now_us(void)
{
    struct timespec now;
    int64_t time_us, seen = atomic_load(&last);

    clock_gettime(CLOCK_REALTIME, &now);
    time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + atomic_load(&shift);
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

int64_t clock_parse_iso(const char *text)
{
    struct tm t = {0};
    int64_t fraction_us = 0, seconds;
    int end = 0, offset;
    char between;

    if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &between,
               &t.tm_hour, &t.tm_min, &t.tm_sec, &end) != 7 ||
        !strchr("Tt ", between) || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 ||
        t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 || t.tm_min < 0 || t.tm_min > 59 ||
        t.tm_sec < 0 || t.tm_sec > 60)
        return -1;
    text += end;
    if (*text == '.' || *text == ',')
        for (int64_t unit = 100000; *++text >= '0' && *text <= '9'; unit /= 10)
            fraction_us += (*text - '0') * unit;
    offset = parse_offset(text, &text);
    if (!text || *text)
        return -1;
    t.tm_mon--;
    t.tm_year -= 1900;
    seconds = (int64_t)timegm(&t) - offset;
    return seconds < 0 ? -1 : seconds * 1000000 + fraction_us;
}
