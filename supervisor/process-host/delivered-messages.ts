/** Which messages have been put into sessions: none is delivered twice, whatever a supervisor that died remembers. */

/** A supervisor repeats what it was about when it died: a few messages, and this many are months of a busy person's. */
const MAX_DELIVERED = 20_000;

export class DeliveredMessages {
  /** In order of delivery. */
  readonly #ids = new Set<string>();

  has(sessionId: string, messageId: string): boolean {
    return this.#ids.has(`${sessionId} ${messageId}`);
  }

  add(sessionId: string, messageId: string): void {
    this.#ids.add(`${sessionId} ${messageId}`);
    if (this.#ids.size <= MAX_DELIVERED) return;
    const [oldest] = this.#ids;
    if (oldest !== undefined) this.#ids.delete(oldest);
  }
}
