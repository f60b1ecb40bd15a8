/** What a client is sent: JSON-RPC messages, and output as raw bytes (see schemas/client-protocol.ts). */
import type { Socket } from "node:net";
import { AbstractMessageWriter, type Message, type MessageWriter, type ResponseMessage } from "vscode-jsonrpc/node";
import { OUTPUT_CONTENT_TYPE, OUTPUT_PREFIX_BYTES } from "../../../schemas/protocol-version.ts";
import type { Log } from "../../ports/clock.ts";
import type { Disposable } from "../../ports/hive.ts";

/** From here on a client is behind: whatever can wait or be read again later is not sent until it has read what it has. */
const SATURATED_BYTES = 4 << 20;
/** A client that leaves so much unread (replies, which cannot be taken back) does not read: it is let go. */
const MAX_UNREAD_BYTES = 16 << 20;

export class SocketMessageWriter extends AbstractMessageWriter implements MessageWriter {
  readonly #socket: Socket;
  readonly #log: Log;
  readonly #drained = new Set<() => void>();
  #ended = false;
  /** Hears of each response, after it has been written. */
  onResponse: (id: number | string) => void = () => {};

  constructor(socket: Socket, log: Log) {
    super();
    this.#socket = socket;
    this.#log = log;
    socket.on("drain", () => this.#tellDrained());
    socket.on("close", () => this.#tellDrained());
  }

  /** True while the client has much to read: it is heard when `onceDrained` calls, not before. */
  get saturated(): boolean {
    return this.#socket.writableLength >= SATURATED_BYTES;
  }

  /** Calls once all that was sent is read, or the connection is gone. */
  onceDrained(run: () => void): Disposable {
    this.#drained.add(run);
    return { dispose: () => void this.#drained.delete(run) };
  }

  /** Never rejects: whoever writes to a client that has gone away has nothing to mend. */
  write(message: Message): Promise<void> {
    this.#sendMessage(message);
    const { id, method } = message as ResponseMessage & { readonly method?: string };
    if (method === undefined && id !== null && id !== undefined) this.onResponse(id);
    return Promise.resolve();
  }

  /** Says that something was no request that could be passed on. `id` is null when it is not known. */
  refuse(id: number | string | null, code: number, why: string): void {
    this.#sendMessage({ jsonrpc: "2.0", id, error: { code, message: `not served: ${why}` } });
  }

  /** `bytes` are written as they are and must not be changed afterwards. */
  writeOutput(subscription: number, attempt: number, offset: number, bytes: Uint8Array): void {
    const headers = `Content-Length: ${OUTPUT_PREFIX_BYTES + bytes.length}\r\nContent-Type: ${OUTPUT_CONTENT_TYPE}\r\n\r\n`;
    const head = Buffer.allocUnsafe(headers.length + OUTPUT_PREFIX_BYTES);
    head.write(headers, 0, "latin1");
    head.writeUInt32LE(subscription, headers.length);
    head.writeUInt32LE(attempt, headers.length + 4);
    head.writeDoubleLE(offset, headers.length + 8);
    this.#socket.cork();
    this.#send(head);
    this.#send(bytes);
    this.#socket.uncork();
  }

  /** Nothing is written any more; what has been still goes out, and then the connection is closed. */
  end(): void {
    this.#ended = true;
    this.#socket.destroySoon();
  }

  override dispose(): void {
    this.#ended = true;
    super.dispose();
  }

  #sendMessage(message: unknown): void {
    const body = JSON.stringify(message);
    this.#send(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  }

  #send(data: string | Uint8Array): void {
    if (this.#ended || this.#socket.destroyed) return;
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) {
      this.#ended = true;
      this.#log.warn("a client does not read what it asked for: its connection is closed", {
        unreadBytes: this.#socket.writableLength,
      });
      this.#socket.destroy();
      return;
    }
    this.#socket.write(data);
  }

  #tellDrained(): void {
    const waiting = [...this.#drained];
    this.#drained.clear();
    for (const run of waiting) run();
  }
}
