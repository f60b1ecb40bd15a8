/** One client's connection as the handlers have it. */
import type { NotificationParams, SupervisorNotification } from "../../schemas/client-protocol.ts";
import type { ClientConnection, Subscription } from "./handler.ts";
import type { SocketMessageWriter } from "./transport/message-writer.ts";

/** `overmind logs` of every session of a large hive, twice; each holds a reader of files. */
const MAX_SUBSCRIPTIONS = 1024;

export class SocketConnection implements ClientConnection {
  readonly #writer: SocketMessageWriter;
  readonly #subscriptions = new Map<number, Subscription>();
  #lastSubscription = 0;
  #closed = false;
  /** The client takes output as raw bytes: it said so in its hello. */
  rawOutput = false;

  constructor(writer: SocketMessageWriter) {
    this.#writer = writer;
  }

  notify<N extends SupervisorNotification>(method: N, params: NotificationParams<N>): void {
    void this.#writer.write({ jsonrpc: "2.0", method, params } as Parameters<SocketMessageWriter["write"]>[0]);
  }

  sendOutput(subscription: number, attempt: number, offset: number, bytes: Uint8Array): void {
    if (this.rawOutput) {
      this.#writer.writeOutput(subscription, attempt, offset, bytes);
      return;
    }
    const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
    this.notify("log/data", { subscription, attempt, offset, bytes: base64 });
  }

  get saturated(): boolean {
    return this.#writer.saturated;
  }

  drained(): Promise<void> {
    if (this.#closed || !this.saturated) return Promise.resolve();
    return new Promise((resolve) => this.#writer.onceDrained(resolve));
  }

  hold(subscription: Subscription): number | undefined {
    if (this.#closed || this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      subscription.dispose();
      return undefined;
    }
    this.#lastSubscription += 1;
    this.#subscriptions.set(this.#lastSubscription, subscription);
    return this.#lastSubscription;
  }

  held(subscription: number): Subscription | undefined {
    return this.#subscriptions.get(subscription);
  }

  release(subscription: number): void {
    const held = this.#subscriptions.get(subscription);
    this.#subscriptions.delete(subscription);
    held?.dispose();
  }

  /** The client is gone: so is everything that was held for it. */
  close(): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions.values()) subscription.dispose();
    this.#subscriptions.clear();
  }
}
