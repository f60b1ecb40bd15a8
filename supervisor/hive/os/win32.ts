/** Windows: not supported yet, and it says so instead of guessing. */
import { failed, fault } from "../../../schemas/fault.ts";
import type { ProcessSystem } from "./process-table.ts";

export const win32: ProcessSystem = {
  readTable: () =>
    Promise.resolve(
      failed(
        fault("failed", "Overmind does not know Windows' process table yet: it cannot find what belongs to a session", {
          hint: "run Overmind inside WSL",
        }),
      ),
    ),
  startTime(pid) {
    try {
      process.kill(pid, 0);
      return ""; // As the process host says it there: unknown. Alive is all that can be told.
    } catch {
      return undefined; // No such process.
    }
  },
};
