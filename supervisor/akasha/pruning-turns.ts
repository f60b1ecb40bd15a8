/**
 * Says when to look for the rows of a session that are beyond their bound: with its first row since the store was
 * opened, for what an earlier supervisor left, and then seldom enough to cost nothing.
 */
export class PruningTurns {
  readonly #rowsSince = new Map<string, number>();
  readonly #rowsATurn: number;

  constructor(rowsATurn: number) {
    this.#rowsATurn = rowsATurn;
  }

  /** Is asked once for each row. */
  isDue(sessionId: string): boolean {
    const rows = this.#rowsSince.get(sessionId);
    const due = rows === undefined || rows + 1 >= this.#rowsATurn;
    this.#rowsSince.set(sessionId, due ? 0 : rows + 1);
    return due;
  }

  removeSession(sessionId: string): void {
    this.#rowsSince.delete(sessionId);
  }
}
