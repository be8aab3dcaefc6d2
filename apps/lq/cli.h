/* The command line's own plumbing: options, settings with their origin, messages with cause and
 * mend. Exit status: 0 good, 1 a finding, 2 usage. */
#ifndef LQ_APPS_LQ_CLI_H
#define LQ_APPS_LQ_CLI_H

#include <stdio.h>

#include "lq_base/bytes.h"
#include "lq_base/limits.h"

enum { LQ_EXIT_OK = 0, LQ_EXIT_FINDING = 1, LQ_EXIT_USAGE = 2 };
enum { LQ_CLI_OPTIONS_MAX = 16, LQ_CLI_WORDS_MAX = 64 };

typedef struct lq_cli_option {
  const char *name;  /* without the two dashes */
  const char *value; /* what its value is called; NULL = a flag */
  const char *help;
} lq_cli_option;

typedef struct lq_cli {
  const char *word[LQ_CLI_WORDS_MAX];
  int word_count;
  const char
      *value[LQ_CLI_OPTIONS_MAX]; /* of the command's options in order; a flag that is set is "" */
  struct {
    int option;
    const char *value;
  } given[LQ_CLI_WORDS_MAX]; /* options in the order they stand, also those that stand twice */
  int given_count;
  bool json;
} lq_cli;

typedef struct lq_cli_command {
  const char *name, *words, *summary, *examples;
  lq_cli_option option[LQ_CLI_OPTIONS_MAX];
  int (*run)(const lq_cli *cli);
} lq_cli_command;

/* Every command in order of the help; ends with a NULL name. */
extern const lq_cli_command lq_commands[];

/* A problem on stderr, as text, or as JSON when --json was given: returns LQ_EXIT_FINDING. */
int lq_cli_fail(const lq_cli *cli, lq_err err, const lq_diag *diag);
int lq_cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* False when text is not a whole number of decimal digits that fits. */
bool lq_cli_number(const char *text, uint64_t *out);
/* "2026-01-31 12:00:00" in UTC. */
void lq_cli_time(uint64_t wall_ms, char out[24]);

/* ---- how far long work is: a line on stderr, only when that is a terminal and the work takes more
 * than a moment; gone when it ends ---- */
typedef struct lq_progress {
  const char *what;
  uint64_t goal, next_ns;
  bool on, shown;
} lq_progress;
void lq_progress_begin(lq_progress *progress, const char *what, uint64_t goal);
void lq_progress_at(lq_progress *progress, uint64_t count);
void lq_progress_end(lq_progress *progress);

/* ---- settings: flag over environment over default ---- */
typedef enum lq_setting_id {
  LQ_SETTING_DATA,
  LQ_SETTING_HOST,
  LQ_SETTING_PORT,
  LQ_SETTING_CC,
  LQ_SETTING_SESSIONS,
  LQ_SETTING_CONNECTIONS,
  LQ_SETTING_MESSAGES,
  LQ_SETTING_IDLE,
  LQ_SETTING_HIBERNATE,
  LQ_SETTING_KEYS,
  LQ_SETTING_ORIGINS,
  LQ_SETTING_URL,
  LQ_SETTING_OIDC,
  LQ_SETTING_SERVER,
  LQ_SETTING_SHRED_DELAY,
  LQ_SETTING_LOG,
  LQ_SETTING_EMF,
  LQ_SETTING_OTLP,
  LQ_SETTING_TRACE_ONE_IN,
  LQ_SETTING_PHYSICS_THREADS,
  LQ_SETTING_JAILS,
  LQ_SETTING_COUNT
} lq_setting_id;

typedef struct lq_setting {
  const char *name, *env, *standard, *unit, *help;
  uint64_t min, max; /* of numbers; max 0 = a text */
} lq_setting;
extern const lq_setting lq_settings[LQ_SETTING_COUNT];
/* The value in force; origin (may be NULL): "flag", "environment" or "default". */
const char *lq_setting_text(lq_setting_id id, const char *flag, const char **origin);
/* LQ_ERR_RANGE with the setting, its origin and its limits in the message. */
LQ_MUST lq_err lq_setting_number(lq_setting_id id, const char *flag, uint64_t *out, lq_diag *diag);

/* JSON to stdout through a growing buffer: begin gives a writer, end prints it with a newline. */
lq_writer lq_out_begin(void);
void lq_out_end(lq_writer *w);

int lq_cmd_new(const lq_cli *cli);
int lq_cmd_build(const lq_cli *cli);
int lq_cmd_dev(const lq_cli *cli);
int lq_cmd_serve(const lq_cli *cli);
int lq_cmd_join(const lq_cli *cli);
int lq_cmd_session(const lq_cli *cli);
int lq_cmd_audit(const lq_cli *cli);
int lq_cmd_usage(const lq_cli *cli);
int lq_cmd_policy(const lq_cli *cli);
int lq_cmd_token(const lq_cli *cli);
int lq_cmd_tenant(const lq_cli *cli);
int lq_cmd_user(const lq_cli *cli);
int lq_cmd_key(const lq_cli *cli);
int lq_cmd_asset(const lq_cli *cli);
int lq_cmd_backup(const lq_cli *cli);
int lq_cmd_telemetry(const lq_cli *cli);
int lq_cmd_config(const lq_cli *cli);
int lq_cmd_doctor(const lq_cli *cli);
int lq_cmd_bench(const lq_cli *cli);
int lq_cmd_version(const lq_cli *cli);
int lq_cmd_completion(const lq_cli *cli);

#endif
