/* The rules of the bank. "game.h" is generated from game.yaml by the build.
 *
 * Money is never made nor lost: whatever is added to one balance is taken from another in the same
 * handler, and a handler that refuses changes nothing. */
#include "game.h"

static Account *central_bank(lq_sys *sys) { return set_Account(sys, sys_find(sys, "bank")); }

static void move_money(Account *from, Account *to, int64_t amount) {
  from->balance -= amount;
  to->balance += amount;
}

/* ---- players ---- */
/* Runs once a player: who comes back after a broken connection has the account they had. */
static void on_join(lq_sys *sys, const void *row) {
  const Cmd_join *join = row;
  Account *bank = central_bank(sys), *account = set_Account(sys, sys_find(sys, join->player));
  if (!bank || !account || bank->balance < K_start)
    sys_refuse(sys, "the central bank cannot give you what players start with");
  else
    move_money(bank, account, K_start);
}

/* The rest goes back to the central bank; what was still owed is forgotten. */
static void on_leave(lq_sys *sys, const void *row) {
  const Cmd_leave *leave = row;
  lq_entity player = sys_find(sys, leave->player);
  Account *bank = central_bank(sys), *account = set_Account(sys, player);
  if (!bank || !account) return;
  move_money(account, bank, account->balance);
  account->debt = 0;
  sys_destroy(sys, player);
}

/* ---- commands ---- */
static void on_transfer(lq_sys *sys, const void *row) {
  const Cmd_transfer *transfer = row;
  Account *from = set_Account(sys, transfer->entity), *to = set_Account(sys, transfer->to);
  const char *reason = NULL;
  if (!from || !to)
    reason = "there is no such account";
  else if (from == to)
    reason = "an account cannot pay itself";
  else if (transfer->amount < 1)
    reason = "the amount must be more than nothing";
  else if (from->balance < transfer->amount)
    reason = "there is not enough money on the account";
  if (reason) {
    sys_refuse(sys, reason);
    return;
  }
  move_money(from, to, transfer->amount);
  emit_bank_transferred(sys, (Evt_bank_transferred){.from = transfer->entity,
                                                    .to = transfer->to,
                                                    .amount = transfer->amount});
}

static void on_borrow(lq_sys *sys, const void *row) {
  const Cmd_borrow *borrow = row;
  Account *bank = central_bank(sys), *account = set_Account(sys, borrow->entity);
  const char *reason = NULL;
  if (!bank || !account)
    reason = "there is no such account";
  else if (account == bank)
    reason = "the central bank cannot borrow";
  else if (borrow->amount < 1)
    reason = "the amount must be more than nothing";
  else if (borrow->amount > K_debt_max - account->debt)
    reason = "you would owe too much";
  else if (bank->balance < borrow->amount)
    reason = "the central bank does not have that much";
  if (reason) {
    sys_refuse(sys, reason);
    return;
  }
  move_money(bank, account, borrow->amount);
  account->debt += borrow->amount;
}

static void on_repay(lq_sys *sys, const void *row) {
  const Cmd_repay *repay = row;
  Account *bank = central_bank(sys), *account = set_Account(sys, repay->entity);
  const char *reason = NULL;
  if (!bank || !account)
    reason = "there is no such account";
  else if (repay->amount < 1)
    reason = "the amount must be more than nothing";
  else if (repay->amount > account->debt)
    reason = "you do not owe so much";
  else if (account->balance < repay->amount)
    reason = "there is not enough money on the account";
  if (reason) {
    sys_refuse(sys, reason);
    return;
  }
  move_money(account, bank, repay->amount);
  account->debt -= repay->amount;
}

/* ---- systems ---- */
/* Who owes pays interest, as far as the balance goes; never into the red. */
static void interest(lq_sys *sys) {
  Account *bank = central_bank(sys);
  if (!bank || sys_tick(sys) % K_interest_ticks != 0) return;
  lq_sys_iter all = sys_query(sys, M_PlayerTag | M_Account, 0);
  while (sys_next(sys, &all)) {
    Account *account = write_Account(sys, &all);
    for (uint32_t i = 0; i < all.count; i++) {
      int64_t due = account[i].debt * K_interest_permille / 1000;
      if (due > account[i].balance) due = account[i].balance;
      if (due < 1) continue;
      move_money(&account[i], bank, due);
      emit_bank_charged(sys,
                        (Evt_bank_charged){.account = sys_entity(sys, &all, i), .amount = due});
    }
  }
}

LQ_COMMANDS({"join", on_join}, {"leave", on_leave}, {"transfer", on_transfer},
            {"borrow", on_borrow}, {"repay", on_repay})
LQ_SYSTEMS({"bank.interest", interest})
