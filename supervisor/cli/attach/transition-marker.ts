/** What a marker in a session's log says of its state. */
import type { MarkerPayload } from "../../../schemas/segment.ts";

/** As the supervisor writes them: `RUNNING -> BACKOFF: exited with code 1; ...`. */
const TRANSITION = /^[A-Z]+ -> ([A-Z]+): (.*)$/s;

export interface MarkedTransition {
  readonly to: string;
  readonly reason: string;
}

/** Undefined for markers of anything else. */
export function markedTransition(payload: Uint8Array): MarkedTransition | undefined {
  const [, to, reason] = TRANSITION.exec(textOf(payload)) ?? [];
  return to === undefined || reason === undefined ? undefined : { to, reason };
}

/** Markers are ours, but a file on disk can hold anything. */
function textOf(payload: Uint8Array): string {
  try {
    const marker = JSON.parse(Buffer.from(payload).toString("utf8")) as Partial<MarkerPayload> | null;
    return typeof marker?.text === "string" ? marker.text : "";
  } catch {
    return "";
  }
}
