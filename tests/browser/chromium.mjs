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
