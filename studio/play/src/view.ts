/** Bodies as wires on a canvas, for games in space and for those who look for what their bodies do. Drag turns, the wheel zooms. */

import type { AnyGame, State } from "@ledgerquest/client";
import { project, projectLine, turned, zoomed, type Camera } from "./camera.js";
import { hitMark, islandMark, islandsOf, MARKS, marksOf, nearestMarks, sizeOf, touchesOf, type Contact, type Mark } from "./marks.js";
import { nameOf } from "./model.js";
import type { Outlines } from "./outline.js";
import * as paint from "./paint.js";
import { placeOf, solidsOf, targetOf, type Look, type Solid } from "./space.js";
import { boundsOf, formLines, placed, planeLines, share, type Line } from "./wires.js";

type What = Look | Mark["what"];

const COLOURS: Readonly<Record<What, string>> = {
  dynamic: "#f59e0b",
  asleep: "#64748b",
  kinematic: "#3b82f6",
  static: "#22a06b",
  sensor: "#a855f7",
  frozen: "#ef4444",
  island: "#f59e0b",
  "island asleep": "#64748b",
  draught: "#0ea5e9",
  blast: "#ea580c",
  contact: "#ec4899",
  joint: "#06b6d4",
  walker: "#84cc16",
  ray: "#eab308",
  hit: "#dc2626",
};
/** Drawn in this order: what moves lies on top. */
const LAYERS: readonly Look[] = ["static", "sensor", "asleep", "kinematic", "dynamic", "frozen"];
/** Regions, through which bodies go. */
const DASHED: ReadonlySet<What> = new Set(["sensor", "island", "island asleep", "draught", "blast"]);
const TURN_PER_PX = 0.008;
/** Of bodies in one picture: more take longer than a picture may. */
const LINES_MAX = 20_000;
/** And of what is drawn beside them, which is dearer: wide, or dashed. */
const MARK_LINES_MAX = 6_000;
const HIT_MS = 1000;
const HITS_MAX = 100;

/** A body's lines in the world, and what they were made of: what stands still is not made again. */
interface Wire {
  readonly solid: Solid;
  readonly outline: unknown;
  readonly lines: readonly Line[];
  /** How many there would be. */
  readonly all: number;
}

function isSame(a: Solid, b: Solid): boolean {
  const are = (one: readonly number[], other: readonly number[]) => one.every((value, i) => value === other[i]);
  return a.kind === b.kind && a.asset === b.asset && are(a.position, b.position) && are(a.rotation, b.rotation) && are(a.size, b.size);
}

export class View {
  readonly #canvas: HTMLCanvasElement;
  readonly #box: HTMLElement;
  readonly #outlines: Outlines;
  readonly #g: CanvasRenderingContext2D;
  #camera: Camera = { target: [0, 0, 0], yaw: -0.6, pitch: 0.6, distance: 14 };
  #state: State<AnyGame> = {};
  #contacts: readonly Contact[] | undefined;
  #own: string | undefined;
  #solids: Solid[] = [];
  #wires = new Map<string, Wire>();
  #hits: { readonly mark: Mark; readonly untilMs: number }[] = [];
  #isWaiting = false;
  #tookMs = 0;

  constructor(canvas: HTMLCanvasElement, box: HTMLElement, outlines: Outlines) {
    this.#canvas = canvas;
    this.#box = box;
    this.#outlines = outlines;
    this.#g = paint.context(canvas);
    new ResizeObserver(() => this.drawSoon()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.drawSoon());
    document.addEventListener("visibilitychange", () => this.drawSoon());
    this.#listen();
  }

  get isShown(): boolean {
    return !this.#canvas.hidden;
  }

  set isShown(value: boolean) {
    this.#canvas.hidden = !value;
    this.drawSoon();
  }

  /** `contacts`: as the server says them; undefined: not known. */
  show(state: State<AnyGame>, own: string | undefined, contacts: readonly Contact[] | undefined): void {
    this.#state = state;
    this.#own = own;
    this.#contacts = contacts;
    this.drawSoon();
  }

  /** An event of the game: hits are shown for a second. */
  event(event: Readonly<Record<string, unknown>>): void {
    if (!this.isShown || event["evt"] !== "physics.hit") return;
    const mark = hitMark(event);
    if (mark) this.#hits = [...this.#hits.slice(1 - HITS_MAX), { mark, untilMs: performance.now() + HIT_MS }];
    this.drawSoon();
  }

  #listen(): void {
    let from: { id: number; x: number; y: number } | undefined;
    this.#canvas.addEventListener("pointerdown", (event) => {
      from = { id: event.pointerId, x: event.clientX, y: event.clientY };
      this.#canvas.setPointerCapture(event.pointerId);
    });
    this.#canvas.addEventListener("pointermove", (event) => {
      if (from?.id !== event.pointerId) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      from = { id: event.pointerId, x: event.clientX, y: event.clientY };
      this.#camera = turned(this.#camera, -dx * TURN_PER_PX, dy * TURN_PER_PX);
      this.drawSoon();
    });
    for (const name of ["pointerup", "pointercancel"] as const) {
      this.#canvas.addEventListener(name, () => (from = undefined));
    }
    const zoom = (event: WheelEvent) => {
      event.preventDefault();
      this.#camera = zoomed(this.#camera, Math.exp(event.deltaY * 0.001));
      this.drawSoon();
    };
    this.#canvas.addEventListener("wheel", zoom, { passive: false });
  }

  /** With the next frame; after a picture that took long the page has as long for everything else. */
  drawSoon(): void {
    if (this.#isWaiting || !this.isShown || document.hidden) return;
    this.#isWaiting = true;
    const draw = () => {
      this.#isWaiting = false;
      if (!this.isShown) return;
      const began = performance.now();
      this.#draw();
      // What the browser has to do with the picture counts as well.
      setTimeout(() => (this.#tookMs = performance.now() - began));
      if (this.#hits.length > 0) this.drawSoon();
    };
    if (this.#tookMs < 8) requestAnimationFrame(draw);
    else setTimeout(() => requestAnimationFrame(draw), this.#tookMs);
  }

  // ---- what there is ----

  #look(): readonly Mark[] {
    const [state, own] = [this.#state, this.#own === undefined ? undefined : this.#state[this.#own]];
    this.#solids = solidsOf(state);
    const target = targetOf(this.#solids, own);
    if (target) this.#camera = { ...this.#camera, target };
    this.#wires = new Map(this.#solids.filter(({ kind }) => kind !== "plane").map((solid) => [solid.id, this.#wire(solid)]));
    const touches = this.#contacts ? this.#contacts.map(({ a, b }) => [a, b] as const) : touchesOf(state);
    const islands = islandsOf(state, this.#solids, touches);
    const now = performance.now();
    this.#hits = this.#hits.filter(({ untilMs }) => untilMs > now);
    const boundsOfBody = (id: string) => boundsOf(this.#wires.get(id)?.lines ?? []);
    const marks = [
      ...islands.map((island) => islandMark(island, boundsOfBody)),
      ...marksOf(state, this.#contacts),
      ...this.#hits.map(({ mark }) => mark),
    ];
    this.#tell(marks);
    return marks;
  }

  #wire(solid: Solid): Wire {
    const outline = solid.asset === 0 ? undefined : this.#outlines.get(solid.asset);
    const before = this.#wires.get(solid.id);
    if (before && before.outline === outline && isSame(before.solid, solid)) return { ...before, solid };
    const lines = placed(solid, outline?.lines ?? formLines(solid));
    return { solid, outline, lines, all: outline?.all ?? lines.length };
  }

  /** In words, for those who do not see it. */
  #tell(marks: readonly Mark[]): void {
    const count = (list: readonly string[], what: string) => list.filter((one) => one === what).length;
    const looks = this.#solids.map(({ look }) => look);
    const kinds = marks.map(({ what }) => what);
    const words = [
      ...LAYERS.map((look) => [count(looks, look), look] as const),
      ...MARKS.map((what) => [count(kinds, what), what] as const),
    ];
    const text = words.filter(([many]) => many > 0).map(([many, what]) => `${many} ${what}`);
    this.#canvas.setAttribute("aria-label", `Bodies in space: ${text.join(", ")}.`);
  }

  // ---- the picture ----

  #draw(): void {
    const g = this.#g;
    const marks = this.#look();
    const { clientWidth, clientHeight } = this.#box;
    paint.fit(g, clientWidth, clientHeight);
    const style = getComputedStyle(this.#canvas);
    g.fillStyle = style.getPropertyValue("--card");
    g.fillRect(0, 0, clientWidth, clientHeight);
    g.translate(clientWidth / 2, clientHeight / 2);
    const focal = Math.min(clientWidth, clientHeight);
    const planes = this.#solids.filter((solid) => solid.kind === "plane");
    const grid = planes.flatMap((solid) => planeLines(solid, this.#camera.target, this.#camera.distance * 2));
    this.#stroke(grid, style.getPropertyValue("--line"), 1, focal);
    const near = nearestMarks(marks, this.#camera.target, MARK_LINES_MAX);
    const many = (list: readonly Mark[]) => list.reduce((total, mark) => total + sizeOf(mark), 0);
    const [bodiesDrawn, bodiesAll] = this.#bodies(focal);
    const [drawn, all] = [bodiesDrawn + many(near), bodiesAll + many(marks)];
    for (const what of MARKS) {
      const own = near.filter((mark) => mark.what === what);
      this.#stroke(own.flatMap(({ region }) => region), COLOURS[what], what.startsWith("island") ? 1 : 1.6, focal, true);
      this.#stroke(own.flatMap(({ lines }) => lines), COLOURS[what], 2, focal);
      this.#dots(own.flatMap(({ dots }) => dots), COLOURS[what], focal);
    }
    this.#label(style, focal);
    const there = [
      ...LAYERS.filter((look) => this.#solids.some((solid) => solid.look === look)),
      ...MARKS.filter((what) => marks.some((mark) => mark.what === what)),
    ];
    const leftOut = drawn < all ? `${drawn.toLocaleString("en")} of ${all.toLocaleString("en")} lines` : "";
    this.#legend(style, there, leftOut, clientWidth, clientHeight);
  }

  /** How many lines of bodies were drawn, and of how many: large surfaces and far bodies lose some. */
  #bodies(focal: number): [number, number] {
    const { target } = this.#camera;
    const away = ({ position }: Solid) => Math.hypot(position[0] - target[0], position[1] - target[1], position[2] - target[2]);
    const wires = [...this.#wires.values()].map((wire) => ({ wire, away: away(wire.solid) })).sort((a, b) => a.away - b.away);
    const counts = share(wires.map(({ wire }) => wire.lines.length), LINES_MAX);
    const layers = new Map<Look, Line[]>(LAYERS.map((look) => [look, []]));
    let [drawn, all] = [0, 0];
    wires.forEach(({ wire }, i) => {
      const lines = layers.get(wire.solid.look) as Line[];
      const count = counts[i] as number;
      for (let k = 0; k < count; k++) lines.push(wire.lines[Math.floor((k * wire.lines.length) / count)] as Line);
      drawn += count;
      all += wire.all;
    });
    for (const [look, lines] of layers) this.#stroke(lines, COLOURS[look], look === "static" ? 1 : 1.6, focal, DASHED.has(look));
    return [drawn, all];
  }

  #stroke(lines: readonly Line[], colour: string, width: number, focal: number, isDashed = false): void {
    const g = this.#g;
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.setLineDash(isDashed ? [5, 4] : []);
    g.beginPath();
    for (const line of lines) {
      const ends = projectLine(this.#camera, line, focal);
      if (!ends) continue;
      g.moveTo(ends[0].x, ends[0].y);
      g.lineTo(ends[1].x, ends[1].y);
    }
    g.stroke();
    g.setLineDash([]);
  }

  #dots(points: Mark["dots"], colour: string, focal: number): void {
    // 10 cm from where one mostly looks at them.
    const size = Math.min(6, Math.max(2, (0.1 * focal) / this.#camera.distance));
    this.#g.fillStyle = colour;
    for (const point of points) {
      const spot = project(this.#camera, point, focal);
      if (spot) this.#g.fillRect(spot.x - size / 2, spot.y - size / 2, size, size);
    }
  }

  #label(style: CSSStyleDeclaration, focal: number): void {
    if (this.#own === undefined) return;
    const at = placeOf(this.#state[this.#own])?.position;
    const high = boundsOf(this.#wires.get(this.#own)?.lines ?? [])?.high[1];
    const spot = at && project(this.#camera, [at[0], (high ?? at[1] + 1) + 0.3, at[2]], focal);
    if (!spot) return;
    this.#g.font = "700 13px system-ui, sans-serif";
    this.#g.textAlign = "center";
    this.#g.fillStyle = style.getPropertyValue("--own");
    this.#g.fillText(nameOf(this.#own, this.#state[this.#own]), spot.x, spot.y);
  }

  /** What the colours mean, of those that are there, and what was left out. */
  #legend(style: CSSStyleDeclaration, there: readonly What[], leftOut: string, width: number, height: number): void {
    const g = this.#g;
    const [left, soft] = [14 - width / 2, style.getPropertyValue("--ink-soft")];
    g.font = "12px system-ui, sans-serif";
    g.textAlign = "left";
    const wide = Math.max(...[...there, leftOut].map((text) => g.measureText(text).width)) + 24;
    g.globalAlpha = 0.8;
    g.fillStyle = style.getPropertyValue("--card");
    g.fillRect(left - 6, 8 - height / 2, wide, (there.length + Number(leftOut !== "")) * 18 + 6);
    g.globalAlpha = 1;
    there.forEach((what, i) => {
      const y = 22 - height / 2 + i * 18;
      g.fillStyle = g.strokeStyle = COLOURS[what];
      if (DASHED.has(what)) g.strokeRect(left + 1, y - 8, 8, 8);
      else g.fillRect(left, y - 9, 10, 10);
      g.fillStyle = soft;
      g.fillText(what, left + 16, y);
    });
    g.fillStyle = soft;
    if (leftOut !== "") g.fillText(leftOut, left, 22 - height / 2 + there.length * 18);
  }
}
