/** Standard input and output as this process found them, and what was changed of them. */
import { spawn } from "node:child_process";
import { TerminalModes } from "./terminal-modes.ts";

/** The protocol's bound on a terminal's sides. */
const LARGEST_SIDE = 2000;
/** Ends whatever escape sequence or string the output stopped in; in between them it does nothing. */
const END_OF_SEQUENCE = "\x18\x1b\\";
const LINE_FEED = 0x0a;

export interface TerminalSides {
  readonly columns: number;
  readonly rows: number;
}

/** Of the terminal that standard output is; undefined when it is none. */
export function terminalSides(): TerminalSides | undefined {
  const { columns, rows, isTTY } = process.stdout;
  if (isTTY !== true || !(columns > 0) || !(rows > 0)) return undefined;
  return { columns: Math.min(columns, LARGEST_SIDE), rows: Math.min(rows, LARGEST_SIDE) };
}

export class OwnTerminal {
  /** Somebody types here. */
  readonly isInteractive: boolean;
  /** What is written is shown by a terminal. */
  readonly isShown: boolean;
  readonly #modes = new TerminalModes();
  readonly #restoreAtExit = () => this.restore();
  #isRaw = false;
  #hasWritten = false;
  #isAtLineStart = true;

  constructor({ isInteractive, isShown }: { readonly isInteractive: boolean; readonly isShown: boolean }) {
    this.isInteractive = isInteractive;
    this.isShown = isShown;
  }

  /** Call with all that is written to it. */
  note(output: Uint8Array): void {
    if (output.length === 0) return;
    this.#hasWritten = true;
    this.#isAtLineStart = output.at(-1) === LINE_FEED;
    if (this.isShown) this.#modes.note(output);
  }

  /** What puts the terminal back into its usual state after any output, at the beginning of a line. */
  takeReset(): string {
    if (!this.isShown || !this.#hasWritten) return "";
    const lineEnd = this.#isAtLineStart ? "" : "\r\n";
    this.#hasWritten = false;
    this.#isAtLineStart = true;
    return END_OF_SEQUENCE + this.#modes.takeReset() + lineEnd;
  }

  /** From here on what is typed comes as it is, byte by byte. */
  async openKeys(): Promise<void> {
    if (!this.isInteractive) return;
    // Whatever ends this process: a terminal left raw echoes nothing and takes no Ctrl-C.
    process.once("exit", this.#restoreAtExit);
    process.stdin.setRawMode(true);
    this.#isRaw = true;
    // Node leaves the output as it is, and a full-screen program's line feeds would go to the line's beginning. Where
    // there is no stty this is all that is missing. Leaving raw mode puts it back with the rest.
    await new Promise<void>((resolve) => {
      const stty = spawn("stty", ["-opost"], { stdio: [0, "ignore", "ignore"] });
      stty.on("error", () => resolve());
      stty.on("close", () => resolve());
    });
  }

  /** May be called again. */
  restore(): void {
    process.removeListener("exit", this.#restoreAtExit);
    const reset = this.takeReset();
    if (reset !== "") process.stdout.write(reset);
    if (this.#isRaw) process.stdin.setRawMode(false);
    this.#isRaw = false;
    process.stdin.pause();
    process.stdin.unref?.();
  }
}
