/**
 * Frames between programs of ours (supervisor and process host, Cortex and Hive): a JSON message with optional raw
 * bytes behind it, so that terminal output is never turned into text on its way.
 *
 *   0  uint32  length of all that follows (big endian), at most MAX_FRAME_BYTES
 *   4  uint32  length of the JSON part
 *   8  JSON (UTF-8), then the raw bytes
 */

/** Larger than any batch of output (256 KiB) or message we send; a longer frame is a fault of the sender. */
export const MAX_FRAME_BYTES = 8 << 20;
const PREFIX_BYTES = 8;

export interface Frame {
  readonly message: unknown;
  /** Empty when the frame carries none. A view into the received chunk: copy it to keep it. */
  readonly bytes: Buffer;
}

/** Encodes a frame as a list of buffers, for one writev: `bytes` are not copied. */
export function encodeFrame(message: unknown, bytes: readonly Buffer[] = []): Buffer[] {
  return encodeFrameOfJson(JSON.stringify(message), bytes);
}

/** The same from a message that is JSON already: the bytes' path puts its few changing digits into a ready text. */
export function encodeFrameOfJson(text: string, bytes: readonly Buffer[] = []): Buffer[] {
  const jsonLength = Buffer.byteLength(text);
  let length = 4 + jsonLength;
  for (const part of bytes) length += part.length;
  if (length > MAX_FRAME_BYTES) throw new RangeError(`frame of ${length} bytes exceeds ${MAX_FRAME_BYTES}`);
  const head = Buffer.allocUnsafe(PREFIX_BYTES + jsonLength);
  head.writeUInt32BE(length, 0);
  head.writeUInt32BE(jsonLength, 4);
  head.write(text, PREFIX_BYTES);
  return [head, ...bytes];
}

export class FrameError extends Error {}

/** Cuts a byte stream into frames. Throws FrameError on bytes that can be no frame: the caller closes the connection. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;

  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    const frames: Frame[] = [];
    while (this.#length >= PREFIX_BYTES) {
      const prefix = this.#peek(PREFIX_BYTES);
      const length = prefix.readUInt32BE(0);
      const jsonLength = prefix.readUInt32BE(4);
      if (length < 4 || length > MAX_FRAME_BYTES || jsonLength > length - 4) {
        throw new FrameError(`not a frame: length ${length}, JSON part ${jsonLength}`);
      }
      if (this.#length < 4 + length) break;
      const whole = this.#take(4 + length);
      let message: unknown;
      try {
        message = JSON.parse(whole.toString("utf8", PREFIX_BYTES, PREFIX_BYTES + jsonLength));
      } catch (error) {
        throw new FrameError(`not a frame: its JSON part does not parse`, { cause: error });
      }
      frames.push({ message, bytes: whole.subarray(PREFIX_BYTES + jsonLength) });
    }
    return frames;
  }

  #peek(count: number): Buffer {
    const first = this.#chunks[0];
    return first !== undefined && first.length >= count ? first : this.#join(count);
  }

  /** The first `count` bytes: a view when they came in one chunk, else copied once. */
  #take(count: number): Buffer {
    const first = this.#chunks[0];
    const whole = first !== undefined && first.length >= count ? first.subarray(0, count) : this.#join(count);
    let rest = count;
    let used = 0;
    for (const chunk of this.#chunks) {
      if (chunk.length > rest) {
        this.#chunks[used] = chunk.subarray(rest);
        break;
      }
      rest -= chunk.length;
      used += 1;
      if (rest === 0) break;
    }
    this.#chunks.splice(0, used);
    this.#length -= count;
    return whole;
  }

  #join(count: number): Buffer {
    const joined = Buffer.allocUnsafe(count);
    let filled = 0;
    for (const chunk of this.#chunks) {
      filled += chunk.copy(joined, filled);
      if (filled === count) break;
    }
    return joined;
  }
}
