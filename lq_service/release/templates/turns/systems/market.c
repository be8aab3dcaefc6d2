/* The rules of the apple market: buy and sell at a fixed price, as long as there are moves left.
 * "game.h" is generated from game.yaml by the build. */
#include "game.h"

/* apples > 0 buys, < 0 sells. A refused command changes nothing. */
static void trade(lq_sys *sys, lq_entity who, int64_t apples) {
  Trader *trader = set_Trader(sys, who);
  Wallet *wallet = set_Wallet(sys, who);
  int64_t price = apples * K_apple_price;
  const char *reason = NULL;
  if (!trader || !wallet)
    reason = "only traders trade";
  else if (trader->moves_left == 0)
    reason = "you have no moves left";
  else if (wallet->cash < price)
    reason = "you cannot afford that";
  else if (trader->apples + apples < 0)
    reason = "you do not have so many apples";
  if (reason) {
    sys_refuse(sys, reason);
    return;
  }
  wallet->cash -= price;
  trader->apples = (int32_t)(trader->apples + apples);
  trader->moves_left--;
  emit_trade(sys, (Evt_trade){.trader = who, .apples = (int32_t)apples, .amount = -price});
}

static void on_buy(lq_sys *sys, const void *row) {
  const Cmd_buy *buy = row;
  if (buy->apples < 1 || buy->apples > 1000)
    sys_refuse(sys, "buy 1 to 1000 apples");
  else
    trade(sys, buy->entity, buy->apples);
}

static void on_sell(lq_sys *sys, const void *row) {
  const Cmd_sell *sell = row;
  if (sell->apples < 1 || sell->apples > 1000)
    sys_refuse(sys, "sell 1 to 1000 apples");
  else
    trade(sys, sell->entity, -(int64_t)sell->apples);
}

/* When both traders have used up their moves, the one with more apples wins; then the one who came
 * first. The entity "market" remembers that it is over. */
static void close_market(lq_sys *sys) {
  uint32_t traders = 0;
  int32_t most = -1;
  lq_entity winner = {0}, market;
  lq_sys_iter all = sys_query(sys, M_Trader, 0);
  while (sys_next(sys, &all)) {
    const Trader *trader = read_Trader(sys, &all);
    for (uint32_t i = 0; i < all.count; i++, traders++) {
      if (trader[i].moves_left > 0) return;
      if (trader[i].apples <= most) continue;
      most = trader[i].apples;
      winner = sys_entity(sys, &all, i);
    }
  }
  if (traders < 2 || sys_find(sys, "market").bits) return;
  if (sys_create(sys, "market", 0, &market))
    emit_market_closed(sys, (Evt_market_closed){.winner = winner});
}

LQ_COMMANDS({"buy", on_buy}, {"sell", on_sell})
LQ_SYSTEMS({"market.close", close_market})
