/* The bank, told from examples/bank's game.yaml and README.md. */
#include "apps/lqsim/model/model_int.h"

enum { PLAYER_TAG, BANK_TAG, ACCOUNT };
enum { BALANCE, DEBT };
enum { MONEY, START, DEBT_MAX, INTEREST_TICKS, INTEREST_PERMILLE };
enum { EVT_TRANSFERRED, EVT_CHARGED };

static const lqi_rule_component components[] = {
    [PLAYER_TAG] = {"PlayerTag", 0, {{0}}},
    [BANK_TAG] = {"BankTag", 0, {{0}}},
    [ACCOUNT] = {"Account", 2, {{"balance", BALANCE}, {"debt", DEBT}}},
};
static const lqi_rule_event events[] = {
    [EVT_TRANSFERRED] = {"bank.transferred", {"from", "to"}, "amount"},
    [EVT_CHARGED] = {"bank.charged", {"account", NULL}, "amount"},
};
static const char *const constants[] = {
    [MONEY] = "money",
    [START] = "start",
    [DEBT_MAX] = "debt_max",
    [INTEREST_TICKS] = "interest_ticks",
    [INTEREST_PERMILLE] = "interest_permille",
    [INTEREST_PERMILLE + 1] = NULL,
};

static void start(model *m) {
  lqi_thing *bank = lqi_thing_make(m, "bank", 0, 1u << BANK_TAG | 1u << ACCOUNT);
  if (bank) bank->value[BALANCE] = m->constant[MONEY];
}

/* The scene's first entity; nothing ever takes it away. */
static lqi_thing *central_bank(model *m) { return &m->thing[0]; }

static void pay(model *m, lqi_thing *from, lqi_thing *to, int64_t amount) {
  from->value[BALANCE] -= amount;
  to->value[BALANCE] += amount;
  m->touched = true;
}

static lqi_outcome refuse(const char *reason) { return (lqi_outcome){LQ_ERR_FORBIDDEN, reason}; }
static const lqi_outcome done = {LQ_OK, NULL};

static lqi_outcome join(model *m, lqi_thing *player) {
  if (central_bank(m)->value[BALANCE] < m->constant[START])
    return refuse("the central bank cannot give you what players start with");
  pay(m, central_bank(m), player, m->constant[START]);
  return done;
}

/* on_leave: keep, and the handler closes the account. */
static void leave(model *m, lqi_thing *player) {
  pay(m, player, central_bank(m), player->value[BALANCE]);
  lqi_thing_remove(m, player);
}

static bool is_account(const lqi_thing *thing) { return thing && (thing->has >> ACCOUNT & 1); }

static lqi_outcome transfer(model *m, const lqi_order *order) {
  lqi_thing *from = lqi_order_thing(m, order, "entity"), *to = lqi_order_thing(m, order, "to");
  int64_t amount = lqi_order_number(order, "amount", 0);
  if (!is_account(from) || !is_account(to)) return refuse("there is no such account");
  if (from == to) return refuse("an account cannot pay itself");
  if (amount < 1) return refuse("the amount must be more than nothing");
  if (amount > from->value[BALANCE]) return refuse("there is not enough money on the account");
  pay(m, from, to, amount);
  lqi_expected *event = lqi_expect(m, EVT_TRANSFERRED, to, amount);
  memcpy(event->text[0], from->id, LQ_ID_BYTES);
  memcpy(event->text[1], to->id, LQ_ID_BYTES);
  return done;
}

static lqi_outcome borrow(model *m, const lqi_order *order) {
  lqi_thing *who = lqi_order_thing(m, order, "entity"), *bank = central_bank(m);
  int64_t amount = lqi_order_number(order, "amount", 0);
  if (!is_account(who)) return refuse("there is no such account");
  if (who == bank) return refuse("the central bank cannot borrow");
  if (amount < 1) return refuse("the amount must be more than nothing");
  if (amount > m->constant[DEBT_MAX] - who->value[DEBT]) return refuse("you would owe too much");
  if (amount > bank->value[BALANCE]) return refuse("the central bank does not have that much");
  pay(m, bank, who, amount);
  who->value[DEBT] += amount;
  return done;
}

static lqi_outcome repay(model *m, const lqi_order *order) {
  lqi_thing *who = lqi_order_thing(m, order, "entity");
  int64_t amount = lqi_order_number(order, "amount", 0);
  if (!is_account(who)) return refuse("there is no such account");
  if (amount < 1) return refuse("the amount must be more than nothing");
  if (amount > who->value[DEBT]) return refuse("you do not owe so much");
  if (amount > who->value[BALANCE]) return refuse("there is not enough money on the account");
  pay(m, who, central_bank(m), amount);
  who->value[DEBT] -= amount;
  return done;
}

static lqi_outcome command(model *m, const char *name, const lqi_order *order) {
  if (strcmp(name, "transfer") == 0) return transfer(m, order);
  if (strcmp(name, "borrow") == 0) return borrow(m, order);
  if (strcmp(name, "repay") == 0) return repay(m, order);
  return (lqi_outcome){LQ_ERR_INTERNAL, "no rule for it"};
}

static int64_t interest_of(const model *m, const lqi_thing *thing) {
  if (!thing->lives || !(thing->has >> PLAYER_TAG & 1)) return 0;
  int64_t due = thing->value[DEBT] * m->constant[INTEREST_PERMILLE] / 1000;
  return due < thing->value[BALANCE] ? due : thing->value[BALANCE];
}

static bool systems(model *m) {
  if (m->tick % (uint64_t)m->constant[INTEREST_TICKS] != 0) return true;
  uint32_t charges = 0;
  for (uint32_t i = 0; i < m->thing_end; i++) charges += interest_of(m, &m->thing[i]) > 0;
  if (charges > LQI_EVENTS_MAX - m->event_count) return false;
  for (uint32_t i = 0; i < m->thing_end; i++) {
    lqi_thing *account = &m->thing[i];
    int64_t due = interest_of(m, account);
    if (due < 1) continue;
    pay(m, account, central_bank(m), due);
    memcpy(lqi_expect(m, EVT_CHARGED, account, due)->text[0], account->id, LQ_ID_BYTES);
  }
  return true;
}

static int64_t money(const model *m) {
  int64_t sum = 0;
  for (uint32_t i = 0; i < m->thing_end; i++)
    if (m->thing[i].lives) sum += m->thing[i].value[BALANCE];
  return sum;
}

const lqi_rules lqi_bank_rules = {
    .game = "bank",
    .component = components,
    .component_count = sizeof components / sizeof *components,
    .event = events,
    .event_count = sizeof events / sizeof *events,
    .constant = constants,
    .spawn = 1u << PLAYER_TAG | 1u << ACCOUNT,
    .start = start,
    .join = join,
    .leave = leave,
    .command = command,
    .systems = systems,
    .money = money,
};
