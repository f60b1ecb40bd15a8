/** Which messages have been typed into sessions, or are being: none is delivered twice, whatever a supervisor that died remembers. */
import { ok, type Result } from "../../schemas/fault.ts";
import type { HostDelivered } from "../../schemas/host-protocol.ts";

/** A supervisor repeats what it was about when it died: a few messages, and this many are months of a busy person's. */
const MAX_DELIVERED = 20_000;

export class DeliveredMessages {
  readonly #underWay = new Map<string, Promise<Result<HostDelivered>>>();
  /** In the order of their ends. */
  readonly #done = new Map<string, HostDelivered>();

  /** Calls `deliver` unless that message is under way or done: then its own outcome is the answer. A fault is forgotten. */
  once(
    sessionId: string,
    messageId: string,
    deliver: () => Promise<Result<HostDelivered>>,
  ): Promise<Result<HostDelivered>> {
    const id = `${sessionId} ${messageId}`;
    const done = this.#done.get(id);
    if (done !== undefined) return Promise.resolve(ok(done));
    const underWay = this.#underWay.get(id);
    if (underWay !== undefined) return underWay;
    const delivery = this.#recorded(id, deliver);
    this.#underWay.set(id, delivery);
    return delivery;
  }

  async #recorded(id: string, deliver: () => Promise<Result<HostDelivered>>): Promise<Result<HostDelivered>> {
    try {
      const outcome = await deliver();
      if (outcome.ok) this.#remember(id, outcome.value);
      return outcome;
    } finally {
      this.#underWay.delete(id);
    }
  }

  #remember(id: string, outcome: HostDelivered): void {
    this.#done.set(id, outcome);
    if (this.#done.size <= MAX_DELIVERED) return;
    const [oldest] = this.#done.keys();
    if (oldest !== undefined) this.#done.delete(oldest);
  }
}
