/** A client that can say anything: bytes as they are, and the protocol by hand. It reads what it is sent, in order. */
import { connect, type Socket } from "node:net";
import { OUTPUT_CONTENT_TYPE, PROTOCOL_OLDEST, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";

export interface Answer {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: { readonly code: string; readonly hint?: string };
  };
  /** Of an output message: its body. */
  readonly raw?: Buffer;
}

export const HELLO = {
  protocol: PROTOCOL_VERSION,
  oldest: PROTOCOL_OLDEST,
  client: { name: "wire", version: "0" },
};

export function frame(message: unknown): Buffer {
  const body = Buffer.from(typeof message === "string" ? message : JSON.stringify(message));
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`), body]);
}

export class WireClient {
  readonly socket: Socket;
  /** All that has come and was not taken by `next`. */
  readonly inbox: Answer[] = [];
  readonly closed: Promise<void>;
  #bytes = Buffer.alloc(0);
  #isClosed = false;
  #lastId = 0;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => {}); // A server that closes in the middle of a write: `closed` tells.
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  static connect(endpoint: string): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(endpoint, () => {
        socket.off("error", reject);
        resolve(new WireClient(socket));
      });
      socket.once("error", reject);
    });
  }

  /** Connects and says hello. */
  static async greeted(endpoint: string, hello: Record<string, unknown> = {}): Promise<WireClient> {
    const client = await WireClient.connect(endpoint);
    const answer = await client.request("hello", { ...HELLO, ...hello });
    if (answer.error !== undefined) throw new Error(answer.error.message);
    return client;
  }

  write(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  send(message: unknown): void {
    this.write(frame(message));
  }

  notify(method: string, params: unknown): void {
    this.send({ jsonrpc: "2.0", method, params });
  }

  /** Sends a request and returns its id, without waiting. */
  ask(method: string, params: unknown = {}): number {
    this.#lastId += 1;
    this.send({ jsonrpc: "2.0", id: this.#lastId, method, params });
    return this.#lastId;
  }

  async request(method: string, params: unknown = {}): Promise<Answer> {
    const id = this.ask(method, params);
    return this.next((answer) => answer.id === id && answer.method === undefined);
  }

  async must(method: string, params: unknown = {}): Promise<Record<string, unknown>> {
    const answer = await this.request(method, params);
    if (answer.result === undefined) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  /** Takes the first that fits, now or when it comes. Rejects when the connection closes before. */
  async next(fits: (answer: Answer) => boolean = () => true): Promise<Answer> {
    for (;;) {
      const at = this.inbox.findIndex(fits);
      if (at >= 0) return this.inbox.splice(at, 1)[0] as Answer;
      if (this.#isClosed) throw new Error("the connection was closed");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  #read(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) break;
      const headers = this.#bytes.toString("latin1", 0, end);
      const length = Number(/^Content-Length: (\d+)$/im.exec(headers)?.[1]);
      if (!Number.isSafeInteger(length)) throw new Error(`the server sent ${headers}`);
      if (this.#bytes.length < end + 4 + length) break;
      const body = this.#bytes.subarray(end + 4, end + 4 + length);
      this.#bytes = this.#bytes.subarray(end + 4 + length);
      this.inbox.push(
        headers.includes(OUTPUT_CONTENT_TYPE)
          ? { raw: Buffer.from(body) }
          : (JSON.parse(body.toString("utf8")) as Answer),
      );
    }
    this.#wake();
  }
}
