import type { Disposable } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";

type Listener = Parameters<Store["onChange"]>[0];
type Change = Parameters<Listener>[0];

/** Tells every listener of every change, in the order of the writes, even when one of them writes itself. */
export class ChangeListeners {
  readonly #listeners = new Set<{ readonly hear: Listener }>();
  readonly #untold: Change[] = [];
  readonly #onError: (error: unknown) => void;
  #telling = false;

  /** `onError` is told what a listener threw: the write stands, and the other listeners hear of it. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  add(hear: Listener): Disposable {
    const entry = { hear };
    this.#listeners.add(entry);
    return { dispose: () => void this.#listeners.delete(entry) };
  }

  tell(change: Change): void {
    this.#untold.push(change);
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) this.#tellOne(next);
    this.#telling = false;
  }

  #tellOne(change: Change): void {
    for (const { hear } of [...this.#listeners]) {
      try {
        hear(change);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
