/** One deed for many sessions: a failure of one is no failure of the others. */
import { type Fault, FaultError, faultOf } from "../../schemas/fault.ts";
import type { CliContext } from "./context.ts";
import { exitCodeOfFault } from "./exit-code.ts";
import { reportFault } from "./output/report.ts";

export interface Failure {
  readonly session: string;
  readonly fault: Fault;
}

/** All at once. Only faults are collected: a bug goes its way. */
export async function forEachSession<S extends { readonly name: string }>(
  sessions: readonly S[],
  act: (session: S) => Promise<void>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  await Promise.all(
    sessions.map(async (session) => {
      try {
        await act(session);
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        failures.push({ session: session.name, fault: faultOf(error) });
      }
    }),
  );
  return failures;
}

/** Returns the exit code of the worst. */
export async function reportFailures({ err }: CliContext, failures: readonly Failure[]): Promise<number> {
  for (const failure of failures) await reportFault(err, failure.fault);
  return Math.max(0, ...failures.map((failure) => exitCodeOfFault(failure.fault, false)));
}
