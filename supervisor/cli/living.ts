/** Which phases a session can leave by itself or be stopped in: those whose sessions people work with. */
import type { SessionView } from "../../schemas/session-view.ts";

export function isLiving({ phase }: Pick<SessionView, "phase">): boolean {
  switch (phase) {
    case "PENDING":
    case "STARTING":
    case "RUNNING":
    case "STOPPING":
    case "BACKOFF":
      return true;
    case "COMPLETED":
    case "CRASHED":
    case "STOPPED":
    case "LOST":
      return false;
  }
}
