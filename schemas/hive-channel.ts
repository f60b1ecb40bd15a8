/** The two ways that Cortex and Hive are joined: within one process, and over a connection. */
import type { Duplex } from "node:stream";
import { encodeFrame, FrameReader } from "./frame.ts";
import { type CortexToHive, type HiveChannel, type HiveToCortex, NO_BYTES } from "./hive-protocol.ts";

/** Two ends in one process. Values are handed over as they are, in order, after the sender's own turn has ended. */
export function channelPair(): {
  readonly cortex: HiveChannel<CortexToHive, HiveToCortex>;
  readonly hive: HiveChannel<HiveToCortex, CortexToHive>;
} {
  const cortex = new PairEnd<CortexToHive, HiveToCortex>();
  const hive = new PairEnd<HiveToCortex, CortexToHive>();
  cortex.peer = hive;
  hive.peer = cortex;
  return { cortex, hive };
}

class PairEnd<Out, In> implements HiveChannel<Out, In> {
  peer: PairEnd<In, Out> | undefined;
  #onMessage: (message: In, bytes: Uint8Array) => void = () => {};
  #onClose: () => void = () => {};
  #closed = false;

  send(message: Out, bytes: Uint8Array = NO_BYTES): void {
    const { peer } = this;
    if (this.#closed || peer === undefined) return;
    queueMicrotask(() => peer.#deliver(message, bytes));
  }

  #deliver(message: In, bytes: Uint8Array): void {
    if (!this.#closed) this.#onMessage(message, bytes);
  }

  onMessage(listener: (message: In, bytes: Uint8Array) => void): void {
    this.#onMessage = listener;
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.peer?.close();
    this.#onClose();
  }
}

/** Over a byte stream, in frames. Bytes that are no frame close it. */
export function streamChannel<Out, In>(stream: Duplex): HiveChannel<Out, In> {
  const reader = new FrameReader();
  let onMessage: (message: In, bytes: Uint8Array) => void = () => {};
  let onClose: () => void = () => {};
  stream.on("data", (chunk: Buffer) => {
    let frames: ReturnType<FrameReader["push"]>;
    try {
      frames = reader.push(chunk);
    } catch {
      stream.destroy(); // Not our protocol: nothing that follows can be understood either.
      return;
    }
    for (const frame of frames) onMessage(frame.message as In, frame.bytes);
  });
  stream.on("error", () => stream.destroy()); // The close that follows is what is told.
  stream.on("close", () => onClose());
  return {
    send(message, bytes) {
      if (stream.destroyed) return;
      stream.cork();
      for (const part of encodeFrame(
        message,
        bytes === undefined || bytes.length === 0
          ? []
          : [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)],
      )) {
        stream.write(part);
      }
      stream.uncork();
    },
    onMessage(listener) {
      onMessage = listener;
    },
    onClose(listener) {
      onClose = listener;
    },
    close() {
      stream.end();
    },
  };
}
