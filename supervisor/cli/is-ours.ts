/** Tells our `overmind` from the other well-known program of that name. */
import { closeSync, openSync, readSync, realpathSync } from "node:fs";
import { basename } from "node:path";

/** A wrapper around ours is a short script that names our bundle: in our version copies, by npm, by pnpm, by hand. */
const WRAPPER_BYTES = 4096;
const OUR_BUNDLE = "overmind.cjs";

/** Ours in whichever place and version: a link to the bundle, or a wrapper that names it. */
export function isOurs(path: string): boolean {
  if (basename(realpathSync(path)) === OUR_BUNDLE) return true;
  const head = Buffer.alloc(WRAPPER_BYTES);
  const file = openSync(path, "r");
  try {
    return head.toString("latin1", 0, readSync(file, head)).includes(OUR_BUNDLE);
  } finally {
    closeSync(file);
  }
}
