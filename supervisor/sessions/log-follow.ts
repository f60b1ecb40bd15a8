/**
 * Follows a session's log: attempt after attempt as they come, until the session has ended and all is sent. Records go
 * through as they come. A reader that does not keep up loses its place: it is followed for again from there, out of the
 * files, once it has read what it was sent, so that it holds neither memory nor the stream.
 */
import { faultOf } from "../../schemas/fault.ts";
import type { Disposable, StreamExtent, StreamPart, StreamSubscription } from "../ports/hive.ts";
import { cutRecords } from "./cut-records.ts";
import { extentsOf, findPlace } from "./log-place.ts";
import {
  BATCH_BYTES,
  type FollowedState,
  type LogEnd,
  type LogReading,
  type LogRequest,
  SETTLE_PATIENCE_MS,
  SETTLE_RECHECK_MS,
} from "./log-reading.ts";

export function followLog(request: LogRequest): LogReading {
  return new LogFollow(request);
}

/** Where an attempt ends, known once it is over, and which one follows it. */
interface AttemptEnd {
  readonly offset: number;
  readonly nextAttempt: number | undefined;
}

class LogFollow implements LogReading {
  readonly #request: LogRequest;
  #credit: number;
  /** Undefined until there is something to follow. */
  #place: { readonly attempt: number; next: number } | undefined;
  #end: AttemptEnd | undefined;
  #subscription: StreamSubscription | undefined;
  /** Tells the stream that is followed from those that were: what they still say is not heard. */
  #following = 0;
  /** The reader has lost its place: nothing is followed until it has read. */
  #behind = false;
  #looking = false;
  #lookAgain = false;
  #patienceEndsMs: number | undefined;
  #timer: Disposable | undefined;
  #changes: Disposable | undefined;
  #over = false;

  constructor(request: LogRequest) {
    this.#request = request;
    this.#credit = request.creditBytes;
  }

  begin(): void {
    if (this.#over) return;
    this.#changes = this.#request.session.onChange(() => this.#look());
    this.#look();
  }

  credit(bytes: number): void {
    this.#credit += bytes;
    if (this.#subscription !== undefined) this.#subscription.credit(bytes);
    else this.#goOn();
  }

  dispose(): void {
    this.#over = true;
    this.#leaveStream();
    this.#changes?.dispose();
    this.#timer?.dispose();
  }

  #finish(reason: LogEnd): void {
    if (this.#over) return;
    this.dispose();
    this.#request.sink.end(reason);
  }

  /** Looks at the session anew, one look at a time: changes that come meanwhile lead to one more. */
  #look(): void {
    this.#lookAgain = true;
    if (this.#looking || this.#over) return;
    this.#looking = true;
    void this.#lookUntilNothingChanges();
  }

  /** Never rejects. */
  async #lookUntilNothingChanges(): Promise<void> {
    try {
      while (this.#lookAgain && !this.#over) {
        this.#lookAgain = false;
        const state = this.#request.session.state();
        if (state === undefined) this.#finish("removed");
        else if (this.#place === undefined) await this.#findPlace(state);
        else await this.#findEnd(state, this.#place.attempt);
        this.#goOn();
      }
    } catch (error) {
      const { log, session } = this.#request;
      log.error("a log could not be followed", { sessionId: session.id, fault: faultOf(error) });
      this.#finish("hive-lost");
    } finally {
      // In one go with the loop's last question: a change between the two would be forgotten.
      this.#looking = false;
    }
  }

  async #findPlace(state: FollowedState): Promise<void> {
    const { streams, session, process, from } = this.#request;
    const extents = await extentsOf(streams, session.id, process);
    if (this.#over) return;
    if (!extents.ok) return this.#finish("hive-lost");
    if (extents.value.length === 0 && !(process === "main" && state.attempt > 0)) {
      if (state.ended) this.#finish("end");
      return;
    }
    const place =
      extents.value.length === 0
        ? { ok: true as const, value: { attempt: state.attempt, offset: 0 } }
        : await findPlace(streams, extents.value, from);
    if (this.#over) return;
    if (!place.ok) return this.#finish("hive-lost");
    this.#place = { attempt: place.value.attempt, next: place.value.offset };
    this.#lookAgain = true;
  }

  /** An attempt is over when another has been started, or none will be. */
  async #findEnd(state: FollowedState, attempt: number): Promise<void> {
    const { streams, session, process } = this.#request;
    const ended = state.ended && this.#isSettled(state);
    const isMain = process === "main";
    if (isMain && state.attempt <= attempt && !ended) return;
    // Which attempts the main process had is known; those of other processes are on disk alone.
    const only = isMain ? attempt : undefined;
    const extents = await extentsOf(streams, session.id, process, only);
    if (this.#over) return;
    if (!extents.ok) return this.#finish("hive-lost");
    const nextAttempt = isMain ? attemptUpTo(state.attempt, attempt + 1) : attemptAfter(attempt, extents.value);
    if (nextAttempt === undefined && !ended) return;
    const extent = extents.value.find(({ key }) => key.attempt === attempt);
    this.#end = { offset: extent?.endOffset ?? 0, nextAttempt };
  }

  /** The last transitions are still on their way into the log: they are waited for, within bounds. */
  #isSettled(state: FollowedState): boolean {
    if (state.settled) return true;
    const { clock } = this.#request;
    this.#patienceEndsMs ??= clock.now() + SETTLE_PATIENCE_MS;
    if (clock.now() >= this.#patienceEndsMs) return true;
    this.#timer?.dispose();
    this.#timer = clock.after(SETTLE_RECHECK_MS, () => this.#look());
    return false;
  }

  /** Does what there is to do now: ends the attempt, or sees to it that it is followed. */
  #goOn(): void {
    if (this.#over || this.#place === undefined) return;
    if (this.#end !== undefined && this.#place.next >= this.#end.offset) {
      const { nextAttempt } = this.#end;
      if (nextAttempt === undefined) {
        this.#finish("end");
        return;
      }
      this.#leaveStream();
      this.#place = { attempt: nextAttempt, next: 0 };
      this.#end = undefined;
      this.#look();
    }
    if (this.#subscription === undefined && this.#credit > 0 && !this.#behind) this.#follow(this.#place);
  }

  #follow(place: { readonly attempt: number; next: number }): void {
    const { streams, session, process, sink } = this.#request;
    const key = { sessionId: session.id, process, attempt: place.attempt };
    this.#following += 1;
    const following = this.#following;
    const subscription = streams.follow(key, place.next, this.#credit, {
      onData: (part) => {
        if (this.#following === following) this.#receive(place, part);
      },
      onDropped: (offset) => {
        if (this.#following !== following) return;
        place.next = offset;
        sink.dropped(place.attempt, offset);
        this.#goOn();
      },
      onEnd: () => {
        if (this.#following !== following) return;
        const state = session.state();
        this.#finish(state === undefined || state.removing ? "removed" : "hive-lost");
      },
    });
    // What it called at once may have led away from it again.
    if (this.#following === following) this.#subscription = subscription;
    else subscription.dispose();
  }

  #receive(place: { readonly attempt: number; next: number }, part: StreamPart): void {
    const { sink } = this.#request;
    if (sink.saturated) {
      this.#losePlace();
      return;
    }
    place.next = part.offset;
    for (const piece of cutRecords(part.bytes, BATCH_BYTES)) {
      sink.data(place.attempt, place.next, piece);
      place.next += piece.length;
    }
    this.#credit -= part.bytes.length;
    if (this.#end !== undefined) this.#goOn();
  }

  #losePlace(): void {
    this.#behind = true;
    this.#leaveStream();
    void this.#request.sink.drained().then(() => {
      this.#behind = false;
      this.#goOn();
    });
  }

  #leaveStream(): void {
    this.#following += 1;
    this.#subscription?.dispose();
    this.#subscription = undefined;
  }
}

function attemptUpTo(latest: number, attempt: number): number | undefined {
  return attempt <= latest ? attempt : undefined;
}

function attemptAfter(attempt: number, extents: readonly StreamExtent[]): number | undefined {
  const later = extents.map(({ key }) => key.attempt).filter((one) => one > attempt);
  return later.length === 0 ? undefined : Math.min(...later);
}
