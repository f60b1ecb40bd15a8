import { hasEnded, type SessionRecord } from "../core/session.ts";
import type { SessionFilter } from "../ports/store.ts";

/** All sessions of a store in memory, in the order in which they were made. */
export class SessionShelf {
  readonly #byId = new Map<string, SessionRecord>();
  readonly #idOfToken = new Map<string, string>();

  put(session: SessionRecord): void {
    this.#byId.set(session.id, session);
    this.#idOfToken.set(session.token, session.id);
  }

  remove(session: SessionRecord): void {
    this.#byId.delete(session.id);
    this.#idOfToken.delete(session.token);
  }

  get(id: string): SessionRecord | undefined {
    return this.#byId.get(id);
  }

  byToken(token: string): SessionRecord | undefined {
    const id = this.#idOfToken.get(token);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  list({ living, colony }: SessionFilter): readonly SessionRecord[] {
    const all = [...this.#byId.values()];
    if (living === undefined && colony === undefined) return all;
    return all.filter(
      (session) =>
        (living === undefined || living !== hasEnded(session.observed.phase)) &&
        (colony === undefined || colony === session.colony),
    );
  }

  /** The living before the ended, the newest first of each. */
  matching(text: string): readonly SessionRecord[] {
    if (text === "") return [];
    const newestFirst = [...this.#byId.values()].reverse();
    const found = newestFirst.filter((session) => session.id.startsWith(text) || session.name === text);
    const ended = found.filter((session) => hasEnded(session.observed.phase));
    return [...found.filter((session) => !ended.includes(session)), ...ended];
  }
}
