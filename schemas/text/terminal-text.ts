/**
 * A program's output as lines of plain text: escape sequences are left out wherever the stream is cut into chunks, of
 * an overwritten line (a progress bar) the last state counts, and nothing that could command a terminal is left.
 */

/** A line without an end is given out in pieces of so many characters: memory is bounded, and any chunking cuts alike. */
const LONGEST_LINE = 1 << 20;
/** Parameters that mean something to us are short; of longer ones the beginning is kept. */
const LONGEST_PARAMETERS = 32;
/** A program that moves the cursor to the right writes that many spaces, within a wide screen. */
const MOST_SPACES = 500;

const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** Where in an escape sequence the text stands. */
type State = "ground" | "escape" | "intermediate" | "csi" | "string" | "string-escape";

export type OnLine = (line: string, timeMs: number) => void;

export class TerminalText {
  #state: State = "ground";
  #parameters = "";
  #visible = "";
  /** The cursor is at the line's beginning: what is written next replaces the line. */
  #overwrite = false;
  /** When the pending line began; undefined while nothing of it has come. */
  #beganMs: number | undefined;

  /** What is visible of the line that has no end yet. */
  get pending(): string {
    return this.#visible;
  }

  write(text: string, timeMs: number, onLine: OnLine): void {
    let at = 0;
    while (at < text.length) {
      if (this.#state !== "ground") {
        this.#control(text[at] ?? "", timeMs, onLine);
        at += 1;
        continue;
      }
      CONTROL.lastIndex = at;
      const next = CONTROL.exec(text)?.index ?? text.length;
      if (next > at) this.#print(text.slice(at, next), timeMs, onLine);
      if (next < text.length) this.#control(text[next] ?? "", timeMs, onLine);
      at = next + 1;
    }
  }

  /** Gives out the pending line, if anything of it is visible. */
  flush(onLine: OnLine): void {
    if (this.#visible !== "") this.#endLine(0, onLine);
    this.#state = "ground";
    this.#beganMs = undefined;
    this.#overwrite = false;
  }

  #print(text: string, timeMs: number, onLine: OnLine): void {
    this.#beganMs ??= timeMs;
    this.#visible = this.#overwrite ? text : this.#visible + text;
    this.#overwrite = false;
    while (this.#visible.length > LONGEST_LINE) {
      onLine(this.#visible.slice(0, LONGEST_LINE), this.#beganMs);
      this.#visible = this.#visible.slice(LONGEST_LINE);
    }
  }

  #endLine(timeMs: number, onLine: OnLine): void {
    onLine(this.#visible, this.#beganMs ?? timeMs);
    this.#visible = "";
    this.#overwrite = false;
    this.#beganMs = undefined;
  }

  #control(character: string, timeMs: number, onLine: OnLine): void {
    // A line's end ends whatever sequence was under way: one that is never closed must not swallow the log.
    if (character === "\n") {
      this.#state = "ground";
      this.#endLine(timeMs, onLine);
      return;
    }
    if (character === "\u0018" || character === "\u001a") {
      this.#state = "ground";
      return;
    }
    switch (this.#state) {
      case "ground":
        this.#inGround(character);
        return;
      case "escape":
        this.#afterEscape(character);
        return;
      case "intermediate":
        if (character >= "0") this.#state = "ground";
        return;
      case "csi":
        this.#inCsi(character, timeMs, onLine);
        return;
      case "string":
        if (character === "\u0007" || character === "\u009c") this.#state = "ground";
        else if (character === "\u001b") this.#state = "string-escape";
        return;
      case "string-escape":
        // ESC \ ends the string; any other escape ends it too and begins a sequence of its own.
        if (character === "\\") this.#state = "ground";
        else this.#afterEscape(character);
        return;
    }
  }

  #inGround(character: string): void {
    switch (character) {
      case "\u001b":
        this.#state = "escape";
        return;
      case "\r":
        this.#overwrite = true;
        return;
      case "\b":
        if (!this.#overwrite) this.#visible = withoutLastCharacter(this.#visible);
        return;
      case "\u009b":
        this.#beginCsi();
        return;
      case "\u0090":
      case "\u0098":
      case "\u009d":
      case "\u009e":
      case "\u009f":
        this.#state = "string";
        return;
    }
  }

  #afterEscape(character: string): void {
    if (character === "[") this.#beginCsi();
    else if ("]PX^_".includes(character)) this.#state = "string";
    else if (character === "\u001b") this.#state = "escape";
    else if (character >= " " && character <= "/") this.#state = "intermediate";
    else this.#state = "ground";
  }

  #beginCsi(): void {
    this.#state = "csi";
    this.#parameters = "";
  }

  #inCsi(character: string, timeMs: number, onLine: OnLine): void {
    if (character === "\u001b") {
      this.#state = "escape";
      return;
    }
    if (character >= "@" && character <= "~") {
      this.#state = "ground";
      this.#moveOrErase(character, timeMs, onLine);
      return;
    }
    if (this.#parameters.length < LONGEST_PARAMETERS) this.#parameters += character;
  }

  /** The few sequences that change what a reader sees of a line. */
  #moveOrErase(final: string, timeMs: number, onLine: OnLine): void {
    const parameters = this.#parameters;
    const first = Number.parseInt(parameters, 10) || 0;
    if (final === "K" && (parameters === "2" || (first === 0 && this.#overwrite))) {
      this.#visible = "";
    } else if (final === "G" && first <= 1) {
      this.#overwrite = true;
    } else if (final === "C") {
      this.#print(" ".repeat(Math.min(Math.max(first, 1), MOST_SPACES)), timeMs, onLine);
    } else if ("HfE".includes(final) && /^[\d;]*$/.test(parameters) && this.#visible !== "") {
      // A full-screen program goes to another line without ending this one.
      this.#endLine(timeMs, onLine);
    }
  }
}

function withoutLastCharacter(text: string): string {
  return text.slice(0, /[\ud800-\udbff][\udc00-\udfff]$/.test(text) ? -2 : -1);
}
