/**
 * Bridges this terminal to a session: the screen as it is, or its output from the first byte, then all that it writes,
 * and what is typed goes to it. A supervisor that is killed and comes back is not noticed; a session that is started
 * again is followed into its next attempt. Without a terminal the bridge is the same, and whoever started the session
 * passes the end of input on. However this ends, the terminal is put back as it was.
 */
import type { DetachKey } from "../../../schemas/detach-keys.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { signalNumber } from "../../../schemas/signals.ts";
import { untilEnded } from "../commands/wait.ts";
import type { CliContext } from "../context.ts";
import { type LogPosition, readLog } from "../log-follow.ts";
import { hint, reportFault } from "../output/report.ts";
import { Attachment } from "./attachment.ts";
import { OwnTerminal } from "./own-terminal.ts";
import { copyInput } from "./session-input.ts";
import { SessionOutput } from "./session-output.ts";

const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface AttachOptions {
  readonly detachKeys: readonly DetachKey[];
  readonly readOnly: boolean;
  /** For whoever has just started it: show its output from here on. Its screen as it is now when absent. */
  readonly from?: LogPosition;
}

type Outcome =
  | { readonly type: "ended" }
  | { readonly type: "detached" }
  | { readonly type: "signal"; readonly name: string };

/** Returns the exit code: the session's own, 0 after detaching. Throws FaultError. */
export async function attach(
  session: Pick<SessionView, "id" | "name">,
  context: CliContext,
  options: AttachOptions,
): Promise<number> {
  // Asked at once: a session that is removed when it ends (--rm) could not be asked for afterwards.
  const ended = untilEnded(context, session.id);
  ended.catch(() => {}); // Awaited below, unless the user detaches before.
  const outcome = await bridge(session, context, options);
  if (outcome.type !== "ended") {
    await hint(context.err, `${session.name} goes on: overmind attach ${session.name}`);
    return outcome.type === "detached" ? 0 : 128 + (signalNumber(outcome.name) ?? 0);
  }
  const { code, hint: why, session: last } = await ended;
  if (why !== undefined) await reportFault(context.err, { code: "failed", message: why, retryable: false });
  else if (last?.phase === "STOPPED") await hint(context.err, `${last.name} was stopped: ${last.reason}`);
  return code;
}

async function bridge(
  session: Pick<SessionView, "id" | "name">,
  context: CliContext,
  { detachKeys, readOnly, from }: AttachOptions,
): Promise<Outcome> {
  const terminal = new OwnTerminal({
    isInteractive: process.stdin.isTTY === true,
    isShown: process.stdout.isTTY === true,
  });
  const dropsWhileOver = terminal.isInteractive;
  const attachment = new Attachment({ session: session.id, readOnly, dropsWhileOver });
  const output = new SessionOutput({ session, context, terminal, attachment, readOnly, from });
  const keys = terminal.openKeys();
  try {
    const beginning = from ?? { attempt: 1, offset: 0 };
    const shown = keys.then(async () =>
      readLog(context.link, { session: session.id, from: beginning, follow: true }, output),
    );
    return await Promise.race([
      shown.then((): Outcome => ({ type: "ended" })),
      copyInput({
        context,
        terminal,
        attachment,
        detachKeys,
        readOnly,
        // A session of somebody else's does not end with what is piped into it.
        passesEnd: from !== undefined,
        takesCursorReport: () => output.takesCursorReport(),
      }),
      endingSignal(),
    ]);
  } finally {
    await keys;
    output.close();
    terminal.restore();
  }
}

function endingSignal(): Promise<Outcome> {
  return new Promise((resolve) => {
    for (const name of ENDING_SIGNALS) process.once(name, () => resolve({ type: "signal", name }));
  });
}
