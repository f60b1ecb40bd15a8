/**
 * One connection to the host's socket: frames in, frames out. Whatever comes, it harms this connection alone. What is
 * sent within one turn of the event loop leaves in one system call.
 */
import type { Socket } from "node:net";
import { encodeFrame, encodeFrameOfJson, FrameError, FrameReader } from "../../schemas/frame.ts";
import type { HostMessage } from "../../schemas/host-protocol.ts";
import { describeError, report } from "./report.ts";

/** Whoever connects says hello within this time. */
const HELLO_TIMEOUT_MS = 5_000;
/** A controller that takes nothing of what it is told (replies, exits, notices) is gone for all that we can tell. */
const MAX_STUCK_BYTES = 16 << 20;

export class Connection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #helloTimer: NodeJS.Timeout;
  #isCorked = false;

  constructor(socket: Socket, onFrame: (message: unknown, bytes: Buffer) => void, onClose: () => void) {
    this.#socket = socket;
    this.#helloTimer = setTimeout(() => socket.destroy(), HELLO_TIMEOUT_MS);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk, onFrame));
    socket.on("error", () => {
      // The other end has gone: `close` follows, and nothing that we hold depends on it.
    });
    socket.on("close", () => {
      clearTimeout(this.#helloTimer);
      onClose();
    });
  }

  /** Accepted, but not yet taken by the socket. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** It has said hello. */
  accept(): void {
    clearTimeout(this.#helloTimer);
  }

  send(message: HostMessage): void {
    this.#write(encodeFrame(message));
    if (this.unsentBytes > MAX_STUCK_BYTES) this.close();
  }

  /** `onSent` is called when nobody reads `bytes` any more. */
  sendJson(json: string, bytes: Buffer, onSent?: () => void): void {
    this.#write(encodeFrameOfJson(json, [bytes]), onSent);
  }

  /** Sends what has been accepted, then closes. */
  end(): void {
    this.#socket.end(() => this.#socket.destroy());
  }

  close(): void {
    this.#socket.destroy();
  }

  #write(parts: readonly Buffer[], onSent?: () => void): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    const last = parts.length - 1;
    for (const [index, part] of parts.entries()) this.#socket.write(part, index === last ? onSent : undefined);
  }

  #receive(chunk: Buffer, onFrame: (message: unknown, bytes: Buffer) => void): void {
    try {
      for (const { message, bytes } of this.#reader.push(chunk)) {
        if (this.#socket.destroyed || this.#socket.writableEnded) return;
        onFrame(message, bytes);
      }
    } catch (error) {
      if (!(error instanceof FrameError)) report(`a message was not understood: ${describeError(error)}`);
      this.close();
    }
  }
}
