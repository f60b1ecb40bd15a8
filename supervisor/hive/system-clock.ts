/** The machine's own clock and randomness, behind the ports that rules and tests know. */
import { randomBytes, randomInt } from "node:crypto";
import type { Clock, Identities } from "../ports/clock.ts";

/** setTimeout takes no more: a longer delay would fire at once. */
const LONGEST_TIMER_MS = 0x7fff_ffff;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const BASE_32 = `${LETTERS}234567`;
/** 26 * 32^11 ids: two of them meet after some hundred million sessions. */
const SESSION_ID_CHARACTERS = 12;
const TOKEN_BYTES = 32;

export const systemClock: Clock = {
  now: () => Date.now(),
  // Linux: CLOCK_MONOTONIC, which stands in sleep. macOS counts on.
  awakeMs: () => performance.now(),
  after(delayMs, run) {
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number) => {
      const nowMs = Math.min(leftMs, LONGEST_TIMER_MS);
      timer = setTimeout(() => (leftMs > nowMs ? wait(leftMs - nowMs) : run()), Math.max(0, nowMs));
    };
    wait(delayMs);
    return { dispose: () => clearTimeout(timer) };
  },
};

export const systemIdentities: Identities = {
  sessionId() {
    // 32 divides 256, so that each character is as likely as any other.
    const rest = [...randomBytes(SESSION_ID_CHARACTERS - 1)].map((byte) => BASE_32[byte % BASE_32.length]);
    return `${LETTERS[randomInt(LETTERS.length)]}${rest.join("")}`;
  },
  token: () => randomBytes(TOKEN_BYTES).toString("base64url"),
  index: (below) => randomInt(below),
};
