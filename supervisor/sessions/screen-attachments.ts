/**
 * Who is attached to which terminal, and whose size it has: that of the last to type. The first one who can type rules
 * at once; when the one who rules leaves, the last to have typed of those who stay does. With nobody there the terminal
 * has the session's own size again.
 */
import { ok, type Result } from "../../schemas/fault.ts";
import { hasEnded, type SessionRecord } from "../core/session.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";
import type { TerminalSize } from "./terminal-emulator.ts";

export interface Attachment extends Disposable {
  readonly sessionId: string;
  readonly readOnly: boolean;
}

interface Attached extends Attachment {
  /** Undefined: its size does not count. */
  size: TerminalSize | undefined;
  /** Grows with each typing, over all; 0 before the first. */
  typed: number;
  /** It has its screen: from there on its terminal answers what the program asks. */
  answers: boolean;
}

interface Shared {
  readonly attached: Set<Attached>;
  ruler: Attached | undefined;
  attempt: number;
  /** What the terminal was last given; undefined when that is not known. */
  size: TerminalSize | undefined;
  /** Its size while nobody is attached. */
  own: TerminalSize;
}

const NOTHING_TO_DO = Promise.resolve(ok(undefined));

export class Attachments implements Disposable {
  readonly #store: Store;
  readonly #hive: Hive;
  readonly #shared = new Map<string, Shared>();
  readonly #sources: readonly Disposable[];
  #typings = 0;

  constructor({ store, hive }: { readonly store: Store; readonly hive: Hive }) {
    this.#store = store;
    this.#hive = hive;
    this.#sources = [
      store.onChange(({ sessionId }) => {
        if (sessionId !== undefined && this.#shared.has(sessionId)) this.#look(sessionId);
      }),
      hive.onHost(() => {
        for (const sessionId of this.#shared.keys()) void this.settle(sessionId);
      }),
    ];
  }

  dispose(): void {
    for (const source of this.#sources) source.dispose();
    this.#shared.clear();
  }

  /** How many are attached, those who only look included. */
  count(sessionId: string): number {
    return this.#shared.get(sessionId)?.attached.size ?? 0;
  }

  /** Somebody's terminal answers the program's queries. */
  answersQueries(sessionId: string): boolean {
    for (const { answers } of this.#shared.get(sessionId)?.attached ?? []) if (answers) return true;
    return false;
  }

  add(session: SessionRecord, { size, readOnly }: { size: TerminalSize | undefined; readOnly: boolean }): Attachment {
    const shared = this.#of(session);
    const attachment: Attached = {
      sessionId: session.id,
      readOnly,
      size: readOnly ? undefined : size,
      typed: 0,
      answers: false,
      dispose: () => this.#leave(shared, attachment),
    };
    shared.attached.add(attachment);
    if (!readOnly) shared.ruler ??= attachment;
    return attachment;
  }

  /** Gives the terminal the size of whoever rules. */
  settle(sessionId: string): Promise<Result<void>> {
    const shared = this.#shared.get(sessionId);
    const size = shared?.ruler?.size;
    return shared === undefined || size === undefined ? NOTHING_TO_DO : this.#give(sessionId, shared, size);
  }

  /** It has been given its screen. */
  begin(attachment: Attachment): void {
    const attached = this.#attached(attachment);
    if (attached !== undefined) attached.answers = !attachment.readOnly;
  }

  rules(attachment: Attachment): boolean {
    return this.#shared.get(attachment.sessionId)?.ruler === attachment;
  }

  /** It types: from now on its size rules. What is sent to the program in the same turn comes behind the new size. */
  typed(attachment: Attachment): Promise<Result<void>> {
    const shared = this.#shared.get(attachment.sessionId);
    const attached = this.#attached(attachment);
    if (shared === undefined || attached === undefined) return NOTHING_TO_DO;
    this.#typings += 1;
    attached.typed = this.#typings;
    shared.ruler = attached;
    return this.settle(attachment.sessionId);
  }

  /** Its terminal has another size now. */
  resized(attachment: Attachment, size: TerminalSize): Promise<Result<void>> {
    const attached = this.#attached(attachment);
    if (attached === undefined || attached.readOnly) return NOTHING_TO_DO;
    attached.size = size;
    return this.rules(attachment) ? this.settle(attachment.sessionId) : NOTHING_TO_DO;
  }

  /** The session itself is given another size, whoever is attached. */
  resizeSession(session: SessionRecord, size: TerminalSize): Promise<Result<void>> {
    const shared = this.#of(session);
    shared.own = size;
    shared.size = undefined;
    return this.#give(session.id, shared, size);
  }

  #attached(attachment: Attachment): Attached | undefined {
    for (const one of this.#shared.get(attachment.sessionId)?.attached ?? []) if (one === attachment) return one;
    return undefined;
  }

  #of({ id, spec, observed }: SessionRecord): Shared {
    const known = this.#shared.get(id);
    if (known !== undefined) return known;
    const own = { columns: spec.columns, rows: spec.rows };
    // Another supervisor may have left it at any size.
    const made: Shared = { attached: new Set(), ruler: undefined, attempt: observed.attempt, size: undefined, own };
    this.#shared.set(id, made);
    return made;
  }

  #leave(shared: Shared, attachment: Attached): void {
    if (!shared.attached.delete(attachment) || shared.ruler !== attachment) return;
    shared.ruler = undefined;
    for (const other of shared.attached) {
      if (!other.readOnly && (shared.ruler === undefined || other.typed > shared.ruler.typed)) shared.ruler = other;
    }
    // Whoever came without a size has changed nothing; a program that has ended meanwhile needs none.
    const size = shared.ruler?.size ?? (shared.size === undefined ? undefined : shared.own);
    if (size !== undefined) void this.#give(attachment.sessionId, shared, size);
  }

  #give(sessionId: string, shared: Shared, size: TerminalSize): Promise<Result<void>> {
    if (shared.size?.columns === size.columns && shared.size.rows === size.rows) return NOTHING_TO_DO;
    shared.size = size;
    const key = { sessionId, process: "main", attempt: shared.attempt };
    return this.#hive.processes.resize(key, { columns: size.columns, rows: size.rows }).then((given) => {
      if (!given.ok) shared.size = undefined;
      return given;
    });
  }

  /** A new start has the session's first size; one that has ended or gone needs none. */
  #look(sessionId: string): void {
    const shared = this.#shared.get(sessionId);
    const session = this.#store.session(sessionId);
    if (shared === undefined) return;
    const isIdle = shared.attached.size === 0 && (session === undefined || hasEnded(session.observed.phase));
    if (isIdle) this.#shared.delete(sessionId);
    if (session === undefined || session.observed.phase !== "RUNNING") return;
    const { attempt } = session.observed;
    if (attempt === shared.attempt) return;
    shared.attempt = attempt;
    shared.own = { columns: session.spec.columns, rows: session.spec.rows };
    shared.size = shared.own;
    void this.settle(sessionId);
  }
}
