/**
 * What a session's output has switched on in the terminal, so that it can be switched off when the output stops in the
 * middle: a screen left in the alternate buffer, reporting the mouse or keys in another protocol is of no use. Pure.
 */

/** Private modes of programs that take over a terminal. */
const WATCHED: ReadonlySet<number> = new Set([
  1, 9, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 1047, 1049, 2004, 2026, 2027, 2031, 2048,
]);
/** On unless a program switches them off. */
const USUALLY_ON: ReadonlySet<number> = new Set([7, 25]);
const ALTERNATE_SCREENS: readonly number[] = [47, 1047, 1049];
const SEQUENCE = /\x1b(?:\[([<=>?]?)([\d;:]{0,40})([ !]?)([hlmpqru])|([=>])|\(([0-2AB]))/g;
/** Longer than any sequence that SEQUENCE finds: so much is kept to find one that two chunks share. */
const LONGEST_SEQUENCE = 46;
/** More than any program stacks, so that a session cannot make us write without end. */
const MOST_KEYBOARDS = 16;

export class TerminalModes {
  /** Private modes that are not as they usually are. */
  readonly #changed = new Set<number>();
  /** How to undo the rest, by what it undoes. */
  readonly #undo = new Map<string, string>();
  #keyboards = 0;
  #tail = "";

  note(output: Uint8Array): void {
    const text = this.#tail + Buffer.from(output.buffer, output.byteOffset, output.byteLength).toString("latin1");
    let end = 0;
    for (const match of text.matchAll(SEQUENCE)) {
      end = match.index + match[0].length;
      const [, mark = "", parameters = "", between = "", final, keypad, charset] = match;
      if (keypad !== undefined) this.#set("keypad", keypad === "=", "\x1b>");
      else if (charset !== undefined) this.#set("charset", charset !== "B", "\x1b(B");
      else this.#control(`${mark}${between}${final}`, parameters);
    }
    this.#tail = text.slice(Math.max(end, text.length - LONGEST_SEQUENCE));
  }

  /** What switches all of it off again, which is then forgotten; empty when nothing is on. */
  takeReset(): string {
    const modes = [...this.#changed].map((mode) => `\x1b[?${mode}${USUALLY_ON.has(mode) ? "h" : "l"}`);
    // Their stack is each screen's own: they are taken off before the alternate screen is left.
    const keyboards = this.#keyboards > 0 ? `\x1b[<${this.#keyboards}u` : "";
    const reset = [keyboards, ...this.#undo.values(), ...modes].join("");
    this.#changed.clear();
    this.#undo.clear();
    this.#keyboards = 0;
    this.#tail = "";
    return reset;
  }

  #control(kind: string, parameters: string): void {
    switch (kind) {
      case "?h":
      case "?l":
        for (const mode of parameters.split(";").map(Number)) this.#setMode(mode, kind === "?h");
        return;
      case "m":
        this.#set("colours", !/^[0;]*$/.test(parameters), "\x1b[0m");
        return;
      case ">m":
        if (/^4(;|$)/.test(parameters)) this.#set("modified keys", /^4;[1-9]/.test(parameters), "\x1b[>4m");
        return;
      case " q":
        this.#set("cursor", !/^0?$/.test(parameters), "\x1b[0 q");
        return;
      case "r":
        // To set margins moves the cursor to the first line.
        this.#set("margins", parameters !== "", "\x1b7\x1b[r\x1b8");
        return;
      case ">u":
        this.#keyboards = Math.min(MOST_KEYBOARDS, this.#keyboards + 1);
        return;
      case "<u":
        this.#keyboards = Math.max(0, this.#keyboards - (parameters === "" ? 1 : Number(parameters)));
        return;
      case "=u":
        this.#set("keyboard", !/^0/.test(parameters), "\x1b[=0u");
        return;
      case "!p":
        this.#undo.clear();
        return;
    }
  }

  #setMode(mode: number, on: boolean): void {
    const isUsual = USUALLY_ON.has(mode) ? on : !on || !WATCHED.has(mode);
    if (isUsual) this.#changed.delete(mode);
    else this.#changed.add(mode);
    // One is left for the other: there is one alternate screen.
    if (isUsual && ALTERNATE_SCREENS.includes(mode)) for (const one of ALTERNATE_SCREENS) this.#changed.delete(one);
  }

  #set(what: string, isOn: boolean, undo: string): void {
    if (isOn) this.#undo.set(what, undo);
    else this.#undo.delete(what);
  }
}
