import type { ExitPayload } from "../../schemas/segment.ts";

/** In the words that reasons use. */
export function describeExit(exit: ExitPayload): string {
  if (exit.signal !== null) return `ended by signal ${exit.signal}`;
  return `exited with code ${exit.code ?? "unknown"}`;
}
