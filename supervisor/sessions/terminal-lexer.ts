/**
 * Finds whole characters and escape sequences in a terminal's output, so that a screen is only ever fed those and what
 * is not complete yet can be handed on. It follows the states of the emulator's own parser: whenever this one is in
 * `ground`, so is that one. Where the two could differ (text that no terminal prints, inside a broken string), this one
 * holds back for longer.
 */

const NOTHING = Buffer.alloc(0);
/** Longer than any sequence that changes what is seen; an image or a clipboard may be endless. */
const MAX_HELD_BYTES = 64 << 10;

const State = { ground: 0, escape: 1, escapeIntermediate: 2, csi: 3, osc: 4, string: 5 } as const;
type State = (typeof State)[keyof typeof State];

const BELL = 0x07;
const CANCEL = 0x18;
const SUBSTITUTE = 0x1a;
const ESCAPE = 0x1b;
/** First byte of the 8-bit controls U+0080 to U+009F (and of some letters) in UTF-8. */
const CONTROL_LEAD = 0xc2;

export class TerminalLexer {
  #held: Buffer = NOTHING;
  #state: State = State.ground;
  /** Bytes that the character which has begun still lacks. */
  #missing = 0;
  #lead = 0;

  /** The beginning of a character or sequence that has not ended. Of a very long one the middle is left out. */
  get held(): Uint8Array {
    return this.#held;
  }

  /** What was held, and what came, up to the end of the last whole character or sequence. */
  push(bytes: Uint8Array): Uint8Array {
    const cut = this.#advance(bytes);
    const rest = bytes.subarray(cut);
    if (cut === 0) {
      this.#hold(this.#held.length === 0 ? Buffer.from(rest) : Buffer.concat([this.#held, rest]));
      return NOTHING;
    }
    const whole = bytes.subarray(0, cut);
    const complete = this.#held.length === 0 ? whole : Buffer.concat([this.#held, whole]);
    this.#hold(rest.length === 0 ? NOTHING : Buffer.from(rest));
    return complete;
  }

  /** Something is missing in the stream: what was begun never ends. */
  reset(): void {
    this.#held = NOTHING;
    this.#state = State.ground;
    this.#missing = 0;
  }

  #hold(held: Buffer): void {
    if (held.length <= MAX_HELD_BYTES) {
      this.#held = held;
      return;
    }
    // The end of a string may have begun: without its first byte the second would be text of the string.
    const end = this.#state === State.escape ? Buffer.from([ESCAPE]) : NOTHING;
    this.#held = Buffer.concat([held.subarray(0, MAX_HELD_BYTES), end]);
  }

  /** Where the last whole character or sequence ends. */
  #advance(bytes: Uint8Array): number {
    let cut = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte < 0x80) {
        this.#missing = 0;
        if (this.#state !== State.ground || byte === ESCAPE) this.#state = after(this.#state, byte);
      } else if (this.#missing > 0 && byte < 0xc0) {
        this.#missing -= 1;
        if (this.#missing === 0) this.#state = this.#afterCharacter(byte);
      } else {
        this.#lead = byte;
        this.#missing = continuationBytes(byte);
      }
      if (this.#state === State.ground && this.#missing === 0) cut = at + 1;
    }
    return cut;
  }

  #afterCharacter(lastByte: number): State {
    if (this.#lead === CONTROL_LEAD && lastByte <= 0x9f) return afterControl(lastByte);
    const isEscape = this.#state === State.escape || this.#state === State.escapeIntermediate;
    return isEscape ? State.ground : this.#state;
  }
}

function continuationBytes(lead: number): number {
  if (lead >= 0xf8) return 0;
  if (lead >= 0xf0) return 3;
  if (lead >= 0xe0) return 2;
  return lead >= 0xc0 ? 1 : 0;
}

function after(state: State, byte: number): State {
  if (byte === ESCAPE) return State.escape;
  if (byte === CANCEL || byte === SUBSTITUTE) return State.ground;
  switch (state) {
    case State.ground:
      return state;
    case State.escape:
      return afterEscape(byte);
    case State.escapeIntermediate:
      return byte >= 0x30 && byte <= 0x7e ? State.ground : state;
    case State.csi:
      return byte >= 0x40 && byte <= 0x7e ? State.ground : state;
    case State.osc:
      return byte === BELL ? State.ground : state;
    case State.string:
      return state;
  }
}

function afterEscape(byte: number): State {
  switch (byte) {
    case 0x5b: // [
      return State.csi;
    case 0x5d: // ]
      return State.osc;
    case 0x50: // P, X, ^ and _: strings that only their terminator ends
    case 0x58:
    case 0x5e:
    case 0x5f:
      return State.string;
    default:
      if (byte < 0x20 || byte === 0x7f) return State.escape;
      return byte <= 0x2f ? State.escapeIntermediate : State.ground;
  }
}

/** The 8-bit forms of the above. */
function afterControl(control: number): State {
  switch (control) {
    case 0x9b:
      return State.csi;
    case 0x9d:
      return State.osc;
    case 0x90:
    case 0x98:
    case 0x9e:
    case 0x9f:
      return State.string;
    default:
      return State.ground;
  }
}
