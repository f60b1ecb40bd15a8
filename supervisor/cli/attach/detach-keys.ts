/**
 * Finds the keys that detach in what is typed, as bytes or in the sequences of the newer keyboard protocols, which many
 * programs switch on. Keys that may be the beginning are held until the next one says what they were. Pure.
 */
import type { DetachKey } from "../../../schemas/detach-keys.ts";
import type { TypedPart } from "./typed-input.ts";

/** Ctrl makes of a character its code without its upper bits. */
const CONTROL_BITS = 0x1f;
/** Modifiers as terminals send them, less one. */
const SHIFT = 1;
const CONTROL = 4;
/** Caps Lock and Num Lock: they are on or off, and no part of a key. */
const LOCKS = 64 | 128;
const RELEASED = "3";
/** The keyboard protocol of kitty and others: code, modifiers, press or release. */
const PROTOCOL_KEY = /^\x1b\[(\d+)(?::[\d:]*)?(?:;(\d*)(?::(\d))?(?:;[\d:]*)?)?u$/;
/** xterm's, when it is asked to tell modified keys apart. */
const XTERM_KEY = /^\x1b\[27;(\d+);(\d+)~$/;
/** A sequence with all that the protocol can tell of one key; what is longer is text. */
const LONGEST_KEY_BYTES = 64;
/** Shift, Ctrl and their kind as keys of their own. */
const FIRST_MODIFIER_KEY = 57_441;
const LAST_MODIFIER_KEY = 57_454;

export interface Typed {
  /** To pass on to the session. */
  readonly bytes: Buffer;
  readonly detach: boolean;
}

export class DetachKeys {
  readonly #keys: readonly DetachKey[];
  /** The byte that begins them, when it is sent as a byte. */
  readonly #firstByte: number;
  /** Keys that are the beginning so far, and what came between them and is no key press. */
  #held: Buffer[] = [];

  /** One key at least. */
  constructor(keys: readonly DetachKey[]) {
    this.#keys = keys;
    this.#firstByte = keys[0] === undefined ? -1 : byteOf(keys[0]);
  }

  read(part: TypedPart): Typed {
    const passed: Buffer[] = [];
    for (const key of this.#keysOf(part)) {
      this.#held.push(key);
      this.#release(passed);
      if (this.#matched() === this.#keys.length) {
        this.#held = [];
        return { bytes: Buffer.concat(passed), detach: true };
      }
    }
    return { bytes: Buffer.concat(passed), detach: false };
  }

  /** Key by key from the first that may be one of them on; what stands before it is one piece. */
  *#keysOf({ kind, bytes }: TypedPart): Generator<Buffer> {
    if (kind !== "text") {
      yield bytes;
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const next = bytes.indexOf(this.#firstByte, at);
      const end = this.#held.length > 0 || next === at ? at + 1 : next < 0 ? bytes.length : next;
      yield bytes.subarray(at, end);
      at = end;
    }
  }

  /** Passes on from the front whatever is not the beginning of the keys. */
  #release(passed: Buffer[]): void {
    while (this.#held.length > 0 && this.#matched() === 0) {
      const first = this.#held.shift();
      if (first !== undefined) passed.push(first);
    }
  }

  /** How many of the keys stand in what is held; 0 when it is not their beginning. */
  #matched(): number {
    let count = 0;
    for (const bytes of this.#held) {
      const key = this.#keys[count];
      if (key !== undefined && isKey(bytes, key)) count += 1;
      else if (count === 0 || !isNoPress(bytes)) return 0;
    }
    return count;
  }
}

function byteOf({ code, control }: DetachKey): number {
  return control ? code & CONTROL_BITS : code;
}

function isKey(bytes: Buffer, key: DetachKey): boolean {
  if (bytes.length === 1) return bytes[0] === byteOf(key);
  if (bytes.length > LONGEST_KEY_BYTES) return false;
  const sequence = bytes.toString("latin1");
  const told = PROTOCOL_KEY.exec(sequence);
  if (told !== null) {
    return told[3] !== RELEASED && Number(told[1]) === key.code && modifiersOf(told[2]) === (key.control ? CONTROL : 0);
  }
  const modified = XTERM_KEY.exec(sequence);
  if (modified === null || Number(modified[2]) !== key.code) return false;
  // Its code is that of the shifted key already.
  return (modifiersOf(modified[1]) & ~SHIFT) === (key.control ? CONTROL : 0);
}

function modifiersOf(text: string | undefined): number {
  return (Number(text === undefined || text === "" ? 1 : text) - 1) & ~LOCKS;
}

/** A key that is let go, or a modifier by itself, comes between any two keys. */
function isNoPress(bytes: Buffer): boolean {
  if (bytes.length > LONGEST_KEY_BYTES) return false;
  const told = PROTOCOL_KEY.exec(bytes.toString("latin1"));
  if (told === null) return false;
  const code = Number(told[1]);
  return told[3] === RELEASED || (code >= FIRST_MODIFIER_KEY && code <= LAST_MODIFIER_KEY);
}
