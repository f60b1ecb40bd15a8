import { type MessageRecord, SETTLED_MESSAGE_STATES } from "../core/session.ts";

/** The messages to which something still happens, in memory, of each session in order of arrival. */
export class MessageShelf {
  readonly #byId = new Map<string, MessageRecord>();
  readonly #idsOf = new Map<string, Set<string>>();

  /** One that is settled is taken from the shelf. */
  put(message: MessageRecord): void {
    if (SETTLED_MESSAGE_STATES.has(message.state)) {
      this.#take(message);
      return;
    }
    this.#byId.set(message.id, message);
    const ids = this.#idsOf.get(message.sessionId);
    if (ids === undefined) this.#idsOf.set(message.sessionId, new Set([message.id]));
    else ids.add(message.id);
  }

  get(id: string): MessageRecord | undefined {
    return this.#byId.get(id);
  }

  of(sessionId: string): readonly MessageRecord[] {
    return [...(this.#idsOf.get(sessionId) ?? [])].flatMap((id) => this.#byId.get(id) ?? []);
  }

  countOf(sessionId: string): number {
    return this.#idsOf.get(sessionId)?.size ?? 0;
  }

  sessions(): readonly string[] {
    return [...this.#idsOf.keys()];
  }

  removeSession(sessionId: string): void {
    for (const id of this.#idsOf.get(sessionId) ?? []) this.#byId.delete(id);
    this.#idsOf.delete(sessionId);
  }

  #take({ id, sessionId }: MessageRecord): void {
    this.#byId.delete(id);
    const ids = this.#idsOf.get(sessionId);
    ids?.delete(id);
    if (ids?.size === 0) this.#idsOf.delete(sessionId);
  }
}
