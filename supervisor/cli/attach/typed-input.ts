/**
 * What a terminal sends, told apart: what a person typed, what was pasted, and what the terminal itself answers to a
 * program's queries. The parts together are the bytes that came, however they were cut. Pure.
 */

export interface TypedPart {
  /**
   * `text`: keys that are their bytes. `sequence`: one key, or something like it (the mouse, focus), as an escape
   * sequence. `pasted`: it is nobody's key, whatever it holds. `reply`: the terminal's answer, or a part of it.
   */
  readonly kind: "text" | "sequence" | "pasted" | "reply";
  readonly bytes: Buffer;
}

/** An answer is the clipboard's at most; what is longer is no answer. */
const LONGEST_REPLY = 1 << 20;
const ESCAPE = "\x1b";
const PASTE_BEGINS = "\x1b[200~";
const PASTE_ENDS = "\x1b[201~";

/** A control sequence, or a string (OSC, DCS, APC, PM, SOS) with its end. */
const WHOLE = /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^X][\x20-\xff]*(?:\x07|\x1b\\))/y;
/** What may become one when more comes. */
const BEGUN = /\x1b(?:\[[0-?]*[ -/]*|[\]P_^X][\x20-\xff]*\x1b?)?$/y;

/** Strings come from terminals alone: nobody's key sends one. */
const REPLIES: readonly RegExp[] = [
  /^\x1b[\]P_^X]/,
  // Device attributes; their query has none of these marks, and shift-right of some terminals ends like them.
  /^\x1b\[[?>=][\d;]*c$/,
  // Status, the colour scheme.
  /^\x1b\[\??[\d;]+n$/,
  // The cursor's place with its page.
  /^\x1b\[\?[\d;]+R$/,
  // Whether a mode is set.
  /^\x1b\[\??[\d;]+\$y$/,
  // The keyboard protocol that is on; keys of that protocol have no question mark.
  /^\x1b\[\?\d*u$/,
  /^\x1b\[>[\d;]*m$/,
  // Sizes of the window; graphics; parameters of the line.
  /^\x1b\[[\d;]*t$/,
  /^\x1b\[\?[\d;]*S$/,
  /^\x1b\[[23];[\d;]*x$/,
];
const CURSOR_REPORT = /^\x1b\[(\d+);(\d+)R$/;
/** F3 with Shift, Alt, Ctrl or Meta looks like the report of a cursor in one of these columns of the first row. */
const FIRST_MODIFIED_COLUMN = 2;
const LAST_MODIFIED_COLUMN = 16;

export class TypedInput {
  #held = "";
  #isPasting = false;
  readonly #takesCursorReport: () => boolean;

  /** `takesCursorReport`: is an answer to where the cursor is still to come? Asked once for each that may be one. */
  constructor(takesCursorReport: () => boolean) {
    this.#takesCursorReport = takesCursorReport;
  }

  /** Something is held back that only more input can tell the meaning of: flush it when none comes. */
  get isHolding(): boolean {
    return this.#held !== "";
  }

  read(bytes: Buffer): TypedPart[] {
    const parts: TypedPart[] = [];
    this.#split(this.#held + bytes.toString("latin1"), (kind, text) => add(parts, kind, text));
    return parts;
  }

  /** What was held back, as it stands. */
  flush(): TypedPart[] {
    const parts: TypedPart[] = [];
    add(parts, this.#isPasting ? "pasted" : "text", this.#held);
    this.#held = "";
    return parts;
  }

  #split(text: string, tell: (kind: TypedPart["kind"], text: string) => void): void {
    this.#held = "";
    let at = 0;
    while (at < text.length) {
      if (this.#isPasting) {
        at = this.#paste(text, at, tell);
        continue;
      }
      const next = text.indexOf(ESCAPE, at);
      const end = next < 0 ? text.length : next;
      tell("text", text.slice(at, end));
      at = end < text.length ? this.#sequence(text, end, tell) : end;
    }
  }

  /** Returns where the text goes on. */
  #sequence(text: string, at: number, tell: (kind: TypedPart["kind"], text: string) => void): number {
    WHOLE.lastIndex = at;
    const whole = WHOLE.exec(text)?.[0];
    if (whole !== undefined) {
      this.#isPasting = whole === PASTE_BEGINS;
      tell(this.#isPasting ? "pasted" : this.#isReply(whole) ? "reply" : "sequence", whole);
      return at + whole.length;
    }
    BEGUN.lastIndex = at;
    if (BEGUN.test(text) && text.length - at <= LONGEST_REPLY) {
      this.#held = text.slice(at);
      return text.length;
    }
    tell("text", ESCAPE);
    return at + 1;
  }

  #paste(text: string, at: number, tell: (kind: TypedPart["kind"], text: string) => void): number {
    const end = text.indexOf(PASTE_ENDS, at);
    if (end >= 0) {
      this.#isPasting = false;
      tell("pasted", text.slice(at, end + PASTE_ENDS.length));
      return end + PASTE_ENDS.length;
    }
    const begun = beginOf(PASTE_ENDS, text, at);
    tell("pasted", text.slice(at, begun));
    this.#held = text.slice(begun);
    return text.length;
  }

  #isReply(sequence: string): boolean {
    if (REPLIES.some((reply) => reply.test(sequence))) return true;
    const report = CURSOR_REPORT.exec(sequence);
    if (report === null) return false;
    const isExpected = this.#takesCursorReport();
    const [row, column] = [Number(report[1]), Number(report[2])];
    return isExpected || row !== 1 || column < FIRST_MODIFIED_COLUMN || column > LAST_MODIFIED_COLUMN;
  }
}

/** Where at the end of the text a beginning of `mark` stands; its length when none does. */
function beginOf(mark: string, text: string, from: number): number {
  for (let at = Math.max(from, text.length - mark.length + 1); at < text.length; at += 1) {
    if (mark.startsWith(text.slice(at))) return at;
  }
  return text.length;
}

/** What is pasted or text goes on in the part before it; each sequence is one of its own. */
function add(parts: TypedPart[], kind: TypedPart["kind"], text: string): void {
  if (text === "") return;
  const bytes = Buffer.from(text, "latin1");
  const last = parts.at(-1);
  if (last?.kind === kind && kind !== "sequence")
    parts.splice(-1, 1, { kind, bytes: Buffer.concat([last.bytes, bytes]) });
  else parts.push({ kind, bytes });
}
