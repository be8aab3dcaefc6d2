/** The page: one window, one player. Joins by its address, draws what it sees, sends where you go. */

import { LedgerClient, LedgerError, type Credentials } from "@ledgerquest/client";
import { Board } from "./board.js";
import { Console } from "./console.js";
import { Contacts } from "./contacts.js";
import { Door } from "./door.js";
import { Drive, keyLift, type Axes } from "./drive.js";
import { Keep } from "./keep.js";
import { eventText, mapInWords, mapSize, readGame, type Game, type Size } from "./model.js";
import { Outlines } from "./outline.js";
import { element, Panel, type Line } from "./panel.js";
import { SignIn } from "./sign_in.js";
import { isSpatial } from "./space.js";
import { isTyping, listenKeys, listenPad, listenSwipes, Steer, type Direction, type Reins } from "./steer.js";
import { View } from "./view.js";

/** For tests and the curious: `lq.client.state` in the console. */
declare global {
  interface Window {
    lq?: { client: LedgerClient; game: Game; size: Size | undefined };
  }
}

const STEP_MS = 120;

interface Address {
  readonly tenant: string;
  readonly game: string;
  readonly session: string | undefined;
  readonly player: string | undefined;
}

/** /play/<tenant>/<game>?session=...&player=... */
function readAddress(): Address | undefined {
  const [, play, tenant, game] = location.pathname.split("/").map(decodeURIComponent);
  if (play !== "play" || !tenant || !game) return undefined;
  const query = new URLSearchParams(location.search);
  return {
    tenant,
    game,
    session: query.get("session") || undefined,
    player: query.get("player") || undefined,
  };
}

class Page {
  readonly #address: Address;
  readonly #keep: Keep;
  readonly #door = new Door();
  readonly #signIn: SignIn;
  readonly #panel = new Panel();
  readonly #console = new Console();
  readonly #board = new Board(element<HTMLCanvasElement>("board"), element("board-box"));
  readonly #steer = new Steer(STEP_MS, (direction) => this.#move(direction));
  readonly #outlines = new Outlines(
    (asset) => this.#read(`/shapes/${asset}`),
    () => this.#view.drawSoon(),
  );
  readonly #view = new View(element<HTMLCanvasElement>("space"), element("board-box"), this.#outlines);
  readonly #contacts = new Contacts(
    () => this.#read(`/sessions/${this.#client?.session}/contacts`),
    () => this.#drawSoon(),
  );
  readonly #drive = new Drive((axes) => this.#driven(axes));
  /** undefined: not chosen by the key, so as the game is. */
  #wantsSpace: boolean | undefined;
  #game: Game;
  #size: Size | undefined;
  #client: LedgerClient | undefined;
  #drawn = false;
  #wordsAtMs = -Infinity;

  constructor(address: Address) {
    this.#address = address;
    this.#game = readGame(undefined, address.game);
    this.#keep = new Keep(address.tenant, address.game, address.session);
    this.#signIn = new SignIn(address.tenant);
    const reins: Reins = {
      press: (source, direction) => this.#reins.press(source, direction),
      release: (source) => this.#reins.release(source),
      releaseAll: () => this.#reins.releaseAll(),
    };
    listenKeys(reins);
    listenPad(reins, element("pad"));
    listenSwipes(reins, element("board"));
    for (const name of ["keydown", "keyup"] as const) {
      window.addEventListener(name, (event) => this.#key(event, name === "keydown"));
    }
    element("share").addEventListener("click", () => void this.#share());
    element("again").addEventListener("click", () => void this.start());
    element("board").addEventListener("focus", () => this.#describe(true));
    element("token-form").addEventListener("submit", (event) => this.#tokenGiven(event));
    window.addEventListener("online", () => {
      this.#lineChanged();
      this.#client?.retryNow();
    });
    window.addEventListener("offline", () => this.#lineChanged());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#client?.retryNow();
    });
  }

  async start(): Promise<void> {
    this.#panel.title(this.#game);
    this.#panel.veil("Joining", "one moment");
    const [resume] = await Promise.all([this.#keep.player(), this.#readGame()]);
    this.#join(resume);
  }

  /** What the server says at an address of the game; throws what it does not say. */
  async #read(path: string): Promise<unknown> {
    const { tenant, game } = this.#address;
    const secret = this.#keep.token;
    const bearer = secret === undefined ? {} : { authorization: `Bearer ${await this.#door.token(secret)}` };
    const below = `/v1/tenants/${encodeURIComponent(tenant)}/games/${encodeURIComponent(game)}`;
    const answer = await fetch(below + path, { headers: { accept: "application/json", ...bearer } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  async #readGame(): Promise<void> {
    const { game } = this.#address;
    // Without a description the page goes by what it sees.
    const description = await this.#read("").catch(() => undefined);
    if (description === undefined && this.#game.components.size > 0) return;
    this.#game = readGame(description, game);
    this.#panel.title(this.#game);
    element("pad").hidden = this.#game.move === undefined && this.#game.drive === undefined;
    element("drive-hint").hidden = this.#game.drive === undefined;
    element("lift-hint").hidden = !this.#game.drive?.hasLift;
    for (const button of element("pad").querySelectorAll<HTMLElement>('[data-direction="lift"], [data-direction="lower"]')) {
      button.hidden = !this.#game.drive?.hasLift;
    }
    element("hint").hidden = this.#game.move === undefined || this.#game.drive !== undefined;
  }

  #join(resume: Credentials | undefined): void {
    const { tenant, game, session, player } = this.#address;
    const secret = this.#keep.token;
    const client = new LedgerClient({
      url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
      tenant,
      game,
      ...(session !== undefined && { session }),
      ...(player !== undefined && { player }),
      ...(secret !== undefined && { token: () => this.#door.ticket(secret) }),
      ...(resume !== undefined && { resume }),
    });
    this.#client = client;
    this.#publish();
    client.on("status", () => {
      this.#lineChanged();
      if (client.status === "connected") this.#drive.again();
    });
    client.on("joined", (joined) => {
      this.#signIn.good();
      this.#panel.session(joined.session, joined.player);
      this.#steer.stepMs = Math.max(STEP_MS, joined.hz > 0 ? 1000 / joined.hz : 0);
      this.#remember();
      if (client.credentials) void this.#keep.claim(client.credentials);
    });
    client.on("change", () => this.#drawSoon());
    client.on("event", (event) => {
      this.#view.event(event);
      const text = eventText(this.#game, event);
      this.#panel.event(text, event.tick);
      if (text.who !== "" && text.more.startsWith("+")) this.#board.celebrate(text.who, text.more);
      this.#remember();
    });
    client.on("guestFailed", (failure) => this.#console.failed(failure));
    client.on("commandRefused", (refused) => this.#console.refused(refused));
    client.on("error", (error) => {
      // Refusals of a join are told by what the line does next.
      if (client.status === "connected") this.#panel.warn(error.message, error.mend);
    });
    // How it ends is told by the status; the promise has nothing to add.
    client.connect().catch(() => {});
  }

  #remember(): void {
    this.#keep.keepPlayer(this.#client?.credentials);
  }

  // ---- what is shown ----

  /** Deltas can come 60 times a second; the page is drawn once a frame. */
  #drawSoon(): void {
    if (this.#drawn) return;
    this.#drawn = true;
    const draw = () => {
      this.#drawn = false;
      this.#draw();
    };
    // A hidden window gets no frames, and still tells its title and scores.
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  #draw(): void {
    const client = this.#client;
    if (!client) return;
    this.#size = mapSize(this.#game, client.state, this.#size);
    this.#chooseView(client);
    if (this.#view.isShown) {
      const contacts = this.#game.components.has("Body") ? this.#contacts.at(client.tick) : undefined;
      this.#view.show(client.state, client.player, contacts);
    } else this.#contacts.forget();
    this.#board.show(client.state, this.#size, client.player);
    this.#panel.players(this.#game, client.state, client.player);
    this.#panel.tick(client.tick);
    this.#describe(false);
    this.#publish();
  }

  /** In space or on the map; games that have both begin with the map. */
  #chooseView(client: LedgerClient): void {
    const isInSpace = isSpatial(this.#game, client.state);
    const hasMap = this.#game.components.size === 0 ? !isInSpace : this.#game.components.has("Position");
    const isShown = isInSpace && (this.#wantsSpace ?? !hasMap);
    element("space-hint").hidden = !isInSpace;
    if (isShown === this.#view.isShown) return;
    this.#view.isShown = isShown;
    element("board").hidden = isShown;
    this.#lineChanged();
  }

  #describe(isAsked: boolean): void {
    const client = this.#client;
    const now = performance.now();
    if (!client || !this.#size || (!isAsked && now - this.#wordsAtMs < 1000)) return;
    this.#wordsAtMs = now;
    element("board").setAttribute("aria-label", mapInWords(client.state, client.player, this.#size));
  }

  #publish(): void {
    if (this.#client) window.lq = { client: this.#client, game: this.#game, size: this.#size };
  }

  #lineChanged(): void {
    const client = this.#client;
    if (!client) return;
    this.#panel.line(this.#line(client));
    if (client.status === "connected") {
      this.#panel.veil(...this.#noMap());
    } else if (client.status === "reconnecting") {
      this.#panel.veil("Connection lost", "Trying to reach the server again. Nothing you did is lost.");
    } else if (client.status === "closed") this.#closed(client);
  }

  /** Games without places are played elsewhere; their players and events are shown all the same. */
  #noMap(): [] | [string, string] {
    if (this.#view.isShown) return [];
    const isPlaceless = this.#game.components.size > 0 && !this.#game.components.has("Position");
    return isPlaceless ? ["This game has no map", "Players and events are shown beside it."] : [];
  }

  #line(client: LedgerClient): Line {
    if (client.status === "connected") return "connected";
    if (client.status === "closed" || !navigator.onLine) return "offline";
    return client.status === "reconnecting" ? "reconnecting" : "connecting";
  }

  #closed(client: LedgerClient): void {
    const reason = client.closedBy;
    this.#steer.releaseAll();
    this.#drive.releaseAll();
    if (reason?.code === "LQ_ERR_UNAUTHORIZED") {
      this.#panel.veil();
      void this.#askToken();
      return;
    }
    if (reason?.code === "LQ_ERR_ENDED") {
      this.#keep.keepPlayer(undefined);
      this.#panel.veil("This session has ended", "Thank you for playing.", true);
      return;
    }
    this.#panel.veil(reason?.message ?? "You have left", reason?.mend ?? "", true);
  }

  // ---- what is done ----

  get #reins(): Reins {
    return this.#game.drive ? this.#drive : this.#steer;
  }

  #key(event: KeyboardEvent, isDown: boolean): void {
    if (event.key === "Shift") this.#drive.isFast = isDown;
    const lift = this.#game.drive?.hasLift ? keyLift(event.code) : undefined;
    if (lift && !isDown) this.#drive.release(event.code);
    if (!isDown || event.repeat || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (lift) this.#drive.press(event.code, lift);
    if (event.code !== "KeyV") return;
    this.#wantsSpace = !this.#view.isShown;
    this.#draw();
  }

  #driven({ throttle, steer, lift }: Axes): void {
    const client = this.#client;
    const drive = this.#game.drive;
    if (!client || !drive || client.status !== "connected" || client.player === undefined) return;
    const axes = { throttle, steer, ...(drive.hasLift && { lift }) };
    this.#send(client, "drive", { ...(drive.hasEntity && { entity: client.player }), ...axes });
  }

  #move({ dx, dy }: Direction): void {
    const client = this.#client;
    const move = this.#game.move;
    // A step taken while the line is down would come as a surprise later: it is dropped.
    if (!client || !move || client.status !== "connected" || client.player === undefined) return;
    const vec = [dx, dy, 0].slice(0, move.vecCount);
    this.#send(client, "move", { ...(move.hasEntity && { entity: client.player }), vec });
  }

  #send(client: LedgerClient, name: string, fields: Record<string, unknown>): void {
    client.send(name, fields as never).catch((error: unknown) => {
      if (error instanceof LedgerError && !error.code.startsWith("LQ_CLIENT_")) {
        this.#panel.warn(error.message, error.mend);
      }
    });
  }

  async #share(): Promise<void> {
    const url = new URL(location.href);
    url.search = "";
    const session = this.#client?.session ?? this.#address.session;
    if (session !== undefined) url.searchParams.set("session", session);
    const isTouch = matchMedia("(pointer: coarse)").matches;
    try {
      if (isTouch && navigator.share) await navigator.share({ title: document.title, url: url.href });
      else {
        await navigator.clipboard.writeText(url.href);
        this.#panel.toast("Link copied. Send it to a friend.");
      }
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      this.#shareByHand(url.href);
    }
  }

  #shareByHand(href: string): void {
    const input = element<HTMLInputElement>("share-input");
    input.value = href;
    element<HTMLDialogElement>("share-dialog").showModal();
    input.select();
  }

  async #askToken(): Promise<void> {
    const token = await this.#signIn.token();
    if (token !== undefined) {
      this.#keep.token = token;
      await this.start();
      return;
    }
    await this.#signIn.offer();
    const dialog = element<HTMLDialogElement>("token-dialog");
    if (this.#keep.token !== undefined) {
      this.#keep.token = undefined;
      element("token-why").textContent = "That was not accepted, or it has ended. Please check it and try again.";
    }
    element<HTMLInputElement>("token-input").value = "";
    if (!dialog.open) dialog.showModal();
  }

  #tokenGiven(event: Event): void {
    event.preventDefault();
    const token = element<HTMLInputElement>("token-input").value.trim();
    if (token === "") return;
    this.#keep.token = token;
    element<HTMLDialogElement>("token-dialog").close();
    void this.start();
  }
}

const address = readAddress();
if (address) void new Page(address).start();
else new Panel().veil("No game here", "The address of a game looks like /play/acme/demo.");
