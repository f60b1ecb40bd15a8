/** One who follows a stream: where it is, and how much it may still be sent. It knows no socket and no other follower. */
import type { StreamFollower, StreamPart } from "../ports/hive.ts";
import { SegmentReader } from "./segment-files.ts";

/** Read at once for one that is behind: a few milliseconds of a flood, and little enough to hold for many. */
const READ_BYTES = 256 << 10;

export class FollowerPlace {
  readonly #follower: StreamFollower;
  readonly #reader: SegmentReader;
  #credit: number;
  /** Behind what it has been sent. */
  nextOffset: number;
  /** It gets what comes from the host. Else it reads the files, or waits for credit or news. */
  isLive = false;
  isReading = false;
  /** There is, or may be, more to read than there was. */
  hasNews = false;
  isGone = false;

  constructor(folder: string, fromOffset: number, creditBytes: number, follower: StreamFollower) {
    this.#reader = new SegmentReader(folder);
    this.#follower = follower;
    this.#credit = creditBytes;
    this.nextOffset = fromOffset;
  }

  get hasCredit(): boolean {
    return this.#credit > 0;
  }

  addCredit(bytes: number): void {
    this.#credit += bytes;
  }

  canTake(bytes: number): boolean {
    return bytes <= this.#credit;
  }

  /** A record longer than all of the credit is sent whole, and its debt paid by the credit that follows. */
  deliver(part: StreamPart): void {
    this.nextOffset = part.offset + part.bytes.length;
    this.#credit -= part.bytes.length;
    this.#follower.onData(part);
  }

  /** Sends what the files hold next. False: they hold no more. */
  async readOn(): Promise<boolean> {
    const part = await this.#reader.read(this.nextOffset, Math.min(READ_BYTES, this.#credit));
    if (this.isGone) return false;
    if (part.offset > this.nextOffset) {
      this.nextOffset = part.offset;
      this.#follower.onDropped(part.offset);
    }
    if (part.bytes.length === 0) return false;
    this.deliver(part);
    return true;
  }

  /** While it is live, the file that it would read next is not kept open. */
  async rest(): Promise<void> {
    await this.#reader.close();
  }

  end(): void {
    if (this.isGone) return;
    this.leave();
    this.#follower.onEnd();
  }

  leave(): void {
    this.isGone = true;
    this.isLive = false;
    // A read that is under way closes the file when it is done.
    if (!this.isReading) void this.#reader.close();
  }
}
