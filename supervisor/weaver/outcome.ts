import type { Fault } from "../../schemas/fault.ts";

/** How a tick ended. Only the loop turns it into timing. */
export type Outcome =
  | { readonly type: "done" }
  | { readonly type: "again"; readonly afterMs: number }
  /** Failed in a way that may pass: tried again with growing pauses. */
  | { readonly type: "retry"; readonly fault: Fault }
  /** Failed in a way that only a change can mend: looked at again when one comes. */
  | { readonly type: "stuck"; readonly fault: Fault };

export const DONE: Outcome = { type: "done" };
