/* What the terminal sees of long work, numbers and times. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "apps/lq/cli.h"
#include "lq_host/host.h"

enum { PROGRESS_NS = 200000000 }; /* between two lines; work shorter than that shows none */

void lq_progress_begin(lq_progress *progress, const char *what, uint64_t goal) {
  *progress = (lq_progress){.what = what, .goal = goal, .on = isatty(STDERR_FILENO) == 1};
  if (progress->on) progress->next_ns = lq_clock_mono_ns() + PROGRESS_NS;
}

void lq_progress_at(lq_progress *progress, uint64_t count) {
  if (!progress->on) return;
  uint64_t now = lq_clock_mono_ns();
  if (now < progress->next_ns) return;
  progress->next_ns = now + PROGRESS_NS;
  progress->shown = true;
  uint64_t percent = progress->goal ? count * 100 / progress->goal : 100;
  (void)fprintf(stderr, "\r%s: %llu of %llu (%llu %%)\x1b[K", progress->what,
                (unsigned long long)count, (unsigned long long)progress->goal,
                (unsigned long long)(percent > 100 ? 100 : percent));
  (void)fflush(stderr);
}

void lq_progress_end(lq_progress *progress) {
  if (progress->shown) (void)fputs("\r\x1b[K", stderr);
  progress->on = progress->shown = false;
}

bool lq_cli_number(const char *text, uint64_t *out) {
  char *end = NULL;
  errno = 0;
  *out = strtoull(text, &end, 10);
  return text[0] >= '0' && text[0] <= '9' && !*end && errno == 0;
}

void lq_cli_time(uint64_t wall_ms, char out[24]) {
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm utc;
  if (!gmtime_r(&seconds, &utc) || !strftime(out, 24, "%Y-%m-%d %H:%M:%S", &utc)) out[0] = 0;
}
