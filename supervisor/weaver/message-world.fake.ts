/**
 * One session's messages and the world around them, as a model: a program that remembers what was typed into it, the
 * process host that types, the records, and the real controller. It stops wherever it speaks to the world, so that a
 * test can let anything happen there, or leave it standing for ever (the supervisor was killed).
 */
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { HostDelivered } from "../../schemas/host-protocol.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { IDLE_AFTER_MS, rawActivity } from "../core/activity.ts";
import { RAW_PATIENCE_MS } from "../core/plan-messages.ts";
import type { MessageRecord, Observed, SessionRecord } from "../core/session.ts";
import { hasEnded, SETTLED_MESSAGE_STATES } from "../core/session.ts";
import { createMessageController, type MessageParts } from "./message-controller.ts";
import type { Outcome } from "./outcome.ts";

/** What the host knows of one message. */
interface Job {
  readonly attempt: number;
  state: "waiting" | "typing" | "done";
  answer?: Result<HostDelivered>;
  readonly waiters: ((answer: Result<HostDelivered>) => void)[];
}

interface Typed {
  readonly id: string;
  readonly attempt: number;
  readonly hostId: string;
  whole: boolean;
}

interface Program {
  readonly attempt: number;
  readonly startedAtMs: number;
  alive: boolean;
  /** It has closed its standard input, and runs on. */
  isClosed: boolean;
}

export class MessageWorld {
  nowMs = 1_000_000;
  session: SessionRecord | undefined;
  messages: MessageRecord[] = [];
  /** Everything that any program ever received, in order. */
  readonly typed: Typed[] = [];
  hostId = "host-1";
  /** Undefined once the host has forgotten it, or there is none. */
  program: Program | undefined;
  /** It never falls silent. */
  noisy = false;
  /** Faults of the store and of the host's connection, which pass. */
  broken = false;
  readonly writes: string[] = [];
  #lastOutputMs = 0;
  /** A supervisor that has just begun has heard nothing yet. */
  #hasHeard = true;
  #jobs = new Map<string, Job>();
  #gate: (() => void) | undefined;
  #tick: Promise<Outcome> | undefined;
  #outcome: Outcome | undefined;
  #supervisor = 0;
  #broken: unknown;

  constructor(stdio: "terminal" | "pipes") {
    this.session = sessionRecord({ spec: { stdio }, observed: { phase: "RUNNING", attempt: 1, hostId: this.hostId } });
    this.#start(1);
  }

  // What people and programs do.

  send(options: { readonly now: boolean }): void {
    if (this.session === undefined || hasEnded(this.session.observed.phase)) return;
    const sequence = this.messages.length + 1;
    this.messages.push({
      id: `m${sequence}`,
      sessionId: this.session.id,
      sequence,
      createdAtMs: this.nowMs,
      by: "the user",
      text: `message ${sequence}`,
      keys: [],
      enter: true,
      now: options.now,
      state: "queued",
      reason: "sent",
      revision: 1,
    });
  }

  output(): void {
    if (this.program?.alive) this.#lastOutputMs = this.nowMs;
    this.#hasHeard = true;
  }

  exit(): void {
    if (this.program !== undefined) this.program.alive = false;
    for (const [id, job] of this.#jobs) if (job.state !== "done") this.#end(id, job);
  }

  /** Only a pipe can be closed. What it is being sent is whole by then: a pipe takes it in one write. */
  closeInput(): void {
    if (this.session?.spec.stdio === "pipes" && this.program !== undefined) this.program.isClosed = true;
  }

  stop(): void {
    if (this.session === undefined) return;
    const asked = { mode: "stop", graceMs: 0, requestedAtMs: this.nowMs, by: "the user" } as const;
    this.session = { ...this.session, desired: { state: "stopped", ...asked } };
  }

  remove(): void {
    if (this.session !== undefined && hasEnded(this.session.observed.phase)) this.session = undefined;
  }

  loseHost(): void {
    this.exit();
    this.program = undefined;
    this.hostId = `host-${Number(this.hostId.slice(5)) + 1}`;
    for (const { waiters } of this.#jobs.values()) for (const tell of waiters.splice(0)) tell(failed(lostHost()));
    this.#jobs = new Map();
  }

  /** What the session's own controller does, one step: sees an end, starts anew or leaves it ended. */
  notice(options: { readonly startsAgain: boolean }): void {
    const { session, program } = this;
    if (session === undefined || hasEnded(session.observed.phase)) return;
    const { phase, attempt } = session.observed;
    if (phase === "BACKOFF") {
      if (session.desired.state !== "running") this.#become({ phase: "STOPPED" });
      else {
        this.#start(attempt + 1);
        this.#become({ phase: "RUNNING", attempt: attempt + 1, hostId: this.hostId });
      }
    } else if (!program?.alive) {
      this.program = undefined;
      const goesOn = options.startsAgain && session.desired.state === "running";
      this.#become({ phase: goesOn ? "BACKOFF" : "COMPLETED" });
    } else if (session.desired.state !== "running") this.exit();
  }

  // The supervisor and its process host.

  /** Goes on to where the controller speaks to the world next; begins a tick when none is under way. */
  async step(): Promise<void> {
    if (this.#tick === undefined) this.#begin();
    else if (this.#gate !== undefined) {
      const release = this.#gate;
      this.#gate = undefined;
      release();
    } else this.work();
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** The tick under way, or a new one, to its end. */
  async finish(): Promise<Outcome> {
    if (this.#tick === undefined) this.#begin();
    while (this.#outcome === undefined) await this.step();
    const outcome = this.#outcome;
    this.#tick = undefined;
    this.#outcome = undefined;
    return outcome;
  }

  kill(): void {
    this.#supervisor += 1;
    this.#gate = undefined;
    this.#tick = undefined;
    this.#outcome = undefined;
    this.#hasHeard = false;
    for (const job of this.#jobs.values()) job.waiters.length = 0;
  }

  /** The host types on: one step of the job that is first. */
  work(): void {
    const next = [...this.#jobs].find(([, { state }]) => state !== "done");
    if (next === undefined) return;
    const [id, job] = next;
    if (job.state === "typing") {
      const typed = this.typed.find((one) => one.id === id && one.hostId === this.hostId);
      if (typed !== undefined) typed.whole = true;
      this.#answer(job, ok({ outcome: "delivered", atMs: this.nowMs }));
    } else {
      job.state = "typing";
      this.#checkTyping(id);
      this.typed.push({ id, attempt: job.attempt, hostId: this.hostId, whole: false });
    }
    this.output();
  }

  unsettled(): readonly MessageRecord[] {
    return this.messages.filter(({ state }) => !SETTLED_MESSAGE_STATES.has(state));
  }

  #begin(): void {
    const supervisor = this.#supervisor;
    this.#tick = createMessageController(this.#parts())(this.session?.id ?? "abcdefghijkl");
    this.#tick.then(
      (outcome) => {
        if (supervisor === this.#supervisor) this.#outcome = outcome;
      },
      (error: unknown) => {
        // As the loop's fence: what may pass is tried again. A broken law fails the test.
        if (!(error instanceof PassingFault)) this.#broken = error;
        if (supervisor === this.#supervisor) this.#outcome = { type: "retry", fault: lostHost() };
      },
    );
  }

  #parts(): MessageParts {
    return {
      store: {
        session: () => this.session,
        lastInTurn: () => this.messages.findLast(({ now, state }) => !now && state === "delivered"),
        messages: (_, filter) => (filter?.unsettled === true ? this.unsettled() : this.messages),
        changeMessage: (id, revision, change) => {
          const before = this.messages.find((message) => message.id === id);
          if (before === undefined || before.revision !== revision) throw new Error(`${id} was changed by another`);
          if (this.broken) throw new PassingFault();
          if (SETTLED_MESSAGE_STATES.has(before.state)) throw new Error(`${id} was settled as ${before.state}`);
          if (change.state === "delivering") check(this.#mayBegin(before), `the time of ${id} has come`);
          const { atMs: _atMs, ...set } = change;
          const after = { ...before, ...set, revision: revision + 1 };
          this.messages = this.messages.map((message) => (message.id === id ? after : message));
          this.writes.push(`${id} ${change.state}`);
          return after;
        },
      },
      hive: {
        id: "hive-memory",
        processes: {
          observe: async ({ attempt }) => {
            await this.#pass();
            if (this.broken) return failed(lostHost());
            const { program, hostId } = this;
            if (program?.attempt !== attempt) return ok({ hostId, process: undefined });
            return ok({ hostId, process: this.#hosted(program) });
          },
          deliver: async ({ attempt }, { messageId }) => {
            await this.#pass();
            if (this.broken) return failed(lostHost());
            const host = this.hostId;
            const answer = await this.#deliver(messageId, attempt);
            await this.#pass();
            return host === this.hostId ? answer : failed(lostHost());
          },
        },
      },
      clock: { now: () => this.nowMs },
      log: { info() {}, warn() {}, error() {} },
      activity: { of: () => (this.#hasHeard ? rawActivity(this.lastOutputMs, this.nowMs) : "idle") },
      terminals: { modes: () => Promise.resolve({ bracketedPaste: false, applicationCursor: false }) },
    };
  }

  get lastOutputMs(): number {
    return this.noisy && this.program?.alive ? this.nowMs : this.#lastOutputMs;
  }

  #pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#gate = resolve;
    });
  }

  #hosted({ attempt, startedAtMs, alive }: Program) {
    const key = { sessionId: "abcdefghijkl", process: "main", attempt };
    const told = { key, pid: 101, startTime: "1", startedAtMs, endOffset: 0, stdio: "terminal" as const };
    const hosted = { ...told, lastOutputMs: this.lastOutputMs };
    return alive ? hosted : { ...hosted, exit: { code: 0, signal: null, atMs: this.nowMs } };
  }

  #deliver(id: string, attempt: number): Promise<Result<HostDelivered>> | Result<HostDelivered> {
    const known = this.#jobs.get(id);
    if (known?.answer !== undefined) return known.answer;
    const takesIt = this.program?.attempt === attempt && this.program.alive && !this.program.isClosed;
    if (known === undefined && !takesIt) return failed(notThere());
    const job: Job = known ?? { attempt, state: "waiting", waiters: [] };
    this.#jobs.set(id, job);
    return new Promise((resolve) => job.waiters.push(resolve));
  }

  /** The program has ended under it. */
  #end(id: string, job: Job): void {
    if (job.state === "typing") {
      this.#answer(job, ok({ outcome: "interrupted", atMs: this.nowMs }));
      return;
    }
    this.#jobs.delete(id);
    for (const tell of job.waiters) tell(failed(notThere()));
  }

  #answer(job: Job, answer: Result<HostDelivered>): void {
    job.state = "done";
    job.answer = answer;
    for (const tell of job.waiters.splice(0)) tell(answer);
  }

  #start(attempt: number): void {
    this.program = { attempt, startedAtMs: this.nowMs, alive: true, isClosed: false };
    this.#lastOutputMs = 0;
  }

  #become(observed: Partial<Observed>): void {
    if (this.session !== undefined)
      this.session = { ...this.session, observed: { ...this.session.observed, ...observed } };
  }

  /** The laws of what may be typed when. */
  #checkTyping(id: string): void {
    const message = this.messages.find((one) => one.id === id);
    if (message === undefined) throw new Error(`broken: ${id} was never sent`);
    check(!this.typed.some((one) => one.id === id), `${id} is typed once`);
    const before = this.messages.filter((one) => one.sequence < message.sequence && one.now === message.now);
    check(
      before.every((one) => SETTLED_MESSAGE_STATES.has(one.state)),
      `${id} is typed after all of its kind that came before it`,
    );
  }

  #mayBegin(message: MessageRecord): boolean {
    const { program, session } = this;
    if (program === undefined || session?.observed.phase !== "RUNNING") return false;
    const since = Math.max(message.createdAtMs, program.startedAtMs);
    const isSilent = this.nowMs - Math.max(this.lastOutputMs, program.startedAtMs) >= IDLE_AFTER_MS;
    const isBehind = this.messages.some(
      (one) => !one.now && one.attempt === program.attempt && (one.deliveredAtMs ?? 0) >= message.createdAtMs,
    );
    return message.now || isSilent || isBehind || this.nowMs - since >= RAW_PATIENCE_MS;
  }
}

class PassingFault extends Error {}

function lostHost(): Fault {
  return fault("host-unavailable", "the connection is lost", { retryable: true });
}

function notThere(): Fault {
  return fault("conflict", "the process has ended");
}

function check(holds: boolean, law: string): void {
  if (!holds) throw new Error(`broken: ${law}`);
}
