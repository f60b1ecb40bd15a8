/** What `restart` says it has done. */
import type { SessionView } from "../session-view.ts";
import { plain } from "./plain.ts";

/** "restarted calm-otter (attempt 3, process 123)" */
export function restartedLine({ name, attempt, pid, phase, reason }: SessionView): string {
  // A short program may have ended again before anybody looked.
  const state = pid === null ? `${phase}: ${plain(reason)}` : `process ${pid}`;
  return `restarted ${plain(name)} (attempt ${attempt}, ${state})`;
}
