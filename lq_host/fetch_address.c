/* Which addresses are the public internet's (IANA's special-purpose registries, read 2026). */
#include "lq_host/fetch.h"

typedef struct block {
  uint32_t bits; /* of the prefix */
  uint8_t prefix[16];
} block;

static const block v4_special[] = {
    {8, {0}},                 /* this network */
    {8, {10}},                /* private */
    {10, {100, 64}},          /* shared by carriers; clouds keep metadata there, too */
    {8, {127}},               /* loopback */
    {16, {169, 254}},         /* link-local: metadata of most clouds */
    {12, {172, 16}},          /* private */
    {32, {168, 63, 129, 16}}, /* public by number, but one cloud's machines find their host there */
    {24, {192, 0, 0}},        /* protocol assignments */
    {24, {192, 0, 2}},        /* documentation */
    {24, {192, 88, 99}},      /* 6to4 relays */
    {16, {192, 168}},         /* private */
    {15, {198, 18}},          /* benchmarks */
    {24, {198, 51, 100}},     /* documentation */
    {24, {203, 0, 113}},      /* documentation */
    {4, {224}},               /* multicast */
    {4, {240}},               /* reserved, broadcast */
};
/* Inside 2000::/3; outside it nothing is public. */
static const block v6_special[] = {
    {23, {0x20, 0x01, 0x00}},       /* protocol assignments: Teredo, ORCHID */
    {32, {0x20, 0x01, 0x0d, 0xb8}}, /* documentation */
    {16, {0x20, 0x02}},             /* 6to4: carries an IPv4 address */
    {20, {0x3f, 0xff, 0x00}},       /* documentation */
};
/* Forms that carry an IPv4 address in their last 4 bytes, and are as public as it is. */
static const block v6_carrier[] = {
    {96, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, /* IPv4-mapped */
    {96, {0x00, 0x64, 0xff, 0x9b}},                   /* NAT64 */
};

static bool inside(const uint8_t *address, const block *b) {
  uint32_t whole = b->bits / 8, rest = b->bits % 8;
  if (memcmp(address, b->prefix, whole)) return false;
  return rest == 0 || ((address[whole] ^ b->prefix[whole]) >> (8 - rest)) == 0;
}

static bool inside_any(const uint8_t *address, const block *blocks, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (inside(address, &blocks[i])) return true;
  return false;
}

bool lq_fetch_address_public(lq_span address) {
  const uint8_t *a = address.data;
  if (address.bytes == 4) return !inside_any(a, v4_special, sizeof v4_special / sizeof *v4_special);
  if (address.bytes != 16) return false;
  if (inside_any(a, v6_carrier, sizeof v6_carrier / sizeof *v6_carrier))
    return lq_fetch_address_public(lq_span_of(a + 12, 4));
  return (a[0] & 0xe0) == 0x20 &&
         !inside_any(a, v6_special, sizeof v6_special / sizeof *v6_special);
}
