// Debian's Chromium, headless and silent.
import { mkdir } from "node:fs/promises";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

/** Where pictures go. */
export const SHOTS = new URL("../../test-artifacts/", import.meta.url).pathname;

/** One for all tests of a file, with useChromium(). */
export let browser;
export function useChromium() {
  before(async () => {
    await mkdir(SHOTS, { recursive: true });
    browser = await openChromium();
  });
  after(() => browser?.close());
}

export function openChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** The picture of bodies in space, as it is drawn. */
export const picture = (page) =>
  page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(document.getElementById("space").toDataURL())))));

/** How many points of the picture have each of these colours; the legend, on the left, does not count. */
export const painted = (page, colours) =>
  page.evaluate((colours) => {
    const { width, height } = document.getElementById("space");
    const { data } = document.getElementById("space").getContext("2d").getImageData(140, 0, width - 140, height);
    const is = (at, hex) => [1, 3, 5].every((from, k) => Math.abs(data[at + k] - parseInt(hex.slice(from, from + 2), 16)) < 12);
    return colours.map((hex) => Array.from({ length: data.length / 4 }, (_, i) => i * 4).filter((at) => is(at, hex)).length);
  }, colours);
