/**
 * The id of the message that this process sends: chosen once, so that the hot path and the whole command line, two
 * bundles of one process, send the same message. The supervisor then knows it for one, however often it is sent.
 */

const SHARED = Symbol.for("overmind.message-id");
const RANDOM_DIGITS = 10;

export function messageId(): string {
  const shared: Record<symbol, string | undefined> = globalThis as never;
  const id = shared[SHARED] ?? newId();
  shared[SHARED] = id;
  return id;
}

/** Unique, not secret: loading node:crypto for it would cost a send a tenth of its time. */
function newId(): string {
  const random = Math.floor(Math.random() * 36 ** RANDOM_DIGITS);
  return Date.now().toString(36) + random.toString(36).padStart(RANDOM_DIGITS, "0");
}
