/**
 * Which modes of the terminal a session's output has switched on, so that they can be switched off when the output
 * stops in the middle: a screen left in the alternate buffer or reporting the mouse is of no use. Pure.
 */

/** Private modes of programs that take over a terminal, and what leaving them takes. */
const WATCHED: ReadonlySet<number> = new Set([1, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004]);
const CURSOR_VISIBLE = 25;
const MODE = /\x1b\[\?([\d;]{1,40})([hl])/g;
/** Longer than any sequence that MODE finds: so much is kept to find one that two chunks share. */
const LONGEST_SEQUENCE = 44;

export class TerminalModes {
  readonly #on = new Set<number>();
  #isCursorHidden = false;
  #tail = "";

  note(output: Uint8Array): void {
    const text = this.#tail + Buffer.from(output.buffer, output.byteOffset, output.byteLength).toString("latin1");
    let end = 0;
    for (const match of text.matchAll(MODE)) {
      end = match.index + match[0].length;
      for (const mode of (match[1] ?? "").split(";").map(Number)) this.#set(mode, match[2] === "h");
    }
    this.#tail = text.slice(Math.max(end, text.length - LONGEST_SEQUENCE));
  }

  /** What switches them off again, and colours with them; empty when nothing is on. */
  reset(): string {
    const modes = [...this.#on].map((mode) => `\x1b[?${mode}l`).join("");
    return modes + (this.#isCursorHidden ? `\x1b[?${CURSOR_VISIBLE}h` : "");
  }

  #set(mode: number, on: boolean): void {
    if (mode === CURSOR_VISIBLE) this.#isCursorHidden = !on;
    else if (WATCHED.has(mode) && on) this.#on.add(mode);
    else this.#on.delete(mode);
  }
}
