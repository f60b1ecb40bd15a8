/** The keys that detach from a session, as people write them. No zod: the command line reads them at each attach. */
import { failed, fault, ok, type Result } from "./fault.ts";

export const DEFAULT_DETACH_KEYS = "ctrl-p,ctrl-q";

/** More than anybody presses in a row to leave. */
const MOST_KEYS = 8;
const CHARACTER = /^[!-+\--~]$/;
/** Ctrl-[ is the Escape key, with which every arrow key's sequence begins: it is none of them. */
const WITH_CTRL = /^ctrl-([a-z@\\\]^_])$/i;
const ALLOWED = "ctrl-a to ctrl-z, ctrl-@, ctrl-\\, ctrl-], ctrl-^, ctrl-_ or a character other than the comma";

export interface DetachKey {
  /** The character's code, a letter's small one. */
  readonly code: number;
  readonly control: boolean;
}

/** `ctrl-p,ctrl-q`: one after the other. One key at least. */
export function parseDetachKeys(text: string): Result<readonly DetachKey[]> {
  const names = text.split(",").map((name) => name.trim());
  if (names.length > MOST_KEYS) return failed(refusal(`${names.length} keys to detach are too many`));
  const keys: DetachKey[] = [];
  for (const name of names) {
    const key = keyNamed(name);
    if (key === undefined) return failed(refusal(`${JSON.stringify(name)} is no key to detach with`));
    keys.push(key);
  }
  return ok(keys);
}

function keyNamed(name: string): DetachKey | undefined {
  const controlled = WITH_CTRL.exec(name)?.[1];
  if (controlled !== undefined) return { code: controlled.toLowerCase().charCodeAt(0), control: true };
  return CHARACTER.test(name) ? { code: name.charCodeAt(0), control: false } : undefined;
}

function refusal(message: string) {
  return fault("usage", message, { hint: `name at most ${MOST_KEYS}, separated by commas, each ${ALLOWED}` });
}
