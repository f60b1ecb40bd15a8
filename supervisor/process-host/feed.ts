/**
 * What the controller is told of the streams: records while a subscription is live (host-protocol.ts says when), else
 * that a stream has grown. A controller that does not keep up loses its place, never a byte: the files have them all.
 */
import { type HostMessage, type HostSubscribed, MAX_CATCH_UP_BYTES } from "../../schemas/host-protocol.ts";
import { type StreamKey, streamId } from "../../schemas/segment.ts";
import type { Connection } from "./connection.ts";
import { BATCH_BYTES, DataBatch } from "./data-batch.ts";
import { Notices } from "./notices.ts";
import { Pulse } from "./pulse.ts";
import type { SegmentWriter } from "./segment-writer.ts";

/** Output that follows other output of the stream within this time is gathered, so that a flood makes few frames. */
const GATHER_MS = 2;
/** More than this not yet taken by the socket, and the reader is better served by the files. */
const MAX_UNSENT_BYTES = 1 << 20;

interface Subscription {
  readonly key: StreamKey;
  /** The frame's JSON up to the offset. */
  readonly jsonHead: string;
  isLive: boolean;
  nextOffset: number;
  creditBytes: number;
  batch: DataBatch | undefined;
  sentAtMs: number;
}

export class Feed {
  #controller: Connection | undefined;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #gathering = new Pulse<Subscription>(GATHER_MS, (subscription) => this.#flush(subscription));
  readonly #notices = new Notices((message) => this.tell(message));

  /** Another controller knows nothing of what its predecessor asked for. */
  setController(controller: Connection | undefined): void {
    for (const subscription of this.#subscriptions.values()) this.#end(subscription);
    this.#subscriptions.clear();
    this.#notices.reset();
    this.#controller = controller;
  }

  tell(message: HostMessage): void {
    this.#controller?.send(message);
  }

  /** `reply` is sent before the first record. `writer` is undefined when the host does not have the stream open. */
  subscribe(
    key: StreamKey,
    fromOffset: number,
    creditBytes: number,
    writer: SegmentWriter | undefined,
    reply: (value: HostSubscribed) => void,
  ): void {
    const id = streamId(key);
    this.unsubscribe(key);
    const endOffset = writer?.endOffset ?? null;
    const missing = this.#missingBytes(fromOffset, creditBytes, writer);
    reply({ endOffset, live: missing !== undefined });
    const subscription: Subscription = {
      key,
      jsonHead: `{"type":"data","key":${JSON.stringify(key)},"offset":`,
      isLive: missing !== undefined,
      nextOffset: fromOffset,
      creditBytes,
      batch: undefined,
      sentAtMs: 0,
    };
    this.#subscriptions.set(id, subscription);
    if (missing === undefined || missing.length === 0) return;
    this.#sendData(subscription, fromOffset, missing);
    subscription.nextOffset += missing.length;
    subscription.creditBytes -= missing.length;
  }

  credit(key: StreamKey, bytes: number): void {
    const subscription = this.#subscriptions.get(streamId(key));
    if (subscription !== undefined) subscription.creditBytes += bytes;
  }

  unsubscribe(key: StreamKey): void {
    const id = streamId(key);
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#end(subscription);
    this.#subscriptions.delete(id);
  }

  /** A record is on disk. It is copied: `record` is valid during the call alone. */
  onRecord(writer: SegmentWriter, offset: number, record: Buffer, timeMs: number): void {
    if (this.#controller === undefined) return;
    const subscription = this.#subscriptions.get(writer.id);
    if (subscription?.isLive === true) {
      if (this.#canSend(subscription, offset, record.length)) {
        this.#send(subscription, record, timeMs);
        return;
      }
      this.#end(subscription);
      this.#notices.forget(writer);
    }
    this.#notices.grew(writer, timeMs);
  }

  onDropped(id: string, firstOffset: number): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined || subscription.nextOffset >= firstOffset) return;
    subscription.nextOffset = firstOffset;
    this.tell({ type: "dropped", key: subscription.key, offset: firstOffset });
  }

  /** Everything gathered goes out now: what is told next comes after it. */
  flush(key: StreamKey): void {
    const subscription = this.#subscriptions.get(streamId(key));
    if (subscription !== undefined) this.#flush(subscription);
  }

  /** What lies between the subscriber and the end of the stream, or undefined when it has to read the files. */
  #missingBytes(fromOffset: number, creditBytes: number, writer: SegmentWriter | undefined): Buffer | undefined {
    if (writer === undefined || fromOffset === writer.endOffset) return Buffer.alloc(0);
    const missing = writer.endOffset - fromOffset;
    if (missing < 0 || missing > MAX_CATCH_UP_BYTES || missing > creditBytes || this.#isCongested()) return undefined;
    return writer.readBack(fromOffset);
  }

  #isCongested(): boolean {
    return (this.#controller?.unsentBytes ?? 0) > MAX_UNSENT_BYTES;
  }

  #canSend(subscription: Subscription, offset: number, length: number): boolean {
    return offset === subscription.nextOffset && length <= subscription.creditBytes && !this.#isCongested();
  }

  /** The first record after a silence goes out at once; what follows on its heels is gathered. */
  #send(subscription: Subscription, record: Buffer, timeMs: number): void {
    const offset = subscription.nextOffset;
    subscription.nextOffset += record.length;
    subscription.creditBytes -= record.length;
    const isFirst = subscription.batch === undefined && timeMs - subscription.sentAtMs > GATHER_MS;
    if (isFirst || record.length > BATCH_BYTES) {
      this.#flush(subscription);
      this.#sendData(subscription, offset, Buffer.from(record));
      subscription.sentAtMs = timeMs;
      return;
    }
    if (subscription.batch?.add(record) === true) return;
    this.#flush(subscription);
    subscription.batch = new DataBatch(offset);
    subscription.batch.add(record);
    this.#gathering.add(subscription);
  }

  #flush(subscription: Subscription): false {
    const { batch } = subscription;
    if (batch === undefined) return false;
    subscription.batch = undefined;
    subscription.sentAtMs = Date.now();
    this.#sendData(subscription, batch.offset, batch.bytes, () => batch.release());
    return false;
  }

  #sendData(subscription: Subscription, offset: number, bytes: Buffer, onSent?: () => void): void {
    this.#controller?.sendJson(`${subscription.jsonHead}${offset}}`, bytes, onSent);
  }

  #end(subscription: Subscription): void {
    this.#flush(subscription);
    this.#gathering.delete(subscription);
    subscription.isLive = false;
  }
}
