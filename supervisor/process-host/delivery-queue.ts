/**
 * The messages that one process is being typed: one after the other, each of them a marker in the stream and then its
 * steps. What a person types meanwhile is not held back by it.
 */
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { type DeliveryStep, type HostDelivered, MAX_PENDING_INPUT_BYTES } from "../../schemas/host-protocol.ts";
import type { MarkerPayload } from "../../schemas/segment.ts";
import type { Child } from "./child.ts";
import type { SegmentWriter } from "./segment-writer.ts";

/** The supervisor hands over a session's messages one by one: whoever has so many waiting has gone wrong. */
const MAX_WAITING = 100;
/**
 * A step's pause begins when the terminal has taken its bytes, for a program that reads both at once would see no
 * pause. One that reads nothing for so long gets the next step behind the last, as it would from a fast typist.
 */
const MAX_TAKING_MS = 2_000;

export interface Delivery {
  readonly marker: MarkerPayload;
  readonly steps: readonly DeliveryStep[];
  /** Those of all steps, in order. */
  readonly bytes: Buffer;
}

interface Job {
  readonly delivery: Delivery;
  settle(outcome: Result<HostDelivered>): void;
}

export class DeliveryQueue {
  readonly #child: Child;
  readonly #writer: SegmentWriter;
  readonly #waiting: Job[] = [];
  #waitingBytes = 0;
  #isTyping = false;
  /** Why nothing can be typed any more. */
  #ended: Fault | undefined;
  /** Ends the wait that is under way, or was the last. */
  #wake: (() => void) | undefined;

  constructor(child: Child, writer: SegmentWriter) {
    this.#child = child;
    this.#writer = writer;
  }

  /** When nothing is being typed the first step is written in this very turn. A fault: nothing was typed. */
  deliver(delivery: Delivery): Promise<Result<HostDelivered>> {
    if (this.#ended !== undefined) return Promise.resolve(failed(this.#ended));
    const { length } = delivery.bytes;
    const waitingBytes = this.#waitingBytes + length;
    if (this.#waiting.length >= MAX_WAITING || (this.#isTyping && waitingBytes > MAX_PENDING_INPUT_BYTES)) {
      return Promise.resolve(failed(tooManyWaiting(this.#waiting.length)));
    }
    // What is kept must not be a view into the frame it came in.
    const kept = { ...delivery, bytes: Buffer.from(delivery.bytes) };
    return new Promise((settle) => {
      this.#waiting.push({ delivery: kept, settle });
      this.#waitingBytes += length;
      if (!this.#isTyping) void this.#typeAll();
    });
  }

  /** The process has ended: what is half typed is interrupted, and what waits is refused. */
  end(why: Fault): void {
    this.#ended = why;
    this.#wake?.();
  }

  async #typeAll(): Promise<void> {
    this.#isTyping = true;
    for (let job = this.#waiting.shift(); job !== undefined; job = this.#waiting.shift()) {
      this.#waitingBytes -= job.delivery.bytes.length;
      const obstacle = this.#begin(job.delivery);
      if (obstacle !== undefined) {
        job.settle(failed(obstacle));
        continue;
      }
      const outcome = await this.#type(job.delivery);
      job.settle(ok({ outcome, atMs: Date.now() }));
      // Nothing is typed in the pause of the last step either, and yet all has been delivered.
      if (outcome === "delivered") await this.#pause(job.delivery.steps.at(-1)?.pauseMs ?? 0);
    }
    this.#isTyping = false;
  }

  /** The marker stands before what the message brings about, so room for all of it is made sure of first. */
  #begin({ bytes, marker }: Delivery): Fault | undefined {
    const obstacle = this.#ended ?? this.#child.refuses(bytes.length);
    if (obstacle !== undefined) return obstacle;
    return this.#writer.appendMarker(marker) ? undefined : diskFull(this.#writer.id);
  }

  async #type({ bytes, steps }: Delivery): Promise<HostDelivered["outcome"]> {
    let at = 0;
    for (const [index, step] of steps.entries()) {
      if (index > 0) {
        await this.#pause(steps[index - 1]?.pauseMs ?? 0);
        // Somebody may have typed what the room was for.
        if (this.#ended !== undefined || this.#child.refuses(step.bytes) !== undefined) return "interrupted";
      }
      if (step.bytes > 0 && !(await this.#write(bytes.subarray(at, at + step.bytes)))) return "interrupted";
      at += step.bytes;
    }
    return "delivered";
  }

  /** False: the program will never read it. */
  #write(bytes: Buffer): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(true), MAX_TAKING_MS);
      const settle = (isTaken: boolean) => {
        clearTimeout(timer);
        resolve(isTaken);
      };
      this.#wake = () => settle(false);
      this.#child.write(bytes, settle);
    });
  }

  /** Ends early when the process does. */
  #pause(ms: number): Promise<void> {
    if (ms === 0 || this.#ended !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Of a log that takes no marker. */
export function diskFull(id: string): Fault {
  return fault("disk-full", `the log of ${id} cannot be written: the disk is full`, { retryable: true });
}

function tooManyWaiting(count: number): Fault {
  return fault("busy", `${count} messages wait to be typed before this one`, { retryable: true });
}
