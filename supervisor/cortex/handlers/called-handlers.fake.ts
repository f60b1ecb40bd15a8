/** All handlers over fakes, called as the dispatcher calls them. Nothing starts by itself: a test says what becomes of a session. */
import type { MethodName, NotificationParams, Params, ResultOf } from "../../../schemas/client-protocol.ts";
import type { Result } from "../../../schemas/fault.ts";
import { type Settings, settingsSchema } from "../../../schemas/settings.ts";
import { createFakeHive, type FakeHive } from "../../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../../test/fakes/session-record.ts";
import type { Activity, Phase, SessionRecord } from "../../core/session.ts";
import type { Streams } from "../../ports/hive.ts";
import { Attachments } from "../../sessions/screen-attachments.ts";
import type { Caller, ClientConnection, Handler, Handlers, Subscription } from "../handler.ts";
import type { Services } from "../services.ts";

export const PERSON: Caller = { kind: "person" };
const silent = { info() {}, warn() {}, error() {} };

export function inside(id: string): Caller {
  return { kind: "session", session: { id, name: id } };
}

interface Made {
  readonly name?: string;
  readonly parentId?: string;
  readonly colony?: string;
  readonly spec?: Partial<SessionRecord["spec"]>;
  readonly phase?: Phase;
}

export class CalledHandlers {
  readonly store: MemoryStore = createMemoryStore();
  readonly clock: MovedClock = createMovedClock();
  readonly hive: FakeHive = createFakeHive({ id: this.store.hiveId, now: this.clock.now });
  readonly connection = new FakeConnection();
  settings: Settings = settingsSchema.parse({});
  streams: Streams = this.hive.streams;
  /** Why nothing new could start now. */
  obstacle: string | undefined;
  /** What of the trees' usage was asked for, in order. */
  readonly sampled: { readonly io?: boolean }[] = [];
  readonly #activities = new Map<string, Activity>();
  readonly #listeners = new Set<(sessionId: string, activity: Activity) => void>();
  readonly #cancelled = new AbortController();
  #made = 0;

  /** What the handlers under test need of Services. */
  readonly services = this.#services();

  #services(): Services {
    const world = this;
    const parts: Partial<Services> = {
      store: this.store,
      clock: this.clock,
      log: silent,
      get hive() {
        return { ...world.hive, streams: world.streams };
      },
      identities: {
        sessionId: () => this.#newId(),
        token: () => `token${this.#made}`,
        index: (below) => this.#made % below,
      },
      injected: { sessionEndpoint: "/run/session.sock", binFolder: "/bin/overmind", pathDelimiter: ":" },
      attachments: new Attachments({ store: this.store, hive: this.hive }),
      settings: () => this.settings,
      obstacleToStart: () => Promise.resolve(this.obstacle),
      usage: {
        sample: (options = {}) => {
          this.sampled.push(options);
          return Promise.resolve(new Map());
        },
        last: () => new Map(),
        dispose() {},
      },
      activity: {
        of: (id) => this.#activities.get(id) ?? "idle",
        quietMs: () => undefined,
        noteInput() {},
        onChange: (listener) => {
          this.#listeners.add(listener);
          return { dispose: () => void this.#listeners.delete(listener) };
        },
        dispose() {},
      },
    };
    return parts as Services;
  }

  #newId(): string {
    this.#made += 1;
    return `made${this.#made}`;
  }

  /** Calls it and, once it has answered, runs what waits for the reply to be out. */
  async call<M extends keyof Handlers & MethodName>(
    handler: Handler<M>,
    params: Params<M>,
    caller: Caller = PERSON,
  ): Promise<Result<ResultOf<M>>> {
    const afterReply: (() => void)[] = [];
    const answer = await handler(params, {
      caller,
      connection: this.connection,
      cancelled: this.#cancelled.signal,
      afterReply: (run) => void afterReply.push(run),
    });
    for (const run of afterReply) run();
    return answer;
  }

  /** A session that runs, unless another phase is named. */
  make(id: string, given: Made = {}): void {
    const { phase = "RUNNING", name = id, ...rest } = given;
    const record = sessionRecord({
      id,
      name,
      token: `token-of-${id}`,
      hiveId: this.store.hiveId,
      ...rest,
      observed: { attempt: 1, startedAtMs: this.clock.now() },
    });
    this.store.createSession(record, "test");
    if (phase !== "PENDING") this.become(id, phase);
  }

  become(id: string, to: Phase, observed: Parameters<MemoryStore["changeSession"]>[2]["observed"] = {}): void {
    const transition = { atMs: this.clock.now(), to, reason: `now ${to}`, evidence: {} };
    this.store.changeSession(id, this.now(id).revision, { observed, transition });
  }

  now(id: string): SessionRecord {
    const session = this.store.session(id);
    if (session === undefined) throw new Error(`there is no session ${id}`);
    return session;
  }

  tellActivity(id: string, activity: Activity): void {
    this.#activities.set(id, activity);
    for (const listener of this.#listeners) listener(id, activity);
  }
}

/** One client that reads what it is sent, unless a test says that it does not. */
class FakeConnection implements ClientConnection {
  readonly #held = new Map<number, Subscription>();
  readonly #changes: NotificationParams<"session/change">[] = [];
  #wake: (() => void)[] = [];
  #last = 0;
  saturated = false;

  /** All changes of a session that it was sent, in order, and how many notifications carried them. */
  get changes() {
    return this.#changes.flatMap(({ changes }) => changes);
  }

  notify(method: string, params: unknown): void {
    if (method === "session/change") this.#changes.push(params as NotificationParams<"session/change">);
  }
  sendOutput(): void {}
  drained(): Promise<void> {
    return this.saturated ? new Promise((resolve) => void this.#wake.push(resolve)) : Promise.resolve();
  }
  /** It reads again. */
  drain(): void {
    this.saturated = false;
    for (const wake of this.#wake.splice(0)) wake();
  }
  hold(subscription: Subscription): number {
    this.#last += 1;
    this.#held.set(this.#last, subscription);
    return this.#last;
  }
  held(subscription: number): Subscription | undefined {
    return this.#held.get(subscription);
  }
  release(subscription: number): void {
    this.#held.get(subscription)?.dispose();
    this.#held.delete(subscription);
  }
}

/** Lets all that is due in this turn run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
