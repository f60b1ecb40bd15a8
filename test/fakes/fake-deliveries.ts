/** Messages as a process host types them: once by their id, one after the other, with pauses of the clock that is given. */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { type HostDelivered, MAX_PENDING_INPUT_BYTES } from "../../schemas/host-protocol.ts";
import type { Clock } from "../../supervisor/ports/clock.ts";
import type { Delivery } from "../../supervisor/ports/hive.ts";

/** Whom it is typed to. */
export interface FakeRecipient {
  readonly alive: boolean;
}

export interface Typing {
  /** Undefined: there is no such process. */
  recipient(): FakeRecipient | undefined;
  mark(): void;
  type(bytes: Uint8Array): void;
}

export class FakeDeliveries {
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #byId = new Map<string, Promise<Result<HostDelivered>>>();
  readonly #tails = new WeakMap<FakeRecipient, Promise<unknown>>();
  readonly #wakes = new Map<FakeRecipient, () => void>();

  constructor(clock: Pick<Clock, "now" | "after">) {
    this.#clock = clock;
  }

  deliver(sessionId: string, message: Delivery, bytes: Uint8Array, typing: Typing): Promise<Result<HostDelivered>> {
    const id = `${sessionId} ${message.messageId}`;
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const recipient = typing.recipient();
    if (recipient === undefined) return Promise.resolve(failed(fault("not-found", "there is no such process")));
    const type = () => this.#type(recipient, message, bytes, typing);
    const work = this.#tails.get(recipient)?.then(type) ?? type();
    this.#tails.set(recipient, work);
    this.#byId.set(id, work);
    void work.then((outcome) => !outcome.ok && this.#byId.delete(id));
    return work;
  }

  ended(recipient: FakeRecipient): void {
    this.#wakes.get(recipient)?.();
  }

  /** Another host: it knows nothing of what was typed. */
  forget(): void {
    this.#byId.clear();
  }

  async #type(
    recipient: FakeRecipient,
    { steps }: Delivery,
    bytes: Uint8Array,
    typing: Typing,
  ): Promise<Result<HostDelivered>> {
    if (!recipient.alive) return failed(fault("conflict", "the process has ended"));
    if (bytes.length > MAX_PENDING_INPUT_BYTES) {
      return failed(fault("busy", "the program does not read its input", { retryable: true }));
    }
    typing.mark();
    let at = 0;
    for (const [index, step] of steps.entries()) {
      if (index > 0) await this.#pause(recipient, steps[index - 1]?.pauseMs ?? 0);
      if (!recipient.alive) return ok({ outcome: "interrupted", atMs: this.#clock.now() });
      typing.type(bytes.subarray(at, at + step.bytes));
      at += step.bytes;
    }
    return ok({ outcome: "delivered", atMs: this.#clock.now() });
  }

  #pause(recipient: FakeRecipient, ms: number): Promise<void> {
    if (ms === 0 || !recipient.alive) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => resolve());
      this.#wakes.set(recipient, () => {
        timer.dispose();
        resolve();
      });
    });
  }
}
