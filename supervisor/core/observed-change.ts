import type { Observed } from "./session.ts";
import type { ObservedChange } from "./session-action.ts";

/** What is observed after a change: null clears a field, what is absent stays. */
export function applyObservedChange(observed: Observed, change: ObservedChange): Observed {
  const next: Record<string, unknown> = { ...observed };
  for (const [field, value] of Object.entries(change)) {
    if (value === null) delete next[field];
    else if (value !== undefined) next[field] = value;
  }
  // An ObservedChange has fields of Observed alone, and can clear none that Observed requires.
  return next as unknown as Observed;
}
