/** Finds Ctrl-P Ctrl-Q in what is typed. A lone Ctrl-P is held until the next key says what it was. Pure. */

const CTRL_P = 0x10;
const CTRL_Q = 0x11;

export interface Typed {
  /** To pass on to the session. */
  readonly bytes: Buffer;
  readonly detach: boolean;
}

export class DetachKeys {
  #isHolding = false;

  read(typed: Buffer): Typed {
    const held = this.#isHolding ? Buffer.concat([Buffer.from([CTRL_P]), typed]) : typed;
    this.#isHolding = false;
    for (let at = held.indexOf(CTRL_P); at >= 0; at = held.indexOf(CTRL_P, at + 1)) {
      if (held[at + 1] === CTRL_Q) return { bytes: held.subarray(0, at), detach: true };
      if (at + 1 < held.length) continue;
      this.#isHolding = true;
      return { bytes: held.subarray(0, at), detach: false };
    }
    return { bytes: held, detach: false };
  }
}
