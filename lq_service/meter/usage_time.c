/* Hours, days and months of UTC, and the keys that carry them. */
#include <stdio.h>

#include "lq_service/meter/meter_int.h"
#include "lq_service/meter/usage.h"

_Static_assert(LQ_TENANT_BYTES == 32 && LQ_ID_BYTES == 32 && LQ_STORE_SK_BYTES >= 96,
               "USAGE#<13>#<31>#<31> fits");

typedef struct date {
  uint32_t year, month, day; /* month and day from 1 */
} date;

/* Days since 1970-01-01 of the proleptic Gregorian calendar, years from 1970. Source: Howard
 * Hinnant, chrono-Compatible Low-Level Date Algorithms (days_from_civil, civil_from_days). */
static uint32_t days_of(date d) {
  uint32_t year = d.year - (d.month <= 2), era = year / 400, of_era = year - era * 400;
  uint32_t of_year = (153 * (d.month + (d.month > 2 ? 0 : 12) - 3) + 2) / 5 + d.day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static date date_of(uint32_t days) {
  days += 719468;
  uint32_t era = days / 146097, of_era = days - era * 146097;
  uint32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  uint32_t of_year = of_era - (365 * year + year / 4 - year / 100), part = (5 * of_year + 2) / 153;
  date d = {.day = of_year - (153 * part + 2) / 5 + 1, .month = part < 10 ? part + 3 : part - 9};
  d.year = year + era * 400 + (d.month <= 2);
  return d;
}

uint32_t lq_usage_hour(uint64_t wall_ms) {
  uint64_t hour = wall_ms / 3600000;
  return hour > LQ_USAGE_HOUR_MAX ? LQ_USAGE_HOUR_MAX : (uint32_t)hour;
}

void lq_usage_hour_text(uint32_t hour, char out[LQ_USAGE_HOUR_BYTES]) {
  if (hour > LQ_USAGE_HOUR_MAX) hour = LQ_USAGE_HOUR_MAX;
  date d = date_of(hour / 24);
  char text[48];
  (void)snprintf(text, sizeof text, "%04u-%02u-%02uT%02u", d.year, d.month, d.day, hour % 24);
  memcpy(out, text, LQ_USAGE_HOUR_BYTES);
}

uint32_t lq_usage_month(uint32_t hour) {
  date d = date_of(hour / 24);
  d.day = 1;
  return days_of(d) * 24;
}

uint32_t lq_usage_month_next(uint32_t hour) {
  date d = date_of(hour / 24);
  d.day = 1;
  d.year += d.month == 12;
  d.month = d.month == 12 ? 1 : d.month + 1;
  return days_of(d) * 24;
}

/* The digits of `shape`'s 0s, exactly; other bytes as they are. */
static bool shaped(lq_span text, const char *shape, uint32_t *part) {
  uint32_t at = 0;
  if (text.bytes != strlen(shape)) return false;
  for (size_t i = 0; i < text.bytes; i++) {
    bool digit = text.data[i] >= '0' && text.data[i] <= '9';
    if (shape[i] != '0') {
      if (text.data[i] != (uint8_t)shape[i]) return false;
      part[++at] = 0;
    } else if (!digit) {
      return false;
    } else {
      part[at] = part[at] * 10 + (uint32_t)(text.data[i] - '0');
    }
  }
  return true;
}

bool lq_usage_time_read(lq_span text, uint32_t *from, uint32_t *to) {
  uint32_t part[4] = {0};
  bool hour = shaped(text, "0000-00-00T00", part), day = false;
  if (!hour) {
    memset(part, 0, sizeof part);
    day = shaped(text, "0000-00-00", part);
  }
  if (!hour && !day) {
    memset(part, 0, sizeof part);
    if (!shaped(text, "0000-00", part)) return false;
    part[2] = 1;
  }
  date d = {part[0], part[1], part[2]};
  if (d.year < 1970 || d.month < 1 || d.month > 12 || d.day < 1 || part[3] > 23) return false;
  date same = date_of(days_of(d));
  if (same.month != d.month || same.day != d.day) return false; /* the 31st of February */
  *from = days_of(d) * 24 + part[3];
  *to = hour ? *from + 1 : day ? *from + 24 : lq_usage_month_next(*from);
  return true;
}

/* ---- keys ---- */

bool lqi_meter_names_read(const char *at, char *game, size_t game_bytes, char *session,
                          size_t session_bytes) {
  const char *hash = strchr(at, '#');
  if (!hash || hash == at || strchr(hash + 1, '#')) return false;
  return lq_text_copy(game, game_bytes, lq_span_of(at, (size_t)(hash - at))) &&
         lq_text_copy(session, session_bytes, lq_span_text(hash + 1));
}

static bool hour_read(const char *at, uint32_t *hour) {
  uint32_t behind;
  return strlen(at) >= LQ_USAGE_HOUR_BYTES - 1 &&
         lq_usage_time_read(lq_span_of(at, LQ_USAGE_HOUR_BYTES - 1), hour, &behind);
}

void lq_usage_sk(uint32_t hour, const char *game, const char *session,
                 char out[LQ_STORE_SK_BYTES]) {
  char text[LQ_USAGE_HOUR_BYTES];
  lq_usage_hour_text(hour, text);
  (void)snprintf(out, LQ_STORE_SK_BYTES, "USAGE#%s#%.31s#%.31s", text, game, session);
}

bool lq_usage_sk_read(const char *sk, uint32_t *hour, char game[LQ_TENANT_BYTES],
                      char session[LQ_ID_BYTES]) {
  if (strncmp(sk, "USAGE#", 6) != 0 || !hour_read(sk + 6, hour)) return false;
  return sk[19] == '#' &&
         lqi_meter_names_read(sk + 20, game, LQ_TENANT_BYTES, session, LQ_ID_BYTES);
}

void lq_meter_sk(const char *game, const char *session, char out[LQ_STORE_SK_BYTES]) {
  (void)snprintf(out, LQ_STORE_SK_BYTES, "METER#%.31s#%.31s", game, session);
}

bool lq_meter_sk_read(const char *sk, char game[LQ_TENANT_BYTES], char session[LQ_ID_BYTES]) {
  return strncmp(sk, "METER#", 6) == 0 &&
         lqi_meter_names_read(sk + 6, game, LQ_TENANT_BYTES, session, LQ_ID_BYTES);
}

void lq_kept_sk(uint32_t hour, char out[LQ_STORE_SK_BYTES]) {
  char text[LQ_USAGE_HOUR_BYTES];
  lq_usage_hour_text(hour, text);
  (void)snprintf(out, LQ_STORE_SK_BYTES, "KEPT#%s", text);
}

bool lq_kept_sk_read(const char *sk, uint32_t *hour) {
  return strncmp(sk, "KEPT#", 5) == 0 && strlen(sk) == 18 && hour_read(sk + 5, hour);
}
