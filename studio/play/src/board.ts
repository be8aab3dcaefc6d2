/** The map on a canvas: follows the state smoothly, fits any window, sleeps when nothing moves. */

import type { AnyGame, State } from "@ledgerquest/client";
import { lookOf, nameOf, placeOf, tagOf, type Look, type Size } from "./model.js";
import * as paint from "./paint.js";

const CELL_MIN_PX = 20;
const CELL_MAX_PX = 72;
/** Share of the way that is left after a second, as an exponent: about 80 ms to arrive. */
const FOLLOW_RATE = 20;

interface Figure {
  look: Look;
  name: string;
  x: number;
  y: number;
  toX: number;
  toY: number;
  lookX: number;
  lookY: number;
  /** 0..1 while it appears. */
  grown: number;
}

interface Spark {
  x: number;
  y: number;
  dx: number;
  dy: number;
  age: number;
  text: string;
}

export class Board {
  readonly #canvas: HTMLCanvasElement;
  readonly #box: HTMLElement;
  readonly #g: CanvasRenderingContext2D;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #theme = paint.readTheme();
  #size: Size = { width: 16, height: 12 };
  #own: string | undefined;
  readonly #figures = new Map<string, Figure>();
  #sparks: Spark[] = [];
  #cell = 32;
  #viewX = 0;
  #viewY = 0;
  #lastMs = 0;
  #frame = 0;

  constructor(canvas: HTMLCanvasElement, box: HTMLElement) {
    this.#canvas = canvas;
    this.#box = box;
    this.#g = paint.context(canvas);
    new ResizeObserver(() => this.#layout()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#theme = paint.readTheme();
      this.#wake();
    });
    document.addEventListener("visibilitychange", () => this.#wake());
  }

  show(state: State<AnyGame>, size: Size, own: string | undefined): void {
    this.#own = own;
    for (const id of this.#figures.keys()) {
      if (!placeOf(state[id])) this.#figures.delete(id);
    }
    for (const [id, entity] of Object.entries(state)) {
      const place = placeOf(entity);
      if (!place) continue;
      const look = lookOf(entity);
      const name = look === "player" ? nameOf(id, entity) : look === "thing" ? tagOf(entity) : "";
      this.#place(id, look, name, place.x, place.y);
    }
    if (size.width !== this.#size.width || size.height !== this.#size.height) {
      this.#size = size;
      this.#box.style.setProperty("--map-ratio", `${size.width} / ${size.height}`);
      this.#layout();
    }
    this.#wake();
  }

  /** Coins fly up from where the entity stands. */
  celebrate(id: string, text: string): void {
    const figure = this.#figures.get(id);
    if (!figure || this.#still.matches) return;
    for (let i = 0; i < 9; i++) {
      const angle = -Math.PI / 2 + (i - 4) * 0.28;
      const speed = 2.6 + (i % 3) * 0.9;
      const [dx, dy] = [Math.cos(angle) * speed, Math.sin(angle) * speed];
      this.#sparks.push({ x: figure.toX, y: figure.toY, dx, dy, age: 0, text: i === 4 ? text : "" });
    }
    this.#wake();
  }

  #place(id: string, look: Look, name: string, x: number, y: number): void {
    const figure = this.#figures.get(id);
    if (!figure) {
      const grown = this.#still.matches ? 1 : 0;
      this.#figures.set(id, { look, name, x, y, toX: x, toY: y, lookX: 0, lookY: 0.3, grown });
      return;
    }
    figure.look = look;
    figure.name = name;
    if (figure.toX === x && figure.toY === y) return;
    figure.lookX = Math.sign(x - figure.toX);
    figure.lookY = Math.sign(y - figure.toY);
    const isJump = Math.abs(x - figure.toX) + Math.abs(y - figure.toY) > 2;
    figure.toX = x;
    figure.toY = y;
    if (isJump || this.#still.matches) {
      figure.x = x;
      figure.y = y;
      figure.grown = this.#still.matches ? 1 : 0;
    }
  }

  #layout(): void {
    const { clientWidth, clientHeight } = this.#box;
    const { width, height } = this.#size;
    const fit = Math.floor(Math.min(clientWidth / width, clientHeight / height));
    this.#cell = Math.max(CELL_MIN_PX, Math.min(CELL_MAX_PX, fit));
    const shownWidth = Math.min(clientWidth, this.#cell * width);
    const shownHeight = Math.min(clientHeight, this.#cell * height);
    paint.fit(this.#g, shownWidth, shownHeight);
    this.#draw(0);
    this.#wake();
  }

  #wake(): void {
    if (this.#frame !== 0 || this.#canvas.hidden || document.hidden) return;
    this.#frame = requestAnimationFrame((ms) => {
      this.#frame = 0;
      const seconds = Math.min(0.1, (ms - this.#lastMs) / 1000);
      this.#lastMs = ms;
      const isMoving = this.#advance(seconds);
      this.#draw(ms / 1000);
      if (isMoving || !this.#still.matches) this.#wake();
    });
  }

  #advance(seconds: number): boolean {
    let isMoving = this.#sparks.length > 0;
    const part = 1 - Math.exp(-seconds * FOLLOW_RATE);
    for (const figure of this.#figures.values()) {
      figure.x += (figure.toX - figure.x) * part;
      figure.y += (figure.toY - figure.y) * part;
      if (Math.abs(figure.toX - figure.x) + Math.abs(figure.toY - figure.y) < 0.005) {
        figure.x = figure.toX;
        figure.y = figure.toY;
      } else isMoving = true;
      if (figure.grown < 1) {
        figure.grown = Math.min(1, figure.grown + seconds * 4);
        isMoving = true;
      }
    }
    for (const spark of this.#sparks) {
      spark.age += seconds;
      spark.x += spark.dx * seconds;
      spark.y += spark.dy * seconds;
      spark.dy += 7 * seconds;
    }
    this.#sparks = this.#sparks.filter((spark) => spark.age < 1);
    return isMoving;
  }

  /** Top left of what is shown, in pixels of the map: one's own figure stays in sight. */
  #look(): void {
    const cell = this.#cell;
    const shownWidth = this.#canvas.clientWidth;
    const shownHeight = this.#canvas.clientHeight;
    const own = this.#own === undefined ? undefined : this.#figures.get(this.#own);
    const edgeX = this.#size.width * cell - shownWidth;
    const edgeY = this.#size.height * cell - shownHeight;
    const wishX = own ? (own.x + 0.5) * cell - shownWidth / 2 : 0;
    const wishY = own ? (own.y + 0.5) * cell - shownHeight / 2 : 0;
    this.#viewX = Math.max(0, Math.min(edgeX, wishX));
    this.#viewY = Math.max(0, Math.min(edgeY, wishY));
  }

  #draw(seconds: number): void {
    const g = this.#g;
    const time = this.#still.matches ? 0 : seconds;
    this.#look();
    g.save();
    g.translate(-this.#viewX, -this.#viewY);
    this.#drawGround();
    const own = this.#own;
    const order = [...this.#figures].sort(
      ([idA, a], [idB, b]) =>
        Number(a.look === "player") - Number(b.look === "player") || Number(idA === own) - Number(idB === own),
    );
    for (const [id, figure] of order) this.#drawFigure(id, figure, time);
    for (const [id, figure] of order) this.#drawLabel(id, figure);
    for (const spark of this.#sparks) this.#drawSpark(spark);
    g.restore();
  }

  #drawGround(): void {
    const g = this.#g;
    const cell = this.#cell;
    const { width, height } = this.#size;
    const firstX = Math.max(0, Math.floor(this.#viewX / cell));
    const firstY = Math.max(0, Math.floor(this.#viewY / cell));
    const lastX = Math.min(width, Math.ceil((this.#viewX + this.#canvas.clientWidth) / cell));
    const lastY = Math.min(height, Math.ceil((this.#viewY + this.#canvas.clientHeight) / cell));
    g.fillStyle = this.#theme.fieldA;
    g.fillRect(firstX * cell, firstY * cell, (lastX - firstX) * cell, (lastY - firstY) * cell);
    g.fillStyle = this.#theme.fieldB;
    for (let y = firstY; y < lastY; y++) {
      for (let x = firstX + ((firstX + y) % 2); x < lastX; x += 2) g.fillRect(x * cell, y * cell, cell, cell);
    }
    g.fillStyle = this.#theme.fieldEdge;
    for (let y = firstY; y < lastY; y++) {
      for (let x = firstX; x < lastX; x++) {
        // A few tufts of grass, always in the same places.
        const dice = ((x * 73856093) ^ (y * 19349663)) >>> 0;
        if (dice % 9 !== 0) continue;
        const left = (x + 0.2 + ((dice >>> 8) % 50) / 100) * cell;
        const top = (y + 0.3 + ((dice >>> 16) % 40) / 100) * cell;
        for (const blade of [0, 1, 2]) {
          g.fillRect(left + blade * cell * 0.06, top - (blade % 2) * cell * 0.05, cell * 0.025, cell * 0.12);
        }
      }
    }
  }

  #drawFigure(id: string, figure: Figure, time: number): void {
    const g = this.#g;
    const cell = this.#cell;
    const isOwn = id === this.#own;
    g.save();
    g.translate((figure.x + 0.5) * cell, (figure.y + 0.5) * cell);
    const grown = 1 - (1 - figure.grown) ** 3;
    g.scale(grown, grown);
    if (figure.look === "player") {
      if (isOwn) paint.ownMark(g, cell, this.#theme.own, time);
      paint.player(g, cell, paint.colourOf(id, isOwn), figure.lookX, figure.lookY);
    } else if (figure.look === "treasure") paint.chest(g, cell, time + figure.toX + figure.toY);
    else paint.thing(g, cell, paint.colourOf(figure.name, false));
    g.restore();
  }

  #drawLabel(id: string, figure: Figure): void {
    if (figure.name === "") return;
    const g = this.#g;
    const cell = this.#cell;
    const px = Math.max(11, Math.min(15, cell * 0.26));
    g.save();
    // In the top row the name goes below the figure, where it can be read.
    const above = figure.toY > 0 ? -0.56 : 0.58;
    g.translate((figure.x + 0.5) * cell, (figure.y + 0.5 + above) * cell);
    paint.label(g, this.#theme, figure.name, 0, px, id === this.#own);
    g.restore();
  }

  #drawSpark(spark: Spark): void {
    const g = this.#g;
    const cell = this.#cell;
    g.save();
    g.globalAlpha = Math.min(1, (1 - spark.age) * 2);
    g.translate((spark.x + 0.5) * cell, (spark.y + 0.5) * cell);
    if (spark.text === "") paint.coin(g, cell * 0.09, spark.age * 9);
    else {
      g.font = `800 ${Math.max(14, cell * 0.36)}px system-ui, sans-serif`;
      g.textAlign = "center";
      g.lineWidth = 4;
      g.lineJoin = "round";
      g.strokeStyle = this.#theme.labelBack;
      g.strokeText(spark.text, 0, 0);
      g.fillStyle = this.#theme.gold;
      g.fillText(spark.text, 0, 0);
    }
    g.restore();
  }
}
