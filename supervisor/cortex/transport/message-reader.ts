/**
 * What a client asks, one parsed message after the other. Whatever is no message is answered here (or its connection
 * closed), so that dispatch and vscode-jsonrpc see well-formed requests alone. It reads no faster than it is served.
 */
import type { Socket } from "node:net";
import {
  AbstractMessageReader,
  type DataCallback,
  ErrorCodes,
  type Message,
  type MessageReader,
} from "vscode-jsonrpc/node";
import type { Log } from "../../ports/clock.ts";
import { MessageCutter, UnreadableError } from "./message-cutter.ts";
import type { SocketMessageWriter } from "./message-writer.ts";
import { CANCELLATION, parseMessage } from "./parse-message.ts";

/**
 * Messages parsed and not yet begun: one is begun in each turn of the event loop, so a few keep it busy. They are begun
 * together when a client that had not read its answers has, so their answers must fit into what one may leave unread.
 */
const MAX_WAITING = 4;
/** Requests begun and not yet answered. A client waits for as many sessions at once as it likes; no honest one for more. */
const MAX_UNDER_WAY = 4096;

export class SocketMessageReader extends AbstractMessageReader implements MessageReader {
  readonly #socket: Socket;
  readonly #writer: SocketMessageWriter;
  readonly #log: Log;
  readonly #cutter = new MessageCutter();
  /** Requests that have no response yet, by their id as text: vscode-jsonrpc would take 1 and "1" for the same. */
  readonly #underWay = new Map<string, "asked" | "cancelled">();
  #deliver: DataCallback = () => {};
  #waiting = 0;
  #awaitsDrain = false;
  #ended = false;

  constructor(socket: Socket, writer: SocketMessageWriter, log: Log) {
    super();
    this.#socket = socket;
    this.#writer = writer;
    this.#log = log;
  }

  listen(deliver: DataCallback): { dispose(): void } {
    this.#deliver = deliver;
    this.#socket.on("data", (chunk: Buffer) => {
      if (this.#ended) return;
      this.#cutter.push(chunk);
      this.#readOn();
    });
    this.#socket.on("close", () => this.fireClose());
    return { dispose: () => this.end() };
  }

  /** One of the messages that were delivered is being served. */
  begun(message: Message): void {
    if (isCancellation(message)) return;
    this.#waiting -= 1;
    if (this.#socket.isPaused()) this.#readOn();
  }

  /** A request has its response: its id may be used again. */
  answered(id: number | string): void {
    this.#underWay.delete(String(id));
  }

  /** What still comes is not read. */
  end(): void {
    this.#ended = true;
  }

  #readOn(): void {
    while (!this.#ended) {
      if (this.#waiting >= MAX_WAITING) {
        this.#socket.pause();
        return;
      }
      if (this.#writer.saturated) {
        // Whoever does not read answers is asked for no more questions.
        this.#socket.pause();
        this.#readOnWhenDrained();
        return;
      }
      const body = this.#nextBody();
      if (body === undefined) break;
      this.#receive(body);
    }
    this.#socket.resume();
  }

  #readOnWhenDrained(): void {
    if (this.#awaitsDrain) return;
    this.#awaitsDrain = true;
    this.#writer.onceDrained(() => {
      this.#awaitsDrain = false;
      this.#readOn();
    });
  }

  #nextBody(): Buffer | undefined {
    try {
      return this.#cutter.next();
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      this.#log.warn("a client sent what is no message: its connection is closed", { why: error.message });
      this.end();
      this.#writer.refuse(null, ErrorCodes.InvalidRequest, error.message);
      this.#writer.end();
      return undefined;
    }
  }

  #receive(body: Buffer): void {
    const parsed = parseMessage(body);
    switch (parsed.kind) {
      case "ignored":
        return;
      case "refused":
        this.#writer.refuse(parsed.id, parsed.code, parsed.why);
        return;
      case "cancellation":
        this.#cancel(String(parsed.id), parsed.message);
        return;
      case "request":
        if (!this.#admit(parsed.id)) return;
        break;
      case "notification":
        break;
    }
    this.#waiting += 1;
    this.#deliver(parsed.message);
  }

  #admit(id: number | string): boolean {
    if (this.#underWay.has(String(id))) {
      // Answered under its id, this would answer the first request.
      this.#writer.refuse(null, ErrorCodes.InvalidRequest, "a request with this id is still under way");
      return false;
    }
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      this.#writer.refuse(id, ErrorCodes.InvalidRequest, `more than ${MAX_UNDER_WAY} requests are under way`);
      return false;
    }
    this.#underWay.set(String(id), "asked");
    return true;
  }

  /** Passed on once for each request: the library remembers the others, without a bound. */
  #cancel(id: string, message: Message): void {
    if (this.#underWay.get(id) !== "asked") return;
    this.#underWay.set(id, "cancelled");
    this.#deliver(message);
  }
}

function isCancellation(message: Message): boolean {
  return (message as { readonly method?: string }).method === CANCELLATION;
}
