/**
 * The terminal as long as a command fills it: the alternate screen, drawn over in place, and single keys. However this
 * ends, the terminal is put back as it was.
 */
import { signalNumber } from "../../schemas/signals.ts";
import type { Output } from "./context.ts";

/** The alternate screen and no cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const ERASE_LINE_REST = "\x1b[K";
const ERASE_BELOW = "\x1b[J";
const LEAVING_KEYS = /[q\x03]/;
const ENDING_SIGNALS = ["SIGTERM", "SIGHUP"] as const;
/** Of a terminal that does not tell its size. */
const USUAL_SIZE = { columns: 80, rows: 24 };

export class FullScreen {
  readonly #out: Output;
  readonly #undo: (() => void)[] = [];
  readonly #closeAtExit = () => this.close();
  #isOpen = false;

  constructor(out: Output) {
    this.#out = out;
  }

  /** Resolves with the command's exit code when the user leaves, or a signal or the end of the terminal asks for it. */
  open(onResize: () => Promise<void>): Promise<number> {
    this.#isOpen = true;
    return new Promise((resolve, reject) => {
      // Whatever ends this process: a terminal left raw echoes nothing and takes no Ctrl-C.
      this.#while(process, "exit", this.#closeAtExit);
      // Where standard input is no terminal Ctrl-C comes as a signal.
      this.#while(process, "SIGINT", () => resolve(0));
      for (const name of ENDING_SIGNALS) this.#while(process, name, () => resolve(128 + (signalNumber(name) ?? 0)));
      this.#while(process.stdout, "resize", () => void onResize().catch(reject));
      if (process.stdin.isTTY) this.#readKeys(() => resolve(0));
      process.stdout.write(ENTER);
      this.#undo.push(() => process.stdout.write(LEAVE));
    });
  }

  /** What may be drawn: a column less than there is, for to erase the rest after a full line would erase its end. */
  size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = process.stdout;
    return { columns: (columns > 0 ? columns : USUAL_SIZE.columns) - 1, rows: rows > 0 ? rows : USUAL_SIZE.rows };
  }

  /** Over what was drawn before, in one write and without erasing first: nothing flickers. */
  async draw(text: string): Promise<void> {
    if (!this.#isOpen) return; // Left while this was looked up.
    const lines = text.replace(/\n$/, "").split("\n");
    await this.#out.write(HOME + lines.join(`${ERASE_LINE_REST}\r\n`) + ERASE_LINE_REST + ERASE_BELOW);
  }

  /** May be called again. */
  close(): void {
    this.#isOpen = false;
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) undo();
  }

  #readKeys(leave: () => void): void {
    const { stdin } = process;
    this.#while(stdin, "data", (keys: Buffer) => {
      if (LEAVING_KEYS.test(keys.toString("latin1"))) leave();
    });
    // The terminal is gone.
    this.#while(stdin, "end", leave);
    this.#while(stdin, "error", leave);
    stdin.setRawMode(true);
    this.#undo.push(() => {
      stdin.setRawMode(false);
      stdin.pause();
    });
  }

  #while(emitter: NodeJS.EventEmitter, event: string, listener: (...args: never[]) => void): void {
    const heard = listener as (...args: unknown[]) => void;
    emitter.on(event, heard);
    this.#undo.push(() => emitter.off(event, heard));
  }
}
