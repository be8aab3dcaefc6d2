/* Signing in: what is read from a request, from its bytes alone. */
#include "lq_service/gateway/gateway_oidc_int.h"

#include <strings.h>

bool lqi_back_good(lq_span path) {
  static const char more[] = "/-._~?=&%";
  static const char play[] = "/play/";
  if (lq_span_is(path, "/")) return true;
  if (path.bytes < sizeof play || path.bytes >= LQI_BACK_BYTES ||
      memcmp(path.data, play, sizeof play - 1) != 0)
    return false;
  for (size_t i = 0; i < path.bytes; i++) {
    uint8_t c = path.data[i], before = i ? path.data[i - 1] : 0;
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!plain && (!c || !strchr(more, c))) return false;
    /* Neither another host nor a way up. */
    if ((c == '/' || c == '.') && c == before) return false;
  }
  return true;
}

lq_span lqi_cookie_get(const lq_http_request *request, const char *name) {
  lq_span all = lq_http_header_get(request, "Cookie"), found = {0};
  size_t name_bytes = strlen(name);
  if (lq_http_header_count(request, "Cookie") != 1) return found;
  for (size_t at = 0; at < all.bytes;) {
    size_t end = at;
    while (end < all.bytes && all.data[end] != ';') end++;
    while (at < end && all.data[at] == ' ') at++;
    if (end - at > name_bytes && all.data[at + name_bytes] == '=' &&
        !memcmp(all.data + at, name, name_bytes)) {
      /* Two: somebody else of this domain has put theirs beside ours. */
      if (found.data) return (lq_span){0};
      found = lq_span_of(all.data + at + name_bytes + 1, end - at - name_bytes - 1);
    }
    at = end + 1;
  }
  return found;
}

bool lqi_same_origin(const lq_http_request *request, const char *url) {
  lq_span origin = lq_http_header_get(request, "Origin");
  if (!origin.data || lq_http_header_count(request, "Origin") != 1) return false;
  if (lq_span_is(origin, url)) return true;
  size_t scheme = origin.bytes > 8 && !memcmp(origin.data, "https://", 8)  ? 8
                  : origin.bytes > 7 && !memcmp(origin.data, "http://", 7) ? 7
                                                                           : 0;
  if (!scheme || request->host.bytes != origin.bytes - scheme) return false;
  return strncasecmp((const char *)origin.data + scheme, (const char *)request->host.data,
                     request->host.bytes) == 0;
}

void lqi_html_text(lq_writer *w, const char *text) {
  for (; *text; text++) {
    if (*text == '&')
      lq_write_text(w, "&amp;");
    else if (*text == '<')
      lq_write_text(w, "&lt;");
    else if (*text == '>')
      lq_write_text(w, "&gt;");
    else if (*text == '"')
      lq_write_text(w, "&quot;");
    else if (*text == '\'')
      lq_write_text(w, "&#39;");
    else
      lq_write_u8(w, (uint8_t)*text);
  }
}
