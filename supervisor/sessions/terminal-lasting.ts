/**
 * What of skipped output is still in force behind it: modes, margins, character sets, the title. Found without knowing
 * what is on the screen, at many times the speed of an emulator.
 */

/** A sequence that was cut by the end of a record is looked at again with the next one; longer ones are titles at most. */
const LONGEST_CUT_BYTES = 256;
const ESCAPE = 0x1b;

/** Private modes, margins, soft and full reset, keypad, character sets, title. */
const LASTING =
  /\x1b(?:\[\?([\d;]+)([hl])|\[[\d;]*(r)|\[!(p)|(c)|([=>])|([()])[0-9A-Za-z]|\]([02]);[^\x07\x1b]*(?:\x07|\x1b\\))/g;

export class LastingModes {
  /** By what each is about, in the order in which they came last. */
  readonly #found = new Map<string, string>();
  #cut: Buffer = Buffer.alloc(0);

  look(bytes: Uint8Array): void {
    const joined = this.#cut.length === 0 ? asBuffer(bytes) : Buffer.concat([this.#cut, bytes]);
    for (const match of joined.toString("latin1").matchAll(LASTING)) this.#note(match);
    const last = joined.lastIndexOf(ESCAPE);
    this.#cut =
      last >= 0 && joined.length - last <= LONGEST_CUT_BYTES ? Buffer.from(joined.subarray(last)) : Buffer.alloc(0);
  }

  /** To be written to the emulator that has missed it. */
  get sequences(): Uint8Array {
    return Buffer.from([...this.#found.values()].join(""), "latin1");
  }

  #note(match: RegExpExecArray): void {
    const [sequence, modes, set = "", margins, soft, full, keypad, charset, title] = match;
    if (modes !== undefined) {
      for (const mode of modes.split(";")) this.#set(`?${mode}`, `\x1b[?${mode}${set}`);
      return;
    }
    if (full !== undefined) this.#found.clear();
    const about = margins ?? soft ?? full ?? (keypad === undefined ? undefined : "=") ?? charset ?? title ?? "";
    this.#set(about, sequence);
  }

  #set(about: string, sequence: string): void {
    this.#found.delete(about);
    this.#found.set(about, sequence);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
