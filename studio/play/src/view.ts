/** Bodies as wires on a canvas, for games in space and for those who look for what their bodies do. Drag turns, the wheel zooms. */

import type { AnyGame, State } from "@ledgerquest/client";
import { nameOf } from "./model.js";
import * as paint from "./paint.js";
import {
  linesOf, linksOf, projectLine, project, solidsOf, targetOf, turned, zoomed,
  type Camera, type Line, type Look, type Link, type Solid,
} from "./space.js";

const COLOURS: Readonly<Record<Look | Link["what"], string>> = {
  dynamic: "#f59e0b",
  asleep: "#64748b",
  kinematic: "#3b82f6",
  static: "#22a06b",
  sensor: "#a855f7",
  frozen: "#ef4444",
  contact: "#ec4899",
  joint: "#06b6d4",
};
/** Drawn in this order: what moves lies on top. */
const LAYERS: readonly Look[] = ["static", "sensor", "asleep", "kinematic", "dynamic", "frozen"];
const TURN_PER_PX = 0.008;

export class View {
  readonly #canvas: HTMLCanvasElement;
  readonly #box: HTMLElement;
  readonly #g: CanvasRenderingContext2D;
  #camera: Camera = { target: [0, 0, 0], yaw: -0.6, pitch: 0.6, distance: 14 };
  #solids: Solid[] = [];
  #links: Link[] = [];
  #own: string | undefined;
  #name = "";
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, box: HTMLElement) {
    this.#canvas = canvas;
    this.#box = box;
    this.#g = paint.context(canvas);
    new ResizeObserver(() => this.#drawSoon()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#drawSoon());
    this.#listen();
  }

  get isShown(): boolean {
    return !this.#canvas.hidden;
  }

  set isShown(value: boolean) {
    this.#canvas.hidden = !value;
    this.#drawSoon();
  }

  show(state: State<AnyGame>, own: string | undefined): void {
    if (!this.isShown) return;
    this.#solids = solidsOf(state);
    this.#links = linksOf(state);
    this.#own = own;
    this.#name = own === undefined ? "" : nameOf(own, state[own]);
    const target = targetOf(this.#solids, own);
    if (target) this.#camera = { ...this.#camera, target };
    const count = (look: Look) => this.#solids.filter((solid) => solid.look === look).length;
    const words = LAYERS.filter((look) => count(look) > 0).map((look) => `${count(look)} ${look}`);
    this.#canvas.setAttribute("aria-label", `Bodies in space: ${words.join(", ")}.`);
    this.#drawSoon();
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
      this.#drawSoon();
    });
    for (const name of ["pointerup", "pointercancel"] as const) {
      this.#canvas.addEventListener(name, () => (from = undefined));
    }
    const zoom = (event: WheelEvent) => {
      event.preventDefault();
      this.#camera = zoomed(this.#camera, Math.exp(event.deltaY * 0.001));
      this.#drawSoon();
    };
    this.#canvas.addEventListener("wheel", zoom, { passive: false });
  }

  #drawSoon(): void {
    if (this.#frame !== 0 || !this.isShown || document.hidden) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw(): void {
    const g = this.#g;
    const { clientWidth, clientHeight } = this.#box;
    paint.fit(g, clientWidth, clientHeight);
    const style = getComputedStyle(this.#canvas);
    g.fillStyle = style.getPropertyValue("--card");
    g.fillRect(0, 0, clientWidth, clientHeight);
    g.translate(clientWidth / 2, clientHeight / 2);
    const focal = Math.min(clientWidth, clientHeight);
    const planes = this.#solids.filter((solid) => solid.kind === "plane");
    this.#stroke(planes.flatMap((solid) => this.#wires(solid)), style.getPropertyValue("--line"), 1, focal);
    for (const look of LAYERS) {
      const lines = this.#solids.filter((solid) => solid.look === look && solid.kind !== "plane");
      this.#stroke(lines.flatMap((solid) => this.#wires(solid)), COLOURS[look], look === "static" ? 1 : 1.6, focal);
    }
    for (const what of ["contact", "joint"] as const) {
      this.#stroke(this.#links.filter((link) => link.what === what), COLOURS[what], 2, focal);
    }
    this.#label(style, focal);
    this.#legend(style, clientWidth, clientHeight);
  }

  #wires(solid: Solid): Line[] {
    return linesOf(solid, this.#camera.target, this.#camera.distance * 2);
  }

  #stroke(lines: readonly Line[], colour: string, width: number, focal: number): void {
    const g = this.#g;
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.beginPath();
    for (const line of lines) {
      const ends = projectLine(this.#camera, line, focal);
      if (!ends) continue;
      g.moveTo(ends[0].x, ends[0].y);
      g.lineTo(ends[1].x, ends[1].y);
    }
    g.stroke();
  }

  #label(style: CSSStyleDeclaration, focal: number): void {
    const own = this.#solids.find((solid) => solid.id === this.#own);
    const [x, y, z] = own?.position ?? [0, 0, 0];
    const spot = own && project(this.#camera, [x, y + Math.max(...own.size) + 0.3, z], focal);
    if (!spot) return;
    this.#g.font = "700 13px system-ui, sans-serif";
    this.#g.textAlign = "center";
    this.#g.fillStyle = style.getPropertyValue("--own");
    this.#g.fillText(this.#name, spot.x, spot.y);
  }

  /** What the colours mean, of those that are there. */
  #legend(style: CSSStyleDeclaration, width: number, height: number): void {
    const g = this.#g;
    const looks = LAYERS.filter((look) => this.#solids.some((solid) => solid.look === look));
    const links = (["contact", "joint"] as const).filter((what) => this.#links.some((link) => link.what === what));
    g.font = "12px system-ui, sans-serif";
    g.textAlign = "left";
    [...looks, ...links].forEach((what, i) => {
      const y = 22 - height / 2 + i * 18;
      g.fillStyle = COLOURS[what];
      g.fillRect(14 - width / 2, y - 9, 10, 10);
      g.fillStyle = style.getPropertyValue("--ink-soft");
      g.fillText(what, 30 - width / 2, y);
    });
  }
}
