/* The HTTP client on libcurl.
 *
 * A request is one block of memory that goes round: `start` (loop's thread) puts it into `waiting`;
 * the thread takes it, runs it and puts it into `ended`; `deliver` (loop's thread) calls done. Both
 * lists are under the mutex; everything else of a request belongs to the thread that has it. */
#include "lq_host/fetch.h"
#include "lq_host/host.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  QUEUE_DEFAULT = 256,
  TIMEOUT_DEFAULT_MS = 10000,
  ANSWER_DEFAULT = 1 << 20,
  CONNECTIONS_MAX = 64,
  HOST_CONNECTIONS_MAX = 8,
  TURN_MS = 1000, /* the thread looks around at least so often */
};

typedef struct request request;
struct request {
  request *next;
  lq_fetch *fetch;
  lq_fetch_done done;
  void *context;
  lq_fetch_answer answer;
  CURL *easy;
  struct curl_slist *headers;
  uint8_t *got[2]; /* head, body */
  size_t got_bytes[2], got_capacity[2], got_max[2];
  uint32_t timeout_ms;
  bool refused; /* an address was not public */
  bool too_big, no_memory;
  char error[CURL_ERROR_SIZE];
  const char *method, *url; /* into text */
  const char *host;         /* "https://example.org:8443", for messages */
  lq_span body;             /* into text */
  size_t header_count;
  char text[]; /* headers, each with NUL, then method, url, host, body */
};

typedef struct list {
  request *first, **last;
} list;

/* What was posted to the loop outlives the client. */
typedef struct box {
  lq_fetch *fetch; /* the loop's thread only; NULL: closed */
  bool posted;     /* under the client's mutex, while there is a client */
} box;

struct lq_fetch {
  lq_fetch_options options;
  char *ca_file;
  CURLM *multi;
  lq_thread *thread;
  lq_mutex *mutex;
  list waiting, ended; /* under the mutex */
  bool stop;           /* under the mutex */
  uint32_t count;      /* of requests whose done was not called; the loop's thread only */
  list running;        /* the thread only */
  box *box;
};

static void list_init(list *l) { *l = (list){NULL, NULL}; }
static void list_add(list *l, request *r) {
  r->next = NULL;
  if (l->first)
    *l->last = r;
  else
    l->first = r;
  l->last = &r->next;
}
static request *list_take(list *l) {
  request *r = l->first;
  if (r) l->first = r->next;
  return r;
}
static void list_remove(list *l, request *r) {
  request **at = &l->first;
  while (*at != r) at = &(*at)->next;
  *at = r->next;
  if (!r->next) l->last = at;
}

static void request_free(request *r) {
  free(r->got[0]);
  free(r->got[1]);
  free(r);
}

/* ---- on the thread: what libcurl asks for ---- */

static size_t take(request *r, int which, const char *data, size_t bytes) {
  size_t have = r->got_bytes[which], max = r->got_max[which];
  if (bytes > max - have) {
    r->too_big = true;
    return 0;
  }
  if (have + bytes > r->got_capacity[which]) {
    size_t capacity = r->got_capacity[which] ? r->got_capacity[which] * 2 : 4096;
    while (capacity < have + bytes) capacity *= 2;
    if (capacity > max) capacity = max;
    uint8_t *grown = realloc(r->got[which], capacity);
    if (!grown) {
      r->no_memory = true;
      return 0;
    }
    r->got[which] = grown;
    r->got_capacity[which] = capacity;
  }
  memcpy(r->got[which] + have, data, bytes);
  r->got_bytes[which] = have + bytes;
  return bytes;
}

static size_t on_body(char *data, size_t size, size_t count, void *user) {
  size_t bytes = size * count; /* size is 1 */
  return bytes ? take(user, 1, data, bytes) : 0;
}

static size_t on_head(char *data, size_t size, size_t count, void *user) {
  request *r = user;
  size_t bytes = size * count;
  /* Of "100 Continue" and the answer proper, the last counts. */
  if (bytes >= 5 && memcmp(data, "HTTP/", 5) == 0) r->got_bytes[0] = 0;
  return take(r, 0, data, bytes);
}

static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to) {
  request *r = user;
  (void)purpose;
  lq_span address = {0};
  if (to->family == AF_INET)
    address = lq_span_of(&((struct sockaddr_in *)(void *)&to->addr)->sin_addr, 4);
  else if (to->family == AF_INET6)
    address = lq_span_of(&((struct sockaddr_in6 *)(void *)&to->addr)->sin6_addr, 16);
  if (r->fetch->options.public_only && !lq_fetch_address_public(address)) {
    r->refused = true;
    return CURL_SOCKET_BAD;
  }
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* ---- on the thread: a request's way ---- */

static lq_err err_of(const request *r, CURLcode code) {
  if (r->no_memory || code == CURLE_OUT_OF_MEMORY) return LQ_ERR_MEMORY;
  if (r->too_big || code == CURLE_FILESIZE_EXCEEDED) return LQ_ERR_TOO_BIG;
  if (code == CURLE_OPERATION_TIMEDOUT) return LQ_ERR_IDLE;
  if (code == CURLE_ABORTED_BY_CALLBACK) return LQ_ERR_ENDED;
  if (r->refused) return LQ_ERR_FORBIDDEN;
  return LQ_ERR_NET;
}

static void say(request *r, CURLcode code) {
  lq_diag *diag = &r->answer.diag;
  lq_err err = r->answer.err = err_of(r, code);
  const char *words = r->error[0] ? r->error : curl_easy_strerror(code);
  if (err == LQ_ERR_FORBIDDEN)
    words = "it is not on the public internet";
  else if (err == LQ_ERR_TOO_BIG)
    words = "the answer is larger than the limit";
  else if (err == LQ_ERR_ENDED)
    words = "the client closes";
  lq_diag_set(diag, err, "%s %.100s: %.120s", r->method, r->host, words);
  const char *mend = lq_err_mend(err);
  if (code == CURLE_PEER_FAILED_VERIFICATION)
    mend = "check the server's certificate, its name and its dates, or name the authority that "
           "signed it";
  (void)snprintf(diag->mend, sizeof diag->mend, "%s", mend);
}

/* Hands a request that is through to the loop. */
static void end(lq_fetch *f, request *r, CURLcode code) {
  if (r->easy) {
    long status = 0;
    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    r->answer.status = code == CURLE_OK ? (int)status : 0;
    (void)curl_multi_remove_handle(f->multi, r->easy);
    curl_easy_cleanup(r->easy);
  }
  curl_slist_free_all(r->headers);
  r->easy = NULL;
  r->headers = NULL;
  if (code != CURLE_OK) say(r, code);
  lq_mutex_lock(f->mutex);
  list_add(&f->ended, r);
  lq_mutex_unlock(f->mutex);
}

/* True when all of it was taken; what fails here is memory. */
static bool set_policy(CURL *easy, const lq_fetch *f) {
  CURLcode bad = CURLE_OK;
#define SET(option, value) bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_##option, value)
  SET(NOSIGNAL, 1L);
  SET(QUICK_EXIT, 1L); /* closing does not wait for a name server */
  SET(PROTOCOLS_STR, "http,https");
  SET(FOLLOWLOCATION, 0L);
  SET(PROXY, "");
  SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(SSL_VERIFYPEER, 1L);
  SET(SSL_VERIFYHOST, 2L);
  SET(DISALLOW_USERNAME_IN_URL, 1L);
  if (f->ca_file) {
    SET(CAINFO, f->ca_file);
    SET(CAPATH, NULL);
  }
#undef SET
  return bad == CURLE_OK;
}

static bool set_request(CURL *easy, request *r) {
  CURLcode bad = CURLE_OK;
#define SET(option, value) bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_##option, value)
  SET(PRIVATE, r);
  SET(ERRORBUFFER, r->error);
  SET(URL, r->url);
  SET(TIMEOUT_MS, (long)r->timeout_ms);
  SET(CONNECTTIMEOUT_MS, (long)r->timeout_ms);
  SET(OPENSOCKETFUNCTION, on_socket);
  SET(OPENSOCKETDATA, r);
  SET(HEADERFUNCTION, on_head);
  SET(HEADERDATA, r);
  SET(WRITEFUNCTION, on_body);
  SET(WRITEDATA, r);
  SET(MAXFILESIZE_LARGE, (curl_off_t)r->got_max[1]);
  if (strcmp(r->method, "HEAD") == 0) {
    SET(NOBODY, 1L);
  } else if (r->body.bytes || strcmp(r->method, "POST") == 0) {
    SET(POST, 1L);
    SET(POSTFIELDSIZE_LARGE, (curl_off_t)r->body.bytes);
    SET(POSTFIELDS, (const char *)r->body.data);
  }
  SET(CUSTOMREQUEST, r->method);
  SET(HTTPHEADER, r->headers);
#undef SET
  return bad == CURLE_OK;
}

static bool header_add(request *r, const char *line) {
  struct curl_slist *grown = curl_slist_append(r->headers, line);
  if (grown) r->headers = grown;
  return grown != NULL;
}

static void begin(lq_fetch *f, request *r) {
  /* "Name:" takes one of libcurl's own away: nothing waits for a "100 Continue", and a body has the
   * type that the caller gave it, or none. */
  bool good = header_add(r, "Expect:"), typed = false;
  const char *line = r->text;
  for (size_t i = 0; i < r->header_count && good; i++, line += strlen(line) + 1) {
    typed = typed || strncasecmp(line, "content-type:", 13) == 0;
    good = header_add(r, line);
  }
  if (!typed && good) good = header_add(r, "Content-Type:");
  r->easy = good ? curl_easy_init() : NULL;
  good = r->easy && set_policy(r->easy, f) && set_request(r->easy, r) &&
         curl_multi_add_handle(f->multi, r->easy) == CURLM_OK;
  if (good)
    list_add(&f->running, r);
  else
    end(f, r, CURLE_OUT_OF_MEMORY);
}

static void deliver(void *context);

/* Takes what waits, gives what ended. False when the client closes. */
static bool exchange(lq_fetch *f) {
  lq_mutex_lock(f->mutex);
  list fresh = f->waiting;
  list_init(&f->waiting);
  bool go_on = !f->stop;
  bool post = go_on && f->ended.first && !f->box->posted;
  if (post) f->box->posted = !lq_loop_post(f->options.loop, deliver, f->box);
  lq_mutex_unlock(f->mutex);
  for (request *r = fresh.first, *next; r; r = next) {
    next = r->next;
    begin(f, r);
  }
  return go_on;
}

static bool reap(lq_fetch *f) {
  CURLMsg *message;
  int left;
  bool any = false;
  while ((message = curl_multi_info_read(f->multi, &left))) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    char *private = NULL;
    (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
    request *r = (request *)(void *)private;
    list_remove(&f->running, r);
    end(f, r, code);
    any = true;
  }
  return any;
}

static void fetch_thread(void *context) {
  lq_fetch *f = context;
  bool ended = false;
  while (exchange(f)) {
    int running = 0;
    (void)curl_multi_perform(f->multi, &running);
    ended = reap(f);
    /* What ended is told before the thread waits. A post that found no memory is tried again. */
    (void)curl_multi_poll(f->multi, NULL, 0, ended ? 0 : TURN_MS, NULL);
  }
  for (request *r; (r = list_take(&f->running));) end(f, r, CURLE_ABORTED_BY_CALLBACK);
}

/* ---- on the loop's thread ---- */

static void call(lq_fetch *f, request *r) {
  f->count--;
  r->answer.head = lq_span_of(r->got[0], r->got_bytes[0]);
  r->answer.body = lq_span_of(r->got[1], r->got_bytes[1]);
  if (r->answer.err) r->answer.head = r->answer.body = lq_span_of(NULL, 0);
  r->done(r->context, &r->answer);
  request_free(r);
}

static void deliver(void *context) {
  box *b = context;
  if (!b->fetch) {
    free(b);
    return;
  }
  lq_fetch *f = b->fetch;
  lq_mutex_lock(f->mutex);
  list ended = f->ended;
  list_init(&f->ended);
  b->posted = false;
  lq_mutex_unlock(f->mutex);
  for (request *r = ended.first, *next; r; r = next) {
    next = r->next;
    call(f, r);
  }
}

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_good;
static void curl_start(void) { curl_good = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

static void fetch_free(lq_fetch *f) {
  if (f->multi) (void)curl_multi_cleanup(f->multi);
  lq_mutex_close(f->mutex);
  free(f->ca_file);
  free(f->box);
  free(f);
}

lq_err lq_fetch_open(const lq_fetch_options *options, lq_fetch **out, lq_diag *diag) {
  *out = NULL;
  if (options->ca_file && access(options->ca_file, R_OK))
    return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "the file of authorities %.180s cannot be read",
                       options->ca_file);
  (void)pthread_once(&curl_once, curl_start);
  lq_fetch *f = calloc(1, sizeof *f);
  if (!f) return LQ_ERR_MEMORY;
  f->options = *options;
  f->options.ca_file = NULL;
  if (!f->options.queue_max) f->options.queue_max = QUEUE_DEFAULT;
  f->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
  f->box = calloc(1, sizeof *f->box);
  f->mutex = lq_mutex_open();
  f->multi = curl_good ? curl_multi_init() : NULL;
  lq_err err =
      f->box && f->mutex && f->multi && (f->ca_file || !options->ca_file) ? LQ_OK : LQ_ERR_MEMORY;
  if (!err) {
    (void)curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
    (void)curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS_MAX);
    f->box->fetch = f;
    err = lq_thread_start("lq-fetch", fetch_thread, f, &f->thread);
  }
  if (err) {
    fetch_free(f);
    return lq_diag_set(diag, err, "the HTTP client cannot be opened");
  }
  *out = f;
  return LQ_OK;
}

void lq_fetch_close(lq_fetch *f) {
  if (!f) return;
  lq_mutex_lock(f->mutex);
  f->stop = true;
  lq_mutex_unlock(f->mutex);
  (void)curl_multi_wakeup(f->multi);
  lq_thread_join(f->thread);
  /* The thread began what waited before it saw the stop, so both lists are one by now. */
  f->options.queue_max = 0; /* a done that asks again is refused */
  for (request *r; (r = list_take(&f->ended));) call(f, r);
  f->box->fetch = NULL;
  if (f->box->posted) f->box = NULL; /* the post frees it */
  fetch_free(f);
}

/* ---- reading a request ---- */

static bool token_is(const char *text) {
  size_t bytes = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  return bytes && bytes < 16 && !text[bytes];
}

/* "Name: value" without control characters: a line end would begin another header. */
static bool header_is(const char *line) {
  const char *colon = strchr(line, ':');
  if (!colon || colon == line) return false;
  for (const char *at = line; at < colon; at++)
    if (!strchr("!#$%&'*+-.^_`|~", *at) && !(*at >= '0' && *at <= '9') &&
        !((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z'))
      return false;
  const char *value = colon + 1 + strspn(colon + 1, " ");
  if (!*value) return false; /* to libcurl: "remove this header" */
  for (const char *at = value; *at; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7f) return false;
  return true;
}

/* Checks the address and says which host it names. */
static lq_err url_check(const char *url, char *host, size_t capacity, lq_diag *diag) {
  CURLU *parsed = curl_url();
  char *scheme = NULL, *name = NULL, *port = NULL;
  if (!parsed) return LQ_ERR_MEMORY;
  lq_err err = LQ_ERR_INVALID;
  /* libcurl takes more and fewer slashes, too. */
  if (strstr(url, "://") == NULL || strstr(url, "://")[3] == '/') goto done;
  for (const char *at = url; *at; at++)
    if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f) goto done;
  if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) ||
      curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) ||
      curl_url_get(parsed, CURLUPART_HOST, &name, 0) ||
      curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ||
      (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
    goto done;
  (void)snprintf(host, capacity, "%s://%s:%s", scheme, name, port);
  err = LQ_OK;
done:
  curl_free(scheme);
  curl_free(name);
  curl_free(port);
  curl_url_cleanup(parsed);
  if (err)
    lq_diag_set(diag, err,
                "not an address to ask: http:// or https://, a host, no user, no spaces");
  return err;
}

static char *text_put(char **at, const char *text) {
  size_t bytes = strlen(text) + 1;
  char *put = memcpy(*at, text, bytes);
  *at += bytes;
  return put;
}

static request *request_make(lq_fetch *f, const lq_fetch_request *q, const char *host) {
  const char *method = q->method ? q->method : q->body.bytes ? "POST" : "GET";
  size_t bytes = strlen(method) + strlen(q->url) + strlen(host) + 3 + q->body.bytes;
  for (size_t i = 0; i < q->header_count; i++) bytes += strlen(q->headers[i]) + 1;
  request *r = calloc(1, sizeof *r + bytes);
  if (!r) return NULL;
  char *at = r->text;
  for (size_t i = 0; i < q->header_count; i++) text_put(&at, q->headers[i]);
  r->header_count = q->header_count;
  r->method = text_put(&at, method);
  r->url = text_put(&at, q->url);
  r->host = text_put(&at, host);
  if (q->body.bytes) memcpy(at, q->body.data, q->body.bytes);
  r->body = lq_span_of(at, q->body.bytes);
  r->fetch = f;
  r->timeout_ms = q->timeout_ms ? q->timeout_ms : TIMEOUT_DEFAULT_MS;
  r->got_max[0] = LQ_FETCH_HEADER_BYTES_MAX;
  r->got_max[1] = q->answer_bytes_max ? q->answer_bytes_max : ANSWER_DEFAULT;
  return r;
}

lq_err lq_fetch_start(lq_fetch *f, const lq_fetch_request *q, lq_fetch_done done, void *context,
                      lq_diag *diag) {
  char host[300];
  if (f->count >= f->options.queue_max)
    return lq_diag_set(diag, LQ_ERR_BUSY, "too many requests are under way");
  if (q->method && !token_is(q->method))
    return lq_diag_set(diag, LQ_ERR_INVALID, "a method is a word of capital letters");
  for (size_t i = 0; i < q->header_count; i++)
    if (!header_is(q->headers[i]))
      return lq_diag_set(diag, LQ_ERR_INVALID, "header %zu is not 'Name: value'", i);
  lq_err err = url_check(q->url, host, sizeof host, diag);
  if (err) return err;
  request *r = request_make(f, q, host);
  if (!r) return LQ_ERR_MEMORY;
  r->done = done;
  r->context = context;
  f->count++;
  lq_mutex_lock(f->mutex);
  list_add(&f->waiting, r);
  lq_mutex_unlock(f->mutex);
  (void)curl_multi_wakeup(f->multi);
  return LQ_OK;
}

lq_span lq_fetch_header(const lq_fetch_answer *answer, const char *name) {
  const char *at = (const char *)answer->head.data, *end_of = at + answer->head.bytes;
  size_t bytes = strlen(name);
  while (at && at < end_of) {
    const char *line_end = memchr(at, '\n', (size_t)(end_of - at));
    if (!line_end) line_end = end_of;
    if ((size_t)(line_end - at) > bytes && at[bytes] == ':' && strncasecmp(at, name, bytes) == 0) {
      const char *from = at + bytes + 1, *to = line_end;
      while (from < to && (*from == ' ' || *from == '\t')) from++;
      while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r')) to--;
      return lq_span_of(from, (size_t)(to - from));
    }
    at = line_end + 1;
  }
  return lq_span_of(NULL, 0);
}
