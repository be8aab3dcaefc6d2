/* `lq join`: a player in the terminal. What comes is printed, a line each; what is typed is sent.
 * What the game's own code did wrong is told as an error, and in a terminal not as JSON as well.
 * A line that starts with { is sent as it is; "move entity=p1 vec=[0,1,0] id=c1" becomes the
 * command of that name. */
#include <stdlib.h>
#include <unistd.h>

#include "apps/lq/remote.h"
#include "apps/lq/session_guests.h"
#include "lq_base/limits.h"
#include "lq_host/host.h"
#include "lq_host/loop.h"
#include "lq_service/gateway/ws.h"

enum { LINE_BYTES = 8192, LINGER_MS = 1000, SECONDS_MAX = 86400 };

typedef struct line line;
struct line {
  struct joiner *j;
  line *next;
  size_t bytes; /* 0 = the input ended */
  char text[];
};

typedef struct joiner {
  const lq_cli *cli;
  lq_loop *loop;
  lq_conn *conn;
  lq_timer *timer;
  lq_ws ws;
  lq_ws_dial dial;
  uint8_t *scratch;
  char address[128];
  char token[LQ_TOKEN_BYTES]; /* "" = the server asks for none */
  line *held, **held_end;     /* lines that came before the welcome, in order */
  char session[LQ_ID_BYTES];
  bool upgraded, joined, leaving, input_ended;
  uint64_t leave_at_ms; /* 0 = not set */
  lq_err err;
  lq_diag diag;
} joiner;

static void quit(joiner *j, lq_err err) {
  if (!j->err) j->err = err;
  lq_loop_stop(j->loop);
}

static void send_frame(joiner *j, lq_ws_opcode opcode, lq_span payload) {
  uint8_t mask[4], frame[LINE_BYTES * 2];
  lq_writer w = lq_writer_of(frame, sizeof frame);
  lq_err err = lq_random_bytes(mask, sizeof mask);
  if (!err) lq_ws_write(&w, opcode, payload, mask);
  if (!err && w.failed) err = LQ_ERR_TOO_BIG;
  if (!err) err = lq_conn_send(j->conn, lq_writer_span(&w));
  if (err) quit(j, err);
}

static void member(lq_writer *w, const char *name, const char *value) {
  if (!value) return;
  lq_write_u8(w, ',');
  lq_json_write_text(w, lq_span_text(name));
  lq_write_u8(w, ':');
  lq_json_write_text(w, lq_span_text(value));
}

static void send_join(joiner *j) {
  const char *const *v = j->cli->value;
  uint8_t text[LINE_BYTES];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_write_text(&w, "{\"action\":\"join\"");
  member(&w, "tenant", v[0] ? v[0] : "acme");
  member(&w, "game", v[1] ? v[1] : "demo");
  member(&w, "session", v[2]);
  member(&w, "player", v[3]);
  member(&w, "resume", v[4]);
  member(&w, "token", j->token[0] ? j->token : NULL);
  lq_write_u8(&w, '}');
  if (w.failed)
    quit(j, LQ_ERR_TOO_BIG);
  else
    send_frame(j, LQ_WS_OP_TEXT, lq_writer_span(&w));
}

/* What the join shows: the token that was given, or what the key is exchanged for. A server that
 * has no keys (lq dev) needs neither. */
static lq_err token_get(joiner *j) {
  const char *key = j->cli->value[7], *token = j->cli->value[5];
  if (!key && !token) key = lq_env("LQ_KEY");
  if (!key && !token) token = lq_env("LQ_TOKEN");
  if (token && !lq_text_copy(j->token, sizeof j->token, lq_span_text(token)))
    return lq_diag_set(&j->diag, LQ_ERR_TOO_BIG, "the token is too long to be one");
  if (token || !key || !key[0]) return LQ_OK;
  char url[sizeof j->address + 8];
  (void)snprintf(url, sizeof url, "http://%s", j->address);
  lq_cli asked = {.value = {[LQ_REMOTE_SERVER] = url, [LQ_REMOTE_KEY] = key}};
  lq_remote remote;
  lq_err err = lq_remote_open(&asked, "", NULL, false, &remote, &j->diag);
  if (err) return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
  memcpy(j->token, remote.token, sizeof j->token);
  lq_remote_close(&remote);
  return LQ_OK;
}

/* "move entity=p1 vec=[0,1,0]": a value that is JSON goes in as it is, any other as text. */
static bool line_to_json(lq_span in, lq_writer *w) {
  size_t at = 0;
  for (int word = 0; at < in.bytes; word++) {
    size_t end = at;
    while (end < in.bytes && in.data[end] != ' ') end++;
    lq_span part = lq_span_of(in.data + at, end - at);
    at = end + 1;
    if (!part.bytes) {
      word--;
      continue;
    }
    if (word == 0) {
      lq_write_text(w, "{\"cmd\":");
      lq_json_write_text(w, part);
      continue;
    }
    const uint8_t *equals = memchr(part.data, '=', part.bytes);
    if (!equals) return false;
    lq_span name = lq_span_of(part.data, (size_t)(equals - part.data));
    lq_span value = lq_span_of(equals + 1, part.bytes - name.bytes - 1);
    lq_write_u8(w, ',');
    lq_json_write_text(w, name);
    lq_write_u8(w, ':');
    lq_json json;
    if (!lq_json_parse(value, &json, NULL))
      lq_write_span(w, value);
    else
      lq_json_write_text(w, value);
  }
  lq_write_u8(w, '}');
  return !w->failed;
}

static void send_line(joiner *j, line *l) {
  if (!l->bytes) {
    j->input_ended = true;
  } else if (l->text[0] == '{') {
    send_frame(j, LQ_WS_OP_TEXT, lq_span_of(l->text, l->bytes));
  } else if (lq_utf8_valid(lq_span_of(l->text, l->bytes))) {
    uint8_t text[LINE_BYTES];
    lq_writer w = lq_writer_of(text, sizeof text);
    if (line_to_json(lq_span_of(l->text, l->bytes), &w))
      send_frame(j, LQ_WS_OP_TEXT, lq_writer_span(&w));
    else
      (void)fprintf(stderr, "lq: a line is JSON, or: COMMAND name=value ...\n");
  }
  free(l);
}

static void take_line(void *context) {
  line *l = context;
  joiner *j = l->j;
  l->next = NULL;
  if (j->joined) {
    send_line(j, l);
    return;
  }
  *(j->held ? j->held_end : &j->held) = l;
  j->held_end = &l->next;
}

static void read_input(void *context) {
  joiner *j = context;
  char text[LINE_BYTES / 2];
  bool more = true;
  while (more) {
    more = fgets(text, sizeof text, stdin) != NULL;
    size_t bytes = more ? strcspn(text, "\r\n") : 0;
    if (more && !bytes) continue;
    line *l = malloc(sizeof *l + bytes + 1);
    if (!l) abort();
    l->j = j;
    l->bytes = bytes;
    memcpy(l->text, text, bytes);
    if (lq_loop_post(j->loop, take_line, l)) abort();
  }
}

/* The server's own words for why there is no game. */
static void join_refused(joiner *j, lq_json json) {
  char code[40] = "";
  lq_err err = LQ_ERR_FORBIDDEN;
  if (lq_json_text(lq_json_get(json, "code"), code, sizeof code))
    for (int i = 1; i < LQ_ERR_COUNT; i++)
      if (!strcmp(lq_err_name((lq_err)i), code)) err = (lq_err)i;
  j->diag.code = err;
  (void)lq_json_text(lq_json_get(json, "message"), j->diag.message, sizeof j->diag.message);
  (void)lq_json_text(lq_json_get(json, "mend"), j->diag.mend, sizeof j->diag.mend);
  quit(j, err);
}

/* Somebody who types gets a word on how; a pipe needs none. */
static void greet(lq_json json) {
  char player[40] = "", session[40] = "";
  if (isatty(STDIN_FILENO) != 1) return;
  (void)lq_json_text(lq_json_get(json, "player"), player, sizeof player);
  (void)lq_json_text(lq_json_get(json, "session"), session, sizeof session);
  (void)fprintf(stderr,
                "you are %s in session %s. Type a command of the game with its fields, as\n"
                "  move entity=%s vec=[0,1,0] id=c1\n"
                "or the JSON itself; Ctrl-D leaves, and the player stays for --resume\n",
                player, session, player);
}

/* The game's own code failed: whoever writes it reads it as an error, not as JSON. */
static void show_failure(const joiner *j, lq_json json) {
  static char error[LQ_GUEST_TEXT_BYTES_MAX + 1], stack[LQ_GUEST_TEXT_BYTES_MAX + 1];
  char name[LQ_NAME_BYTES * 2];
  int64_t tick = 0;
  lq_session_name at = {0};
  lq_shard_guest_failure failure = {.at = &at, .name = name};
  if (!lq_json_text(lq_json_get(json, "name"), name, sizeof name) ||
      !lq_json_text(lq_json_get(json, "error"), error, sizeof error) ||
      !lq_json_text(lq_json_get(json, "stack"), stack, sizeof stack) ||
      !lq_json_i64(lq_json_get(json, "tick"), &tick) ||
      !lq_json_bool(lq_json_get(json, "suspended"), &failure.suspended))
    return;
  memcpy(at.session, j->session, sizeof at.session);
  failure.tick = (uint64_t)tick;
  failure.error = lq_span_text(error);
  failure.stack = lq_span_text(stack);
  lq_guest_failure_print(&failure, NULL, false);
}

/* So is a command that the game sent and that was refused. */
static void show_refused(const joiner *j, lq_json json) {
  static char error[LQ_GUEST_TEXT_BYTES_MAX + 1];
  char name[LQ_NAME_BYTES * 2], code[48];
  int64_t tick = 0, count = 0;
  lq_session_name at = {0};
  lq_shard_guest_failure refused = {.at = &at, .name = name};
  if (!lq_json_text(lq_json_get(json, "name"), name, sizeof name) ||
      !lq_json_text(lq_json_get(json, "error"), error, sizeof error) ||
      !lq_json_text(lq_json_get(json, "code"), code, sizeof code) ||
      !lq_json_i64(lq_json_get(json, "tick"), &tick) ||
      !lq_json_i64(lq_json_get(json, "count"), &count) || count <= 0 || count > UINT32_MAX)
    return;
  memcpy(at.session, j->session, sizeof at.session);
  refused.tick = (uint64_t)tick;
  refused.refused = (uint32_t)count;
  refused.error = lq_span_text(error);
  for (uint32_t i = 0; i < LQ_ERR_COUNT; i++)
    if (!strcmp(lq_err_name((lq_err)i), code)) refused.code = (lq_err)i;
  lq_guest_failure_print(&refused, NULL, false);
}

static void got_text(joiner *j, lq_span text) {
  lq_json json;
  char evt[16] = "";
  bool known =
      !lq_json_parse(text, &json, NULL) && lq_json_text(lq_json_get(json, "evt"), evt, sizeof evt);
  bool refused = known && !strcmp(evt, "command.refused");
  bool failure = refused || (known && !strcmp(evt, "guest.failed"));
  if (failure) (refused ? show_refused : show_failure)(j, json);
  if (!failure || isatty(STDOUT_FILENO) != 1) {
    (void)fwrite(text.data, 1, text.bytes, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
  }
  if (!known) return;
  if (!strcmp(evt, "joined")) {
    j->joined = true;
    (void)lq_json_text(lq_json_get(json, "session"), j->session, sizeof j->session);
    greet(json);
    for (line *l = j->held, *next; l; l = next) {
      next = l->next;
      send_line(j, l);
    }
    j->held = NULL;
  }
  if (!strcmp(evt, "error") && !j->joined) join_refused(j, json);
}

static size_t got_data(void *user, lq_conn *conn, lq_span bytes) {
  joiner *j = user;
  size_t used = 0;
  (void)conn;
  if (!j->upgraded) {
    lq_err err = lq_ws_client_check(bytes, &j->dial, &used, &j->diag);
    if (err == LQ_ERR_TRUNCATED) return 0;
    if (err) {
      quit(j, err);
      return bytes.bytes;
    }
    j->upgraded = true;
    send_join(j);
  }
  for (;;) {
    lq_ws_message message;
    used +=
        lq_ws_read(&j->ws, lq_span_of(bytes.data + used, bytes.bytes - used), j->scratch, &message);
    if (message.kind == LQ_WS_MORE) return used;
    if (message.kind == LQ_WS_TEXT) got_text(j, message.payload);
    if (message.kind == LQ_WS_PING) send_frame(j, LQ_WS_OP_PONG, message.payload);
    if (message.kind == LQ_WS_CLOSE || message.kind == LQ_WS_FAIL) {
      if (!j->leaving) {
        lq_diag_set(&j->diag, LQ_ERR_NET, "the server closed: %u %.*s", message.code,
                    (int)message.payload.bytes,
                    message.payload.bytes ? (const char *)message.payload.data : "");
        quit(j, LQ_ERR_NET);
      }
      lq_conn_close(j->conn, LQ_OK);
      return used;
    }
  }
}

static void gone(void *user, lq_conn *conn, lq_err why) {
  joiner *j = user;
  (void)conn;
  j->conn = NULL;
  quit(j, j->leaving ? LQ_OK : why ? why : LQ_ERR_NET);
}

static void connected(void *user, lq_conn *conn, lq_err err) {
  joiner *j = user;
  if (err) {
    lq_diag_set(&j->diag, err, "nobody answers on %s", j->address);
    (void)snprintf(j->diag.mend, sizeof j->diag.mend,
                   "start a server there (lq dev), or name its address: lq join HOST:PORT");
    quit(j, err);
    return;
  }
  j->conn = conn;
  uint8_t text[2048];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_ws_client_request(&w, &j->dial);
  if ((err = lq_conn_send(conn, lq_writer_span(&w)))) quit(j, err);
}

static void leave(joiner *j) {
  uint8_t frame[LQ_WS_CLOSE_BYTES_MAX + 8], mask[4] = {0};
  lq_writer w = lq_writer_of(frame, sizeof frame);
  j->leaving = true;
  if (!j->conn || lq_random_bytes(mask, sizeof mask)) {
    quit(j, LQ_OK);
    return;
  }
  lq_ws_write_close(&w, LQ_WS_CODE_NORMAL, NULL, mask);
  if (lq_conn_send(j->conn, lq_writer_span(&w)))
    quit(j, LQ_OK);
  else
    lq_conn_close(j->conn, LQ_OK);
}

static void every_tenth(void *context, uint64_t fires) {
  joiner *j = context;
  (void)fires;
  uint64_t now_ms = lq_clock_mono_ns() / 1000000;
  if (j->input_ended && !j->leave_at_ms) j->leave_at_ms = now_ms + LINGER_MS;
  if (j->leave_at_ms && now_ms >= j->leave_at_ms && !j->leaving) leave(j);
}

static void stop_signal(void *context, int signal) {
  (void)signal;
  leave(context);
}

/* What a banner prints may be pasted: the scheme and the path are dropped. */
static lq_span bare_address(const char *text) {
  const char *scheme = strstr(text, "://");
  if (scheme) text = scheme + 3;
  return lq_span_of(text, strcspn(text, "/"));
}

static bool address_read(const lq_cli *cli, joiner *j, char host[112], uint16_t *port) {
  const char *text = cli->word_count ? cli->word[0] : NULL;
  if (!text)
    (void)snprintf(j->address, sizeof j->address, "127.0.0.1:%s",
                   lq_setting_text(LQ_SETTING_PORT, NULL, NULL));
  else if (!lq_text_copy(j->address, sizeof j->address, bare_address(text)))
    return false;
  const char *colon = strrchr(j->address, ':');
  if (!colon || (size_t)(colon - j->address) >= 112) return false;
  (void)lq_text_copy(host, 112, lq_span_of(j->address, (size_t)(colon - j->address)));
  char *end = NULL;
  unsigned long value = strtoul(colon + 1, &end, 10);
  *port = (uint16_t)value;
  return colon[1] && !*end && value > 0 && value < 65536;
}

int lq_cmd_join(const lq_cli *cli) {
  static const lq_conn_events events = {.data = got_data, .closed = gone};
  joiner j = {.cli = cli, .ws = {.is_client = true}};
  char host[112] = "";
  uint16_t port = 0;
  if (cli->word_count > 1) return lq_cli_usage("one server at a time: lq join HOST:PORT");
  if (!address_read(cli, &j, host, &port))
    return lq_cli_usage("an address is HOST:PORT, as 127.0.0.1:8080, not '%s'", j.address);
  uint64_t seconds = 0;
  if (cli->value[6] && (!lq_cli_number(cli->value[6], &seconds) || seconds > SECONDS_MAX))
    return lq_cli_usage("--seconds is a number from 0 to %d, not '%s'", SECONDS_MAX, cli->value[6]);
  if (seconds) j.leave_at_ms = lq_clock_mono_ns() / 1000000 + seconds * 1000;
  lq_err err = token_get(&j);
  if (err) return lq_cli_fail(cli, err, &j.diag);
  j.dial = (lq_ws_dial){.host = j.address, .path = "/ws"};
  j.scratch = malloc(LQ_WS_MESSAGE_BYTES_MAX);
  lq_thread *input = NULL;
  err = j.scratch ? lq_random_bytes(j.dial.nonce, sizeof j.dial.nonce) : LQ_ERR_MEMORY;
  if (!err) err = lq_loop_open(&j.loop);
  if (!err) err = lq_loop_on_stop_signal(j.loop, stop_signal, &j);
  if (!err) err = lq_timer_open(j.loop, 100000, every_tenth, &j, &j.timer);
  if (!err) err = lq_conn_dial(j.loop, host, port, LQ_WS_KEEP_BYTES, &events, &j, connected);
  if (!err) err = lq_thread_start("lq-input", read_input, &j, &input);
  if (err) return lq_cli_fail(cli, err, NULL);
  lq_loop_run(j.loop);
  /* The input's thread may still wait for a line: the process ends with it. */
  int status = j.err ? lq_cli_fail(cli, j.err, &j.diag) : LQ_EXIT_OK;
  (void)fflush(stdout);
  exit(status);
}
