/* WebSocket frames: reading, masking, writing. The handshake is in ws_handshake.c. */
#include "lq_service/gateway/ws.h"
#include "lq_base/plant.h"

#include <stdlib.h>

enum {
  CONTROL_BYTES_MAX = 125, /* RFC 6455 section 5.5 */
  PARTS_BYTES_MIN = 1024
};

void lq_ws_deinit(lq_ws *ws) {
  free(ws->parts);
  ws->parts = NULL;
  ws->parts_bytes = ws->parts_capacity = 0;
}

/* ---- reading ---- */
typedef struct frame {
  lq_span body; /* still masked */
  uint8_t mask[4];
  uint8_t opcode;
  bool final;
} frame;
typedef enum taken { TAKEN_MORE, TAKEN_FRAME, TAKEN_FAIL } taken;

static taken fail(lq_ws *ws, lq_ws_message *out, uint16_t code, const char *reason) {
  ws->ended = true;
  lq_ws_deinit(ws);
  *out = (lq_ws_message){.kind = LQ_WS_FAIL, .code = code, .reason = reason};
  return TAKEN_FAIL;
}

/* What the first two bytes alone forbid. */
static taken check_start(lq_ws *ws, lq_span in, lq_ws_message *out) {
  uint8_t opcode = in.data[0] & 15;
  bool is_control = opcode & 8;
  if (in.data[0] & 0x70)
    return fail(ws, out, LQ_WS_CODE_PROTOCOL, "a reserved bit is set and no extension is agreed");
  if (opcode > LQ_WS_OP_PONG || (opcode > LQ_WS_OP_BINARY && opcode < LQ_WS_OP_CLOSE))
    return fail(ws, out, LQ_WS_CODE_PROTOCOL, "the opcode is unknown");
  if (is_control && !(in.data[0] & 0x80))
    return fail(ws, out, LQ_WS_CODE_PROTOCOL, "a control frame is fragmented");
  if (opcode == LQ_WS_OP_CONTINUATION && !ws->in_parts)
    return fail(ws, out, LQ_WS_CODE_PROTOCOL, "a continuation has no message to continue");
  if (!is_control && opcode != LQ_WS_OP_CONTINUATION && ws->in_parts)
    return fail(ws, out, LQ_WS_CODE_PROTOCOL, "a new message begins inside a fragmented one");
  if (opcode == LQ_WS_OP_BINARY)
    return fail(ws, out, LQ_WS_CODE_UNSUPPORTED, "messages are text here, not binary");
  if (in.bytes < 2) return TAKEN_MORE;
  if (!(in.data[1] & 0x80) != ws->is_client)
    return fail(ws, out, LQ_WS_CODE_PROTOCOL,
                ws->is_client ? "a server's frame is masked" : "a client's frame is not masked");
  if (is_control && (in.data[1] & 0x7f) > CONTROL_BYTES_MAX)
    return fail(ws, out, LQ_WS_CODE_PROTOCOL, "a control frame is longer than 125 bytes");
  return TAKEN_FRAME;
}

/* One whole frame from the start of `in`, and how many bytes it took. */
static taken take_frame(lq_ws *ws, lq_span in, frame *one, size_t *used, lq_ws_message *out) {
  if (in.bytes == 0) return TAKEN_MORE;
  taken start = check_start(ws, in, out);
  if (start != TAKEN_FRAME) return start;
  uint64_t bytes = in.data[1] & 0x7f;
  size_t wide = bytes == 126 ? 2u : bytes == 127 ? 8u : 0u;
  size_t header = 2 + wide + (ws->is_client ? 0u : 4u);
  if (in.bytes < 2 + wide) return TAKEN_MORE;
  if (wide) {
    bytes = 0;
    for (size_t i = 0; i < wide; i++) bytes = bytes << 8 | in.data[2 + i];
    if (bytes < (wide == 2 ? 126u : 65536u) || bytes >> 63)
      return fail(ws, out, LQ_WS_CODE_PROTOCOL, "a length is not in its shortest form");
  }
  if (bytes > LQ_WS_MESSAGE_BYTES_MAX ||
      (ws->in_parts && !(in.data[0] & 8) && bytes > LQ_WS_MESSAGE_BYTES_MAX - ws->parts_bytes))
    return fail(ws, out, LQ_WS_CODE_TOO_BIG, "the message is larger than the limit");
  if (in.bytes < header + bytes) return TAKEN_MORE;
  one->opcode = in.data[0] & 15;
  one->final = in.data[0] & 0x80;
  memset(one->mask, 0, 4);
  if (!ws->is_client) memcpy(one->mask, in.data + header - 4, 4);
  one->body = lq_span_of(in.data + header, (size_t)bytes);
  *used = header + (size_t)bytes;
  return TAKEN_FRAME;
}

/* Adds a fragment to the message in parts. */
static bool add_part(lq_ws *ws, const frame *one) {
  size_t need = ws->parts_bytes + one->body.bytes;
  if (need > ws->parts_capacity) {
    size_t capacity = ws->parts_capacity ? ws->parts_capacity : PARTS_BYTES_MIN;
    while (capacity < need) capacity *= 2;
    uint8_t *parts = realloc(ws->parts, capacity);
    if (!parts) return false;
    ws->parts = parts;
    ws->parts_capacity = (uint32_t)capacity;
  }
  if (one->body.bytes)
    lq_ws_mask(ws->parts + ws->parts_bytes, one->body.data, one->body.bytes, one->mask);
  ws->parts_bytes = (uint32_t)need;
  return true;
}

static bool code_allowed(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

static void read_close(lq_ws *ws, lq_span body, lq_ws_message *out) {
  *out = (lq_ws_message){.kind = LQ_WS_CLOSE, .code = LQ_WS_CODE_NONE};
  if (body.bytes == 1) {
    (void)fail(ws, out, LQ_WS_CODE_PROTOCOL, "a close frame holds half a code");
    return;
  }
  if (body.bytes) {
    out->code = (uint16_t)(body.data[0] << 8 | body.data[1]);
    out->payload = lq_span_of(body.data + 2, body.bytes - 2);
    if (!code_allowed(out->code))
      (void)fail(ws, out, LQ_WS_CODE_PROTOCOL, "a close frame's code may not be sent");
    else if (!lq_utf8_valid(out->payload))
      (void)fail(ws, out, LQ_WS_CODE_UTF8, "a close frame's reason is not valid UTF-8");
  }
  /* Nothing may follow a close frame, so a message half in parts is over too. */
  ws->ended = true;
  lq_ws_deinit(ws);
}

static void read_text(lq_ws *ws, lq_span text, lq_ws_message *out) {
  *out = (lq_ws_message){.kind = LQ_WS_TEXT, .payload = text};
  if (!lq_utf8_valid(text)) (void)fail(ws, out, LQ_WS_CODE_UTF8, "the message is not valid UTF-8");
}

/* Acts on one frame; true when it made a message. */
static bool read_frame(lq_ws *ws, const frame *one, uint8_t *scratch, lq_ws_message *out) {
  bool is_control = one->opcode & 8;
  if (!is_control && (one->opcode == LQ_WS_OP_CONTINUATION || !one->final)) {
    if (!add_part(ws, one)) {
      (void)fail(ws, out, LQ_WS_CODE_INTERNAL, "out of memory for the message");
      return true;
    }
    ws->in_parts = !one->final;
    if (ws->in_parts) return false;
    read_text(ws, lq_span_of(ws->parts, ws->parts_bytes), out);
    return true;
  }
  if (one->body.bytes) lq_ws_mask(scratch, one->body.data, one->body.bytes, one->mask);
  lq_span body = lq_span_of(scratch, one->body.bytes);
  if (one->opcode == LQ_WS_OP_TEXT)
    read_text(ws, body, out);
  else if (one->opcode == LQ_WS_OP_CLOSE)
    read_close(ws, body, out);
  else
    *out = (lq_ws_message){.kind = one->opcode == LQ_WS_OP_PING ? LQ_WS_PING : LQ_WS_PONG,
                           .payload = body};
  return true;
}

size_t lq_ws_read(lq_ws *ws, lq_span in, uint8_t *scratch, lq_ws_message *out) {
  *out = (lq_ws_message){.kind = LQ_WS_MORE};
  if (!ws->in_parts && ws->parts) lq_ws_deinit(ws); /* the message given by the last call */
  size_t at = 0;
  while (!ws->ended) {
    frame one;
    size_t used = 0;
    taken got = take_frame(ws, lq_span_of(in.data + at, in.bytes - at), &one, &used, out);
    if (LQ_PLANTED(WS_PART_LOST) && got == TAKEN_MORE && ws->in_parts) ws->parts_bytes = 0;
    if (got == TAKEN_MORE) return at;
    if (got == TAKEN_FAIL) break;
    at += used;
    if (read_frame(ws, &one, scratch, out)) return ws->ended ? in.bytes : at;
  }
  return in.bytes;
}

/* ---- writing ---- */
void lq_ws_mask(uint8_t *out, const uint8_t *in, size_t bytes, const uint8_t mask[4]) {
  uint64_t wide;
  uint8_t twice[8];
  memcpy(twice, mask, 4);
  memcpy(twice + 4, mask, 4);
  memcpy(&wide, twice, 8);
  size_t at = 0;
  for (; bytes - at >= 8; at += 8) {
    uint64_t word;
    memcpy(&word, in + at, 8);
    word ^= wide;
    memcpy(out + at, &word, 8);
  }
  for (; at < bytes; at++) out[at] = in[at] ^ mask[at & 3];
}

static size_t header_of(lq_ws_opcode opcode, uint64_t bytes, bool masked,
                        uint8_t out[LQ_WS_HEADER_BYTES_MAX]) {
  size_t wide = bytes < 126u + LQ_PLANTED(WS_LENGTH) ? 0u : bytes < 65536 ? 2u : 8u;
  uint8_t mask_bit = masked ? 0x80 : 0;
  out[0] = (uint8_t)(0x80 | opcode);
  out[1] = (uint8_t)(mask_bit | (wide == 0 ? (uint8_t)bytes : wide == 2 ? 126 : 127));
  for (size_t i = 0; i < wide; i++) out[2 + i] = (uint8_t)(bytes >> (8 * (wide - 1 - i)));
  return 2 + wide;
}

size_t lq_ws_header(lq_ws_opcode opcode, uint64_t payload_bytes,
                    uint8_t out[LQ_WS_HEADER_BYTES_MAX]) {
  return header_of(opcode, payload_bytes, false, out);
}

void lq_ws_write(lq_writer *out, lq_ws_opcode opcode, lq_span payload, const uint8_t *mask) {
  uint8_t header[LQ_WS_HEADER_BYTES_MAX];
  size_t bytes = header_of(opcode, payload.bytes, mask != NULL, header);
  if (mask) memcpy(header + bytes, mask, 4);
  if (mask) bytes += 4;
  uint8_t *at = lq_write_room(out, bytes + payload.bytes);
  if (!at) return;
  memcpy(at, header, bytes);
  if (!payload.bytes) return;
  if (mask)
    lq_ws_mask(at + bytes, payload.data, payload.bytes, mask);
  else
    memcpy(at + bytes, payload.data, payload.bytes);
}

void lq_ws_write_close(lq_writer *out, uint16_t code, const char *reason, const uint8_t *mask) {
  uint8_t body[CONTROL_BYTES_MAX];
  size_t bytes = 0;
  if (code != LQ_WS_CODE_NONE) {
    size_t length = reason ? strlen(reason) : 0;
    if (length > CONTROL_BYTES_MAX - 2) {
      length = CONTROL_BYTES_MAX - 2;
      while (length && ((uint8_t)reason[length] & 0xc0) == 0x80) length--;
    }
    body[0] = (uint8_t)(code >> 8);
    body[1] = (uint8_t)code;
    if (length) memcpy(body + 2, reason, length);
    bytes = 2 + length;
  }
  lq_ws_write(out, LQ_WS_OP_CLOSE, lq_span_of(body, bytes), mask);
}
