/** What a command's exit status says. */
import { EXIT_CODE_OF_FAULT, type Fault } from "../../schemas/fault.ts";
import type { SessionView } from "../../schemas/session-view.ts";
import { signalNumber } from "../../schemas/signals.ts";

/** Of commands that pass on a session's exit code: what is theirs must not be taken for the session's. */
const OWN_FAILURE = 125;
const NOT_EXECUTABLE = 126;
const NO_SUCH_PROGRAM = 127;
const TIMED_OUT = 124;

export function exitCodeOfFault(fault: Fault, passesOnExitCode: boolean): number {
  if (!passesOnExitCode) return EXIT_CODE_OF_FAULT[fault.code] ?? 1;
  switch (fault.code) {
    case "timed-out":
      return TIMED_OUT;
    case "program-not-executable":
      return NOT_EXECUTABLE;
    case "program-not-found":
      return NO_SUCH_PROGRAM;
    default:
      return OWN_FAILURE;
  }
}

/** What a shell would report of an ended session: its code, or 128 + N. `fault` is why it could not be started. */
export function exitCodeOfSession(session: SessionView | null, fault: Fault | undefined): number {
  if (session === null || session.phase === "LOST") return OWN_FAILURE;
  const { exit } = session;
  if (exit === null) return fault === undefined ? OWN_FAILURE : exitCodeOfFault(fault, true);
  if (exit.signal !== null) return 128 + (signalNumber(exit.signal) ?? 0);
  return exit.code ?? OWN_FAILURE;
}
