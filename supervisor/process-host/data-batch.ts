/** Records on their way to the controller, gathered in a buffer that goes to the socket as it is. */

/** A flood fills this in a few milliseconds. */
export const BATCH_BYTES = 128 << 10;
/** Buffers kept for the next batch: a few floods at once. More are made and forgotten again. */
const MAX_FREE_BUFFERS = 8;

const freeBuffers: Buffer[] = [];

export class DataBatch {
  /** Stream offset of the first record. */
  readonly offset: number;
  readonly #buffer = freeBuffers.pop() ?? Buffer.allocUnsafeSlow(BATCH_BYTES);
  #used = 0;

  constructor(offset: number) {
    this.offset = offset;
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  /** False: it does not fit. */
  add(record: Buffer): boolean {
    if (record.length > BATCH_BYTES - this.#used) return false;
    this.#used += record.copy(this.#buffer, this.#used);
    return true;
  }

  /** Gives the buffer to the next batch: only when nobody reads it any more. */
  release(): void {
    if (freeBuffers.length < MAX_FREE_BUFFERS) freeBuffers.push(this.#buffer);
  }
}
