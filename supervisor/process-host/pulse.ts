/**
 * One timer for many: runs `beat` for each item that was added, once, about `intervalMs` after the first. The timer
 * stands only while there are items, so that an idle host sleeps and a thousand streams need no timer of their own.
 */
export class Pulse<T> {
  readonly #intervalMs: number;
  readonly #beat: (item: T) => boolean;
  #items = new Set<T>();
  #timer: NodeJS.Timeout | undefined;
  #armed = false;

  /** `beat` returns true to be called again at the next beat. */
  constructor(intervalMs: number, beat: (item: T) => boolean) {
    this.#intervalMs = intervalMs;
    this.#beat = beat;
  }

  add(item: T): void {
    this.#items.add(item);
    if (this.#armed) return;
    this.#armed = true;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#fire(), this.#intervalMs);
    else this.#timer.refresh();
  }

  delete(item: T): void {
    this.#items.delete(item);
  }

  #fire(): void {
    this.#armed = false;
    const due = this.#items;
    this.#items = new Set();
    for (const item of due) if (this.#beat(item)) this.add(item);
  }
}
