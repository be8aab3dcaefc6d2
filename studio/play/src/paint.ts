/** Canvases; and the figures on the map: each is drawn around (0, 0) in a field of the size `cell`. */

export function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const g = canvas.getContext("2d");
  if (!g) throw new Error("this browser has no 2D canvas");
  return g;
}

/** As large as that on the page, in the screen's own points; from here on the unit is a pixel of the page. */
export function fit(g: CanvasRenderingContext2D, width: number, height: number): void {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  const { canvas } = g;
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
}

export interface Theme {
  readonly fieldA: string;
  readonly fieldB: string;
  readonly fieldEdge: string;
  readonly labelBack: string;
  readonly labelInk: string;
  readonly own: string;
  readonly gold: string;
  readonly ink: string;
}

export function readTheme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return {
    fieldA: get("--field-a"),
    fieldB: get("--field-b"),
    fieldEdge: get("--field-edge"),
    labelBack: get("--label-back"),
    labelInk: get("--label-ink"),
    own: get("--own"),
    gold: get("--gold"),
    ink: get("--ink"),
  };
}

/** Told apart by people who see colours differently, on light and dark ground. */
const COLOURS = ["#2f7de1", "#e4572e", "#8b5cf6", "#d946a0", "#7a4b2a", "#c27c0e", "#4d9b3a", "#64748b"];
const OWN_COLOUR = "#0d9488";

export function colourOf(id: string, isOwn: boolean): string {
  if (isOwn) return OWN_COLOUR;
  let hash = 0;
  for (const letter of id) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  // Neighbours like p1 and p2 fall on neighbouring colours, never on the same one.
  return COLOURS[hash % COLOURS.length] ?? OWN_COLOUR;
}

type Context = CanvasRenderingContext2D;

function groundShadow(g: Context, cell: number, width: number): void {
  g.fillStyle = "rgba(0, 0, 0, 0.22)";
  g.beginPath();
  g.ellipse(0, cell * 0.36, cell * width, cell * 0.09, 0, 0, Math.PI * 2);
  g.fill();
}

/** (lookX, lookY): where it goes, -1..1; its eyes follow. */
export function player(g: Context, cell: number, colour: string, lookX: number, lookY: number): void {
  groundShadow(g, cell, 0.3);
  const radius = cell * 0.34;
  g.fillStyle = colour;
  g.beginPath();
  g.arc(0, -cell * 0.02, radius, 0, Math.PI * 2);
  g.fill();
  const shine = g.createRadialGradient(-radius * 0.4, -radius * 0.6, radius * 0.1, 0, 0, radius * 1.1);
  shine.addColorStop(0, "rgba(255, 255, 255, 0.5)");
  shine.addColorStop(0.6, "rgba(255, 255, 255, 0)");
  shine.addColorStop(1, "rgba(0, 0, 0, 0.22)");
  g.fillStyle = shine;
  g.fill();
  for (const side of [-1, 1]) {
    const x = side * radius * 0.38 + lookX * radius * 0.2;
    const y = -radius * 0.18 + lookY * radius * 0.2;
    g.fillStyle = "#fff";
    g.beginPath();
    g.ellipse(x, y, radius * 0.24, radius * 0.3, 0, 0, Math.PI * 2);
    g.fill();
    g.fillStyle = "#16202e";
    g.beginPath();
    g.arc(x + lookX * radius * 0.09, y + lookY * radius * 0.11, radius * 0.13, 0, Math.PI * 2);
    g.fill();
  }
}

/** The mark of one's own figure: a ring on the ground and an arrow above. */
export function ownMark(g: Context, cell: number, colour: string, seconds: number): void {
  g.strokeStyle = colour;
  g.lineWidth = Math.max(2, cell * 0.055);
  g.beginPath();
  g.arc(0, -cell * 0.02, cell * (0.43 + 0.015 * Math.sin(seconds * 4)), 0, Math.PI * 2);
  g.stroke();
}

export function chest(g: Context, cell: number, seconds: number): void {
  const glow = g.createRadialGradient(0, 0, 0, 0, 0, cell * 0.62);
  glow.addColorStop(0, "rgba(250, 200, 70, 0.4)");
  glow.addColorStop(1, "rgba(250, 200, 70, 0)");
  g.fillStyle = glow;
  g.fillRect(-cell * 0.62, -cell * 0.62, cell * 1.24, cell * 1.24);
  groundShadow(g, cell, 0.34);
  g.translate(0, Math.sin(seconds * 2.4) * cell * 0.02);
  const width = cell * 0.62;
  const left = -width / 2;
  g.fillStyle = "#8a4b16";
  g.beginPath();
  g.roundRect(left, -cell * 0.02, width, cell * 0.34, cell * 0.05);
  g.fill();
  g.fillStyle = "#b0661f";
  g.beginPath();
  g.roundRect(left, -cell * 0.28, width, cell * 0.28, [cell * 0.15, cell * 0.15, 0, 0]);
  g.fill();
  g.fillStyle = "#f0b62e";
  for (const x of [left + width * 0.1, left + width * 0.78]) {
    g.fillRect(x, -cell * 0.27, width * 0.12, cell * 0.58);
  }
  g.fillRect(left, -cell * 0.035, width, cell * 0.055);
  g.fillStyle = "#ffd866";
  g.beginPath();
  g.roundRect(-cell * 0.075, -cell * 0.07, cell * 0.15, cell * 0.17, cell * 0.03);
  g.fill();
  g.fillStyle = "#5f340e";
  g.beginPath();
  g.arc(0, cell * 0.005, cell * 0.028, 0, Math.PI * 2);
  g.fill();
}

/** Anything a page of this kind has never heard of. */
export function thing(g: Context, cell: number, colour: string): void {
  groundShadow(g, cell, 0.28);
  g.fillStyle = colour;
  g.beginPath();
  g.moveTo(0, -cell * 0.32);
  g.lineTo(cell * 0.3, 0);
  g.lineTo(0, cell * 0.32);
  g.lineTo(-cell * 0.3, 0);
  g.closePath();
  g.fill();
}

export function label(g: Context, theme: Theme, text: string, y: number, px: number, bold: boolean): void {
  g.font = `${bold ? 700 : 600} ${px}px system-ui, sans-serif`;
  g.textAlign = "center";
  g.textBaseline = "middle";
  const shown = text.length > 14 ? `${text.slice(0, 13)}…` : text;
  const width = g.measureText(shown).width + px * 0.9;
  g.fillStyle = bold ? theme.own : theme.labelBack;
  g.beginPath();
  g.roundRect(-width / 2, y - px * 0.75, width, px * 1.5, px * 0.75);
  g.fill();
  g.fillStyle = bold ? "#ffffff" : theme.labelInk;
  if (bold && theme.labelInk.startsWith("#e")) g.fillStyle = "#06231f";
  g.fillText(shown, 0, y + px * 0.05);
}

export function coin(g: Context, radius: number, turn: number): void {
  g.scale(Math.max(0.15, Math.abs(Math.cos(turn))), 1);
  g.fillStyle = "#f6c445";
  g.beginPath();
  g.arc(0, 0, radius, 0, Math.PI * 2);
  g.fill();
  g.strokeStyle = "#b9770e";
  g.lineWidth = radius * 0.3;
  g.stroke();
}
