/** The Trees port: who belongs to a session, signals to all of them, and what they use. Never signals a stranger. */
import { availableParallelism } from "node:os";
import { failed, fault, faultOf, ok, type Result } from "../../schemas/fault.ts";
import { parseSignal } from "../../schemas/signals.ts";
import type { ProcessIdentity, TreeMember, TreeUsage } from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Trees } from "../ports/hive.ts";
import type { ProcessEntry, ProcessSystem } from "./os/process-table.ts";
import { findMembers, type IndexedTable, indexTable } from "./tree-members.ts";

/** As ports say: a command line is cut to this. */
const COMMAND_CHARACTERS = 200;
/** A SIGKILL is sent again to who was forked meanwhile; what forks faster than this is seen by the caller's next look. */
const KILL_ROUNDS = 4;
/** The system counts CPU in steps of 10 ms: over less time than this a share would be noise, so the last one stands. */
const SHORTEST_SAMPLE_MS = 200;
/** A session that nobody has asked about for so long has no sample any more. */
const SAMPLE_LIFE_MS = 10 * 60_000;

export interface ProcessTreesOptions {
  readonly system: ProcessSystem;
  /** Pids of the supervisor and of the process host, as they are now. */
  readonly exempt: () => ReadonlySet<number>;
  readonly log: Log;
}

interface Sample {
  readonly atMs: number;
  readonly usage: TreeUsage;
  /** CPU seconds by process. */
  readonly cpu: ReadonlyMap<string, number>;
}

export class ProcessTrees implements Trees {
  readonly #options: ProcessTreesOptions;
  /** Members by session, pid to start time, as the last look found them. */
  readonly #remembered = new Map<string, ReadonlyMap<number, string>>();
  /** Main processes that a process host has shown to us: session id to "pid start time". */
  readonly #seen = new Map<string, ReadonlySet<string>>();
  readonly #samples = new Map<string, Sample>();
  #lastPass: Promise<unknown> = Promise.resolve();
  #nextPass: Promise<Result<IndexedTable>> | undefined;

  constructor(options: ProcessTreesOptions) {
    this.#options = options;
  }

  /** A process host says that this is, or was a moment ago, a process of the session. */
  sawMain(sessionId: string, main: ProcessIdentity): void {
    const seen = this.#seen.get(sessionId);
    if (seen?.has(nameOf(main)) !== true) this.#seen.set(sessionId, new Set([...(seen ?? []), nameOf(main)]));
  }

  forget(sessionId: string): void {
    this.#remembered.delete(sessionId);
    this.#seen.delete(sessionId);
    this.#samples.delete(sessionId);
  }

  async members(sessionId: string, main: ProcessIdentity | undefined): Promise<Result<readonly TreeMember[]>> {
    const index = await this.#pass();
    if (!index.ok) return index;
    return ok(this.#find(index.value, sessionId, main, true).map((entry) => describe(index.value, entry)));
  }

  async signal(
    sessionId: string,
    main: ProcessIdentity | undefined,
    name: string,
  ): Promise<Result<readonly TreeMember[]>> {
    const signal = parseSignal(name);
    if (signal === undefined) return failed(fault("invalid-params", `there is no signal ${name}`));
    const signalled = new Map<string, TreeMember>();
    const rounds = signal === "SIGKILL" ? KILL_ROUNDS : 1;
    for (let round = 0; round < rounds; round += 1) {
      const index = await this.#pass();
      if (!index.ok) return signalled.size > 0 ? ok([...signalled.values()]) : index;
      const found = this.#find(index.value, sessionId, main, true).filter((entry) => !signalled.has(nameOf(entry)));
      if (found.length === 0) break;
      for (const entry of found) {
        const member = describe(index.value, entry);
        if (this.#send(member, signal, sessionId)) signalled.set(nameOf(entry), member);
      }
    }
    return ok([...signalled.values()]);
  }

  async usage(
    sessions: readonly { readonly sessionId: string; readonly main: ProcessIdentity }[],
  ): Promise<Result<readonly TreeUsage[]>> {
    const index = await this.#pass();
    if (!index.ok) return index;
    const nowMs = Date.now();
    for (const [id, { atMs }] of this.#samples) if (nowMs - atMs > SAMPLE_LIFE_MS) this.#samples.delete(id);
    return ok(
      sessions.map(({ sessionId, main }) => {
        const entries = this.#find(index.value, sessionId, main, false);
        return this.#sample(sessionId, entries, nowMs);
      }),
    );
  }

  #sample(sessionId: string, entries: readonly ProcessEntry[], nowMs: number): TreeUsage {
    const before = this.#samples.get(sessionId);
    const facts = {
      sessionId,
      memoryBytes: entries.reduce((sum, entry) => sum + entry.memoryBytes, 0),
      processes: entries.length,
      atMs: nowMs,
    };
    const elapsedMs = nowMs - (before?.atMs ?? nowMs);
    if (before !== undefined && elapsedMs < SHORTEST_SAMPLE_MS) return { ...facts, cpu: before.usage.cpu };
    let spent = 0;
    if (before !== undefined) {
      // Who is new since the last sample has spent all of its time since then.
      for (const entry of entries) spent += Math.max(0, entry.cpuSeconds - (before.cpu.get(nameOf(entry)) ?? 0));
    }
    const cpu = elapsedMs === 0 ? 0 : Math.min(availableParallelism(), (spent * 1000) / elapsedMs);
    const usage = { ...facts, cpu };
    const spentBy = new Map(entries.map((entry) => [nameOf(entry), entry.cpuSeconds]));
    this.#samples.set(sessionId, { atMs: nowMs, usage, cpu: spentBy });
    return usage;
  }

  #find(
    index: IndexedTable,
    sessionId: string,
    main: ProcessIdentity | undefined,
    searchMarks: boolean,
  ): ProcessEntry[] {
    const found = findMembers(index, {
      sessionId,
      main,
      mainWasSeen: main !== undefined && this.#seen.get(sessionId)?.has(nameOf(main)) === true,
      remembered: this.#remembered.get(sessionId) ?? new Map(),
      exempt: this.#options.exempt(),
      searchMarks,
    });
    if (found.length === 0) this.#remembered.delete(sessionId);
    else this.#remembered.set(sessionId, new Map(found.map(({ pid, startTime }) => [pid, startTime])));
    return found;
  }

  /** Its number may have been given to another since the look: asked once more, right before. */
  #send(member: TreeMember, signal: string, sessionId: string): boolean {
    const { system, log } = this.#options;
    if (system.startTime(member.pid) !== member.startTime) return false;
    try {
      process.kill(member.pid, signal);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== "ESRCH") log.warn("a process could not be signalled", { sessionId, ...member, signal, code });
      return false;
    }
    try {
      // A stopped process would take the signal only when somebody continues it.
      if (signal === "SIGTERM") process.kill(member.pid, "SIGCONT");
    } catch {
      // The first signal has ended it already.
    }
    return true;
  }

  /** Whoever asks before a look has begun shares it; who asks later gets the next one, so that nobody sees the past. */
  #pass(): Promise<Result<IndexedTable>> {
    if (this.#nextPass !== undefined) return this.#nextPass;
    const pass = this.#lastPass.then(async (): Promise<Result<IndexedTable>> => {
      this.#nextPass = undefined;
      try {
        const table = await this.#options.system.readTable();
        return table.ok ? ok(indexTable(table.value)) : table;
      } catch (error) {
        return failed(faultOf(error));
      }
    });
    this.#lastPass = pass;
    this.#nextPass = pass;
    return pass;
  }
}

function describe(index: IndexedTable, entry: ProcessEntry): TreeMember {
  const { pid, startTime } = entry;
  return { pid, startTime, command: index.table.command(entry).slice(0, COMMAND_CHARACTERS) };
}

function nameOf({ pid, startTime }: ProcessIdentity): string {
  return `${pid} ${startTime}`;
}
