/** How long to wait before the n-th attempt to connect again. */

export interface BackoffOptions {
  /** First wait, milliseconds. Default 250. */
  readonly firstMs?: number;
  /** Longest wait, milliseconds. Default 10000. */
  readonly longestMs?: number;
  /** 0..1 from a source of randomness; for tests. */
  readonly random?: () => number;
}

/**
 * Doubles each time, and takes a random half of it off: after a server restarts, its clients must
 * not all come back in the same instant.
 */
export function backoffMs(attempt: number, options: BackoffOptions = {}): number {
  const { firstMs = 250, longestMs = 10_000, random = Math.random } = options;
  const full = Math.min(longestMs, firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(full * (0.5 + 0.5 * random()));
}
