/* The opening handshake (RFC 6455 section 4), both sides. */
#include "lq_host/host.h"
#include "lq_service/gateway/ws.h"

#include <strings.h>

enum { KEY_BYTES = 24, NONCE_BYTES = 16, ANSWER_BYTES_MAX = 16 << 10 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void key_of(const uint8_t nonce[NONCE_BYTES], char out[KEY_BYTES + 1]) {
  uint32_t held = 0;
  unsigned bits = 0;
  size_t at = 0;
  for (size_t i = 0; i < NONCE_BYTES; i++) {
    held = held << 8 | nonce[i];
    for (bits += 8; bits >= 6; bits -= 6) out[at++] = digits[(held >> (bits - 6)) & 63];
  }
  out[at++] = digits[(held << (6 - bits)) & 63];
  out[at++] = '=';
  out[at++] = '=';
  out[at] = 0;
}

/* 16 bytes in base64: 22 digits, the last of which has four zero bits, and "==". */
static bool key_valid(lq_span key) {
  if (key.bytes != KEY_BYTES || key.data[22] != '=' || key.data[23] != '=') return false;
  for (size_t i = 0; i < 22; i++)
    if (!key.data[i] || !strchr(digits, key.data[i])) return false;
  return strchr("AQgw", key.data[21]) != NULL;
}

/* ---- server ---- */
static lq_err refuse(lq_writer *response, int status, lq_err code, const char *message,
                     const char *headers) {
  lq_http_response answer = {.status = status,
                             .content_type = "text/plain; charset=utf-8",
                             .headers = headers,
                             .close = true,
                             .body = lq_span_text(message)};
  if (headers)
    lq_http_write(response, &answer);
  else
    lq_http_write_problem(response, status, code, message, true);
  return code;
}

lq_err lq_ws_handshake(const lq_http_request *request, const char *subprotocol,
                       lq_writer *response) {
  if (request->method != LQ_HTTP_GET)
    return refuse(response, 405, LQ_ERR_METHOD, "a WebSocket begins with GET", "Allow: GET\r\n");
  if (!lq_http_header_has(request, "upgrade", "websocket") ||
      !lq_http_header_has(request, "connection", "upgrade"))
    return refuse(response, 426, LQ_ERR_INVALID, "this address speaks WebSocket",
                  "Upgrade: websocket\r\n");
  if (lq_http_header_count(request, "sec-websocket-version") != 1 ||
      !lq_span_is(lq_http_header_get(request, "sec-websocket-version"), "13"))
    return refuse(response, 426, LQ_ERR_UNSUPPORTED, "the WebSocket version must be 13",
                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
  lq_span key = lq_http_header_get(request, "sec-websocket-key");
  if (lq_http_header_count(request, "sec-websocket-key") != 1 || !key_valid(key))
    return refuse(response, 400, LQ_ERR_INVALID,
                  "the Sec-WebSocket-Key must be one value of 16 bytes in base64", NULL);
  if (request->body.bytes)
    return refuse(response, 400, LQ_ERR_INVALID, "a WebSocket request has no body", NULL);
  char accept[29];
  lq_websocket_accept(key, accept);
  lq_write_text(response, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
  lq_write_text(response, accept);
  if (subprotocol && lq_http_header_has(request, "sec-websocket-protocol", subprotocol)) {
    lq_write_text(response, "\r\nSec-WebSocket-Protocol: ");
    lq_write_text(response, subprotocol);
  }
  lq_write_text(response, "\r\n\r\n");
  return LQ_OK;
}

/* ---- client ---- */
void lq_ws_client_request(lq_writer *out, const lq_ws_dial *dial) {
  char key[KEY_BYTES + 1];
  key_of(dial->nonce, key);
  lq_write_text(out, "GET ");
  lq_write_text(out, dial->path);
  lq_write_text(out, " HTTP/1.1\r\nHost: ");
  lq_write_text(out, dial->host);
  lq_write_text(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
  lq_write_text(out, key);
  if (dial->subprotocol) lq_write_text(out, "\r\nSec-WebSocket-Protocol: ");
  if (dial->subprotocol) lq_write_text(out, dial->subprotocol);
  if (dial->token) lq_write_text(out, "\r\nAuthorization: Bearer ");
  if (dial->token) lq_write_text(out, dial->token);
  lq_write_text(out, "\r\n\r\n");
}

/* The answer's headers in a request's clothes, so that one set of questions serves both. */
static bool answer_headers(lq_span head, lq_http_header *headers, lq_http_request *out) {
  *out = (lq_http_request){.headers = headers};
  for (size_t at = 0; at < head.bytes;) {
    const uint8_t *line = head.data + at;
    const uint8_t *feed = memchr(line, '\n', head.bytes - at);
    if (!feed || feed == line || feed[-1] != '\r') return false;
    size_t bytes = (size_t)(feed - line) - 1;
    at += bytes + 2;
    if (bytes == 0) continue;
    const uint8_t *colon = memchr(line, ':', bytes);
    if (!colon || out->header_count == LQ_HTTP_HEADERS_MAX) return false;
    size_t name = (size_t)(colon - line), from = name + 1, to = bytes;
    while (from < to && (line[from] == ' ' || line[from] == '\t')) from++;
    while (to > from && (line[to - 1] == ' ' || line[to - 1] == '\t')) to--;
    headers[out->header_count++] =
        (lq_http_header){lq_span_of(line, name), lq_span_of(line + from, to - from)};
  }
  return true;
}

static lq_err err_of_status(int status) {
  if (status == 401 || status == 403) return LQ_ERR_UNAUTHORIZED;
  return status == 503 || status == 429 ? LQ_ERR_BUSY : LQ_ERR_INVALID;
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static lq_err check_answer(const lq_http_request *answer, const lq_ws_dial *dial, lq_diag *diag) {
  char key[KEY_BYTES + 1], accept[29];
  key_of(dial->nonce, key);
  lq_websocket_accept(lq_span_text(key), accept);
  if (!lq_http_header_has(answer, "upgrade", "websocket") ||
      !lq_http_header_has(answer, "connection", "upgrade"))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the server did not upgrade to WebSocket");
  if (lq_http_header_count(answer, "sec-websocket-accept") != 1 ||
      !lq_span_is(lq_http_header_get(answer, "sec-websocket-accept"), accept))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the server's Sec-WebSocket-Accept does not match");
  if (lq_http_header_get(answer, "sec-websocket-extensions").bytes)
    return lq_diag_set(diag, LQ_ERR_INVALID, "the server chose an extension nobody offered");
  lq_span chosen = lq_http_header_get(answer, "sec-websocket-protocol");
  if (chosen.data && (!dial->subprotocol || !lq_span_is(chosen, dial->subprotocol)))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the server chose a subprotocol nobody offered");
  return LQ_OK;
}

lq_err lq_ws_client_check(lq_span in, const lq_ws_dial *dial, size_t *consumed, lq_diag *diag) {
  *consumed = 0;
  size_t window = in.bytes < ANSWER_BYTES_MAX ? in.bytes : ANSWER_BYTES_MAX;
  const uint8_t *end = window ? memmem(in.data, window, "\r\n\r\n", 4) : NULL;
  if (!end) {
    if (in.bytes < ANSWER_BYTES_MAX) return LQ_ERR_TRUNCATED;
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the server's answer is too long");
  }
  lq_span head = lq_span_of(in.data, (size_t)(end - in.data) + 4);
  const uint8_t *text = head.data;
  if (head.bytes < 16 || memcmp(text, "HTTP/1.1 ", 9) != 0 || !is_digit(text[9]) ||
      !is_digit(text[10]) || !is_digit(text[11]) || (text[12] != ' ' && text[12] != '\r'))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the answer is not HTTP/1.1");
  int status = (text[9] - '0') * 100 + (text[10] - '0') * 10 + (text[11] - '0');
  if (status != 101)
    return lq_diag_set(diag, err_of_status(status), "the server answered %d %s", status,
                       lq_http_reason(status));
  const uint8_t *feed = memchr(text, '\n', head.bytes);
  size_t first = (size_t)(feed - text) + 1;
  lq_http_header headers[LQ_HTTP_HEADERS_MAX];
  lq_http_request answer;
  if (!answer_headers(lq_span_of(text + first, head.bytes - first), headers, &answer))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the answer's headers are not well formed");
  lq_err err = check_answer(&answer, dial, diag);
  if (!err) *consumed = head.bytes;
  return err;
}
