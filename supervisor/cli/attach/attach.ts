/**
 * Bridges this terminal to a session: what is typed goes to it, what it writes comes here byte by byte, from its
 * beginning. Ctrl-P Ctrl-Q detaches. Without a terminal the bridge is the same, and the end of input is passed on.
 * However this ends, the terminal is put back as it was.
 */
import { spawnSync } from "node:child_process";
import { FaultError } from "../../../schemas/fault.ts";
import { RecordKind } from "../../../schemas/segment.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { signalNumber } from "../../../schemas/signals.ts";
import { untilEnded } from "../commands/wait.ts";
import type { CliContext } from "../context.ts";
import { readLog } from "../log-follow.ts";
import { describeDropped, gapText } from "../output/log-reader.ts";
import { hint, reportFault, warn } from "../output/report.ts";
import { DetachKeys } from "./detach-keys.ts";
import { type InputPump, inputPump } from "./input-pump.ts";
import { TerminalModes } from "./terminal-modes.ts";

/** The protocol's bound on a terminal's sides. */
const LARGEST_SIDE = 2000;
const END_OF_TRANSMISSION = "\x04";
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type Outcome =
  | { readonly type: "ended" }
  | { readonly type: "detached" }
  | { readonly type: "signal"; readonly name: string };

/** Of the terminal that standard output is; nothing when it is none. */
export function terminalSize(): { readonly columns?: number; readonly rows?: number } {
  const { columns, rows, isTTY } = process.stdout;
  if (isTTY !== true || !(columns > 0) || !(rows > 0)) return {};
  return { columns: Math.min(columns, LARGEST_SIDE), rows: Math.min(rows, LARGEST_SIDE) };
}

/** Returns the exit code: the session's own, 0 after detaching. */
export async function attach(session: SessionView, context: CliContext): Promise<number> {
  // Asked at once: a session that is removed when it ends (--rm) could not be asked for afterwards.
  const ended = untilEnded(context, session.id);
  ended.catch(() => {}); // Awaited below, unless the user detaches before.
  const terminal = new OwnTerminal();
  let outcome: Outcome;
  try {
    await context.link.request("session/wait", { session: session.id, until: "started" });
    outcome = await Promise.race([
      copyOutput(session, context, terminal),
      copyInput(session, context, terminal),
      endingSignal(),
    ]);
  } finally {
    terminal.restore();
  }
  if (outcome.type !== "ended") {
    await hint(context.err, `${session.name} goes on: overmind logs -f ${session.name}`);
    return outcome.type === "detached" ? 0 : 128 + (signalNumber(outcome.name) ?? 0);
  }
  const { code, hint: why, session: last } = await ended;
  if (why !== undefined) await reportFault(context.err, { code: "failed", message: why, retryable: false });
  else if (last?.phase === "STOPPED") await hint(context.err, `${last.name} was stopped: ${last.reason}`);
  return code;
}

async function copyOutput(session: SessionView, context: CliContext, terminal: OwnTerminal): Promise<Outcome> {
  // A raw terminal does not go to the line's beginning by itself.
  const tell = async (text: string) => {
    await warn(context.err, text);
    if (terminal.isInteractive) await context.err.write("\r");
  };
  await readLog(
    context.link,
    { session: session.id, from: { attempt: 1, offset: 0 }, follow: true },
    {
      async records(_, records) {
        for (const record of records) {
          const { kind, payload } = record;
          if (kind === RecordKind.terminal || kind === RecordKind.stdout) {
            terminal.modes.note(payload);
            await context.out.write(payload);
          } else if (kind === RecordKind.stderr) {
            await context.err.write(payload);
          } else if (kind === RecordKind.gap) {
            await tell(gapText(record));
          }
        }
      },
      dropped: async (_, bytes) => tell(describeDropped(bytes)),
    },
  );
  return { type: "ended" };
}

/** Resolves when the user detaches; the end of input is passed on and ends nothing here. */
async function copyInput(session: SessionView, context: CliContext, terminal: OwnTerminal): Promise<Outcome> {
  const pump = inputPump(context.link, session.id);
  const resize = () => {
    const { columns, rows } = terminalSize();
    if (columns === undefined || rows === undefined) return;
    // A session that has just ended has no size any more; its end is told elsewhere.
    context.link.request("session/resize", { session: session.id, columns, rows }).catch(() => {});
  };
  process.stdout.on("resize", resize);
  const keys = new DetachKeys();
  let lastByte: number | undefined;
  for await (const chunk of terminal.open()) {
    const { bytes, detach } = terminal.isInteractive ? keys.read(chunk) : { bytes: chunk, detach: false };
    lastByte = bytes.at(-1) ?? lastByte;
    if (bytes.length > 0 && !(await passOn(pump, context, bytes))) break;
    if (detach) return { type: "detached" };
  }
  if (!terminal.isInteractive) await passOn(pump, context, endOfInput(lastByte));
  return new Promise(() => {}); // The session's end is told by its output.
}

/** A terminal takes the sign for its end only at a line's beginning: in the middle the first one just sends the line. */
function endOfInput(lastByte: number | undefined): Buffer {
  const isAtBeginning = lastByte === undefined || lastByte === 0x0a;
  return Buffer.from(isAtBeginning ? END_OF_TRANSMISSION : END_OF_TRANSMISSION + END_OF_TRANSMISSION);
}

/** False when the session takes no more input. */
async function passOn(pump: InputPump, context: CliContext, bytes: Buffer): Promise<boolean> {
  try {
    await pump.push(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    if (error.fault.code !== "conflict" && error.fault.code !== "not-found")
      await reportFault(context.err, error.fault);
    return false;
  }
}

function endingSignal(): Promise<Outcome> {
  return new Promise((resolve) => {
    for (const name of ENDING_SIGNALS) process.once(name, () => resolve({ type: "signal", name }));
  });
}

/** Standard input and output as this process found them, and what was changed of them. */
class OwnTerminal {
  readonly modes = new TerminalModes();
  readonly isInteractive = process.stdin.isTTY === true;
  #isRaw = false;
  readonly #restoreAtExit = () => this.restore();

  /** What is typed, byte by byte. */
  open(): AsyncIterable<Buffer> {
    if (this.isInteractive) {
      // Whatever ends this process: a terminal left raw echoes nothing and takes no Ctrl-C.
      process.once("exit", this.#restoreAtExit);
      process.stdin.setRawMode(true);
      this.#isRaw = true;
      // Node leaves the output as it is, and a full-screen program's line feeds would go to the line's beginning. Where
      // there is no stty this is all that is missing. Leaving raw mode puts it back with the rest.
      spawnSync("stty", ["-opost"], { stdio: [process.stdin.fd, "ignore", "ignore"] });
    }
    // Not destroyed when reading stops: it is put back to what it was, and that needs it.
    return process.stdin.iterator({ destroyOnReturn: false });
  }

  restore(): void {
    process.removeListener("exit", this.#restoreAtExit);
    if (this.#isRaw) process.stdin.setRawMode(false);
    this.#isRaw = false;
    const reset = this.modes.reset();
    if (process.stdout.isTTY === true && reset !== "") process.stdout.write(reset);
    process.stdin.pause();
    process.stdin.unref?.();
  }
}
