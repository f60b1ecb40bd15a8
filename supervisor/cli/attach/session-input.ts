/** What is typed or piped in on its way to a session: detaching keys are kept, a terminal's own answers marked as such. */
import type { DetachKey } from "../../../schemas/detach-keys.ts";
import { FaultError } from "../../../schemas/fault.ts";
import type { CliContext } from "../context.ts";
import { reportFault } from "../output/report.ts";
import type { Attachment } from "./attachment.ts";
import { DetachKeys } from "./detach-keys.ts";
import { type InputPump, inputPump } from "./input-pump.ts";
import type { OwnTerminal } from "./own-terminal.ts";
import { TypedInput, type TypedPart } from "./typed-input.ts";

/** A terminal sends a sequence in one go; what is not complete after so long is keys, above all Escape. */
const SEQUENCE_LIMIT_MS = 30;
/** What was typed before the keys to detach is sent first; a session that does not read it is left all the same. */
const LAST_INPUT_LIMIT_MS = 1000;
const END_OF_TRANSMISSION = "\x04";
const LINE_FEED = 0x0a;

export interface InputParts {
  readonly context: CliContext;
  readonly terminal: OwnTerminal;
  readonly attachment: Attachment;
  readonly detachKeys: readonly DetachKey[];
  readonly readOnly: boolean;
  /** The end of piped input is the end of the program's. */
  readonly passesEnd: boolean;
  readonly takesCursorReport: () => boolean;
}

/** Resolves when the user detaches; the end of piped input ends nothing here. */
export async function copyInput(parts: InputParts): Promise<{ readonly type: "detached" }> {
  const resize = () => parts.attachment.resize();
  process.stdout.on("resize", resize);
  try {
    if (parts.terminal.isInteractive) await copyKeys(parts);
    else await copyPiped(parts);
    return { type: "detached" };
  } finally {
    process.stdout.off("resize", resize);
  }
}

/** Resolves when the keys to detach have been pressed, or the terminal is gone. */
function copyKeys(parts: InputParts): Promise<void> {
  const pump = pumpOf(parts);
  const typed = new TypedInput(parts.takesCursorReport);
  const keys = new DetachKeys(parts.detachKeys);
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const { stdin } = process;
    const leave = () => {
      clearTimeout(timer);
      stdin.off("data", onData);
      resolve();
    };
    const pass = async (sent: readonly TypedPart[]) => {
      for (const part of sent) {
        if (part.kind === "reply") {
          await pump.push(part.bytes, true);
          continue;
        }
        const { bytes, detach } = keys.read(part);
        const more = pump.push(bytes);
        if (detach) {
          await Promise.race([pump.sent(), new Promise((wake) => setTimeout(wake, LAST_INPUT_LIMIT_MS))]);
          leave();
          return;
        }
        await more;
      }
      stdin.resume();
    };
    const onData = (bytes: Buffer) => {
      clearTimeout(timer);
      // Nothing more is read until the session takes what was.
      stdin.pause();
      pass(typed.read(bytes)).catch(reject);
      if (typed.isHolding) timer = setTimeout(() => void pass(typed.flush()).catch(reject), SEQUENCE_LIMIT_MS);
    };
    stdin.on("data", onData);
    stdin.once("end", leave);
    // A terminal that hangs up ends with an error.
    stdin.once("error", leave);
  });
}

async function copyPiped(parts: InputParts): Promise<never> {
  const pump = pumpOf(parts);
  let lastByte: number | undefined;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    lastByte = chunk.at(-1) ?? lastByte;
    await pump.push(chunk);
  }
  if (parts.passesEnd) await pump.push(endOfInput(lastByte));
  return new Promise(() => {}); // The session's end is told by its output.
}

/** What the session will never take is told once; keys to detach count all the same. */
function pumpOf({ context, attachment, readOnly }: InputParts): InputPump {
  let isRefused = readOnly;
  return inputPump(async (piece, isReply) => {
    if (isRefused) return;
    try {
      await attachment.send(piece, isReply);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      isRefused = true;
      await reportFault(context.err, error.fault);
    }
  });
}

/** A terminal takes the sign for its end only at a line's beginning: in the middle the first one just sends the line. */
function endOfInput(lastByte: number | undefined): Buffer {
  const isAtBeginning = lastByte === undefined || lastByte === LINE_FEED;
  return Buffer.from(isAtBeginning ? END_OF_TRANSMISSION : END_OF_TRANSMISSION + END_OF_TRANSMISSION);
}
