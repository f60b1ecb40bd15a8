/**
 * Takes a program's queries to its terminal out of output that is shown again: they were answered when it was written,
 * and a second answer would be typed into the program. Keeps its state over the borders of chunks. Pure.
 */

/** Queries are short; what is longer shows something and goes through as it comes. */
const LONGEST_QUERY = 4096;
const INTERESTING = /[\x05\x1b]/g;
const WHOLE = /\x05|\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^X][^\x07\x18\x1a\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-OQ-WYZ\\`-~])/y;
const BEGUN = /\x1b(?:\[[0-?]*[ -/]*|[\]P_^X][^\x07\x18\x1a\x1b]*\x1b?|[ -/]*)$/y;

/** What a terminal answers, by the specifications of xterm and kitty. */
const QUERIES: readonly RegExp[] = [
  // Who it is: the answerback, device attributes in each of their kinds, its name and version.
  /^\x05$/,
  /^\x1bZ$/,
  /^\x1b\[[>=]?[\d;]*c$/,
  /^\x1b\[>[\d;]*q$/,
  // Its status, where the cursor is; the checksum of an area; the parameters of the line.
  /^\x1b\[\??[\d;]*n$/,
  /^\x1b\[[\d;]*\*y$/,
  /^\x1b\[[\d;]*x$/,
  // Modes, the states of cursor and tabs, settings, capabilities.
  /^\x1b\[\??[\d;]*\$p$/,
  /^\x1b\[[\d;]*\$[uw]$/,
  /^\x1b\[&u$/,
  /^\x1bP[\d;]*[$+]q/,
  // The window's state, size and titles.
  /^\x1b\[(?:1[1345689]|2[01])(?:;[\d;]*)?t$/,
  // Keyboards and graphics.
  /^\x1b\[\?\d*u$/,
  /^\x1b\[\?[\d;]*m$/,
  /^\x1b\[\?[\d;]*S$/,
  /^\x1b_G[^;]*\ba=q\b/,
  // Colours, the font, the clipboard.
  /^\x1b\](?:[45]|1\d|2[12]|50|52|60|61)(?:;.*)?[;=]\?/,
];
const CURSOR_QUERY = /\x1b\[\??6n/g;
/** Of a cursor's query: so much is kept to find one that two chunks share. */
const CURSOR_QUERY_TAIL = 4;

export class QueryFilter {
  #held = "";
  #tail = "";
  #cursorReports = 0;

  /** What is left of output whose queries have been answered. What may be the beginning of one is held. */
  strip(bytes: Uint8Array): Uint8Array {
    const text = this.#held + latin1(bytes);
    if (this.#held === "" && indexOfNext(text, 0) === text.length) return bytes;
    this.#held = "";
    let kept = "";
    for (let at = 0; at < text.length; ) {
      const next = indexOfNext(text, at);
      kept += text.slice(at, next);
      if (next === text.length) break;
      WHOLE.lastIndex = next;
      BEGUN.lastIndex = next;
      const whole = WHOLE.exec(text)?.[0];
      if (whole !== undefined) {
        if (!isQuery(whole)) kept += whole;
        at = next + whole.length;
      } else if (BEGUN.test(text) && text.length - next <= LONGEST_QUERY) {
        this.#held = text.slice(next);
        at = text.length;
      } else {
        kept += text.slice(next, next + 1);
        at = next + 1;
      }
    }
    return Buffer.from(kept, "latin1");
  }

  /** Output as it is, whose queries the terminal shall answer; what is held belongs before it. */
  pass(bytes: Uint8Array): Uint8Array {
    const all = this.#held === "" ? bytes : Buffer.concat([Buffer.from(this.#held, "latin1"), bytes]);
    this.#held = "";
    const text = this.#tail + latin1(all);
    let end = 0;
    for (const match of text.matchAll(CURSOR_QUERY)) {
      this.#cursorReports += 1;
      end = match.index + match[0].length;
    }
    this.#tail = text.slice(Math.max(end, text.length - CURSOR_QUERY_TAIL));
    return all;
  }

  /** True once for each query of the cursor's place that has been passed on. */
  takeCursorReport(): boolean {
    if (this.#cursorReports === 0) return false;
    this.#cursorReports -= 1;
    return true;
  }
}

/** Where something that may be a query begins; the text's length when nothing does. */
function indexOfNext(text: string, from: number): number {
  INTERESTING.lastIndex = from;
  return INTERESTING.exec(text)?.index ?? text.length;
}

function isQuery(sequence: string): boolean {
  return QUERIES.some((query) => query.test(sequence));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
