/**
 * One stream on its way from the host to all who follow it. There is one subscription at the host, whoever follows:
 * what comes is handed to each follower that is exactly there and has credit, as the buffer that came. Whoever is not
 * reads the files until it is, and holds up nobody. Nothing is parsed here, and nothing logged.
 */
import type { Result } from "../../schemas/fault.ts";
import type { HostSubscribed } from "../../schemas/host-protocol.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import type { HostCommand, HostRequest } from "./host-connection.ts";
import type { FollowerPlace } from "./stream-follower.ts";

/** What the host may send ahead of us: a tenth of a second of a flood. It is given back as soon as somebody took it. */
const HOST_CREDIT_BYTES = 4 << 20;
/** Given back in such portions: one small message for many batches. */
const CREDIT_PORTION_BYTES = 1 << 20;
/** Kept for followers that read the files meanwhile, so that under a flood too they meet what comes. */
const RECENT_BYTES = 1 << 20;

export interface StreamHost {
  request<T>(request: HostRequest): Promise<Result<T>>;
  send(command: HostCommand): void;
}

interface Batch {
  readonly offset: number;
  readonly bytes: Buffer;
}

export class LiveStream {
  readonly #key: StreamKey;
  readonly #host: StreamHost;
  readonly #onReadFault: (error: unknown) => void;
  readonly #followers = new Set<FollowerPlace>();
  /** Where the host's next batch begins; undefined while nothing is sent. */
  #liveOffset: number | undefined;
  /** Asked for at the host, and not answered yet. Data may come before the answer has been looked at. */
  #askedOffset: number | undefined;
  #recent: Batch[] = [];
  #recentBytes = 0;
  #owedBytes = 0;

  constructor(key: StreamKey, host: StreamHost, onReadFault: (error: unknown) => void) {
    this.#key = key;
    this.#host = host;
    this.#onReadFault = onReadFault;
  }

  get isUnused(): boolean {
    return this.#followers.size === 0;
  }

  add(follower: FollowerPlace): void {
    this.#followers.add(follower);
    this.wake(follower);
  }

  remove(follower: FollowerPlace): void {
    follower.leave();
    this.#followers.delete(follower);
    if (this.isUnused && (this.#liveOffset !== undefined || this.#askedOffset !== undefined)) {
      this.#host.send({ type: "unsubscribe", key: this.#key });
    }
  }

  end(): void {
    for (const follower of this.#followers) follower.end();
    this.#followers.clear();
  }

  /** It may go on: it has got credit, or there is more to read. */
  wake(follower: FollowerPlace): void {
    follower.hasNews = true;
    if (follower.isLive || follower.isReading || follower.isGone || !follower.hasCredit) return;
    follower.isReading = true;
    void this.#catchUp(follower)
      .catch((error: unknown) => {
        this.#onReadFault(error);
        follower.end();
        this.#followers.delete(follower);
      })
      .finally(() => {
        follower.isReading = false;
        if (follower.isGone || follower.isLive) void follower.rest();
        // What was told while the last read was ending.
        else if (follower.hasNews && follower.hasCredit) this.wake(follower);
      });
  }

  /** Another host, or the same one anew: it knows nothing of what was asked for. */
  hostChanged(): void {
    this.#interrupt();
    for (const follower of this.#followers) this.wake(follower);
  }

  /** The host says that the stream has grown and that it does not send it, or not any more. */
  grew(endOffset: number): void {
    if (this.#liveOffset !== undefined && endOffset > this.#liveOffset) this.#interrupt();
    for (const follower of this.#followers) if (follower.nextOffset < endOffset) this.wake(follower);
  }

  onData(offset: number, bytes: Buffer): void {
    if (this.#liveOffset === undefined && offset === this.#askedOffset) this.#liveOffset = offset;
    if (this.#liveOffset === undefined) {
      // Of a subscription that we have given up: what it sent is in the files, and may be all that tells of it.
      this.grew(offset + bytes.length);
      return;
    }
    if (offset !== this.#liveOffset) this.#skipTo(offset);
    this.#liveOffset = offset + bytes.length;
    const batch = { offset, bytes };
    let isTaken = false;
    let isAnyReading = false;
    for (const follower of this.#followers) {
      if (this.#hand(batch, follower)) isTaken = true;
      if (follower.isReading) isAnyReading = true;
    }
    if (isAnyReading) this.#remember(batch);
    else this.#forgetRecent();
    // With nobody to take it the host runs out of credit, stops sending, and tells offsets alone.
    if (isTaken) this.#giveBack(bytes.length);
  }

  #hand(batch: Batch, follower: FollowerPlace): boolean {
    const isThere = follower.isLive || (!follower.isReading && follower.nextOffset === batch.offset);
    if (!isThere) return false;
    if (follower.canTake(batch.bytes.length)) {
      follower.isLive = true;
      follower.deliver(batch);
      return true;
    }
    follower.isLive = false;
    this.wake(follower);
    return false;
  }

  /** Reads the files until it meets what the host sends, has no more credit, or there is no more for now. */
  async #catchUp(follower: FollowerPlace): Promise<void> {
    while (follower.hasNews && follower.hasCredit && !follower.isGone && !follower.isLive) {
      follower.hasNews = false;
      let isAtEnd = false;
      while (follower.hasCredit && !follower.isGone && !this.#meet(follower)) {
        if (await follower.readOn()) {
          isAtEnd = false;
          continue;
        }
        if (follower.isGone || this.#meet(follower)) break;
        // Told twice of more than the files hold: whatever that means, the next news begins it anew.
        if (isAtEnd || !(await this.#subscribe(follower))) break;
        isAtEnd = true;
      }
    }
  }

  /** True when the follower is where the host's data is, helped there by what came lately. */
  #meet(follower: FollowerPlace): boolean {
    if (this.#liveOffset === undefined || follower.isGone) return false;
    for (const { offset, bytes } of this.#recent) {
      const from = follower.nextOffset - offset;
      if (from < 0 || from >= bytes.length) continue;
      // Both begin and end at records, so that what lies between does too.
      const rest = bytes.subarray(from);
      if (!follower.canTake(rest.length)) return false;
      follower.deliver({ offset: follower.nextOffset, bytes: rest });
    }
    if (follower.nextOffset !== this.#liveOffset) return false;
    follower.isLive = true;
    return true;
  }

  /** Asks for what comes behind the follower. True when it is worth going on: there is more, or it is being sent. */
  async #subscribe(follower: FollowerPlace): Promise<boolean> {
    const { nextOffset } = follower;
    if (this.#liveOffset !== undefined) return this.#liveOffset > nextOffset;
    if (this.#askedOffset !== undefined) return false; // Whoever asked is answered for all.
    this.#askedOffset = nextOffset;
    this.#owedBytes = 0;
    const asked = { key: this.#key, fromOffset: nextOffset, creditBytes: HOST_CREDIT_BYTES };
    const subscribed = await this.#host.request<HostSubscribed>({ type: "subscribe", ...asked });
    if (this.#askedOffset !== nextOffset) return false; // The host was lost meanwhile: all are woken with the next one.
    this.#askedOffset = undefined;
    if (!subscribed.ok || this.isUnused) return false;
    const { live, endOffset: hostOffset } = subscribed.value;
    // The host does not have it open and takes our word for where it ends, which is old when there was news since.
    if (hostOffset === null && follower.hasNews) return false;
    if (live) this.#liveOffset ??= nextOffset;
    const endOffset = Math.max(this.#liveOffset ?? 0, hostOffset ?? 0);
    for (const other of this.#followers) if (other.nextOffset < endOffset) this.wake(other);
    return live || endOffset > nextOffset;
  }

  /** The host has left out what lies before `offset`: it is in the files. */
  #skipTo(offset: number): void {
    this.#interrupt();
    this.#liveOffset = offset;
    for (const follower of this.#followers) this.wake(follower);
  }

  #interrupt(): void {
    this.#liveOffset = undefined;
    this.#askedOffset = undefined;
    this.#forgetRecent();
    for (const follower of this.#followers) follower.isLive = false;
  }

  #remember(batch: Batch): void {
    this.#recent.push(batch);
    this.#recentBytes += batch.bytes.length;
    while (this.#recentBytes > RECENT_BYTES) this.#recentBytes -= this.#recent.shift()?.bytes.length ?? 0;
  }

  #forgetRecent(): void {
    this.#recent = [];
    this.#recentBytes = 0;
  }

  #giveBack(bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#owedBytes < CREDIT_PORTION_BYTES) return;
    this.#host.send({ type: "credit", key: this.#key, bytes: this.#owedBytes });
    this.#owedBytes = 0;
  }
}
