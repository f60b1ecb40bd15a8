/** The Trees port: who belongs to a session, signals to all of them, and what they use. Never signals a stranger. */
import { failed, fault, faultOf, ok, type Result } from "../../schemas/fault.ts";
import { parseSignal } from "../../schemas/signals.ts";
import type { ProcessIdentity, TreeMember, TreeUsage } from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Trees } from "../ports/hive.ts";
import type { ControlGroupLook, ControlGroups, SessionGroup } from "./os/control-groups.ts";
import type { ProcessEntry, ProcessSystem } from "./os/process-table.ts";
import { findMembers, type IndexedTable, indexTable } from "./tree-members.ts";
import { UsageSamples } from "./usage-samples.ts";

/** As ports say: a command line is cut to this. */
const COMMAND_CHARACTERS = 200;
/** A SIGKILL is sent again to who was forked meanwhile; what forks faster than this is seen by the caller's next look. */
const KILL_ROUNDS = 4;

export interface ProcessTreesOptions {
  readonly system: ProcessSystem;
  readonly groups: ControlGroups;
  /** Pids of the supervisor and of the process host, as they are now. */
  readonly exempt: () => ReadonlySet<number>;
  readonly log: Log;
}

interface Look {
  readonly index: IndexedTable;
  readonly groups: ControlGroupLook;
}

interface Found {
  readonly members: readonly ProcessEntry[];
  readonly groups: readonly SessionGroup[];
}

export class ProcessTrees implements Trees {
  readonly #options: ProcessTreesOptions;
  /** Members by session, pid to start time, as the last look found them. */
  readonly #remembered = new Map<string, ReadonlyMap<number, string>>();
  /** Main processes that a process host has shown to us: session id to "pid start time". */
  readonly #seen = new Map<string, ReadonlySet<string>>();
  readonly #samples = new UsageSamples();
  #lastPass: Promise<unknown> = Promise.resolve();
  #nextPass: Promise<Result<Look>> | undefined;

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
    this.#samples.forget(sessionId);
    this.#options.groups.forget(sessionId);
  }

  async members(sessionId: string, main: ProcessIdentity | undefined): Promise<Result<readonly TreeMember[]>> {
    const look = await this.#look();
    if (!look.ok) return look;
    const { members } = this.#find(look.value, sessionId, main, true);
    return ok(members.map((entry) => describe(look.value.index, entry)));
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
      const look = await this.#look();
      if (!look.ok) return signalled.size > 0 ? ok([...signalled.values()]) : look;
      const found = this.#find(look.value, sessionId, main, true);
      const fresh = found.members.filter((entry) => !signalled.has(nameOf(entry)));
      for (const entry of fresh) {
        const member = describe(look.value.index, entry);
        if (this.#send(member, signal, sessionId)) signalled.set(nameOf(entry), member);
      }
      const unnamed = signal === "SIGKILL" && this.#killGroups(look.value.index, found);
      if (fresh.length === 0 && !unnamed) break;
    }
    return ok([...signalled.values()]);
  }

  async usage(
    sessions: readonly { readonly sessionId: string; readonly main: ProcessIdentity }[],
    options: { readonly io: boolean },
  ): Promise<Result<readonly TreeUsage[]>> {
    const look = await this.#look();
    if (!look.ok) return look;
    const nowMs = Date.now();
    this.#samples.forgetOld(nowMs);
    const { table } = look.value.index;
    return ok(
      sessions.map(({ sessionId, main }) => {
        const entries = this.#find(look.value, sessionId, main, false).members;
        return {
          sessionId,
          cpu: this.#samples.cpu(sessionId, entries, nowMs),
          memoryBytes: entries.reduce((sum, entry) => sum + entry.memoryBytes, 0),
          processes: entries.length,
          ...(options.io
            ? this.#samples.io(
                sessionId,
                entries.map((entry) => table.io(entry)),
                nowMs,
              )
            : {}),
          atMs: nowMs,
        };
      }),
    );
  }

  #find(look: Look, sessionId: string, main: ProcessIdentity | undefined, searchMarks: boolean): Found {
    const groups = look.groups.groupsOf(sessionId);
    const members = findMembers(look.index, {
      sessionId,
      main,
      mainWasSeen: main !== undefined && this.#seen.get(sessionId)?.has(nameOf(main)) === true,
      remembered: this.#remembered.get(sessionId) ?? new Map(),
      grouped: groups.flatMap(({ pids }) => pids),
      exempt: this.#options.exempt(),
      searchMarks,
    });
    if (members.length === 0) this.#remembered.delete(sessionId);
    else this.#remembered.set(sessionId, new Map(members.map(({ pid, startTime }) => [pid, startTime])));
    return { members, groups };
  }

  /**
   * Whoever was forked since the look goes too. Only where everybody is a member who was in the group at the look: right
   * after a start the host is in it as well, and once it is out it never comes back. True: there were some of whom the
   * look knew nothing.
   */
  #killGroups(index: IndexedTable, { members, groups }: Found): boolean {
    const exempt = this.#options.exempt();
    const pids = new Set(members.map(({ pid }) => pid));
    const mayDie = (pid: number) => pids.has(pid) || !(exempt.has(pid) || index.byPid.has(pid));
    let killedUnnamed = false;
    for (const group of groups) {
      if (group.holdsOthers || !group.pids.every(mayDie)) continue;
      const killed = this.#options.groups.kill(group);
      if (killed && group.pids.some((pid) => !pids.has(pid))) killedUnnamed = true;
    }
    return killedUnnamed;
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
  #look(): Promise<Result<Look>> {
    if (this.#nextPass !== undefined) return this.#nextPass;
    const pass = this.#lastPass.then(async (): Promise<Result<Look>> => {
      this.#nextPass = undefined;
      try {
        const groups = await this.#options.groups.look();
        const table = await this.#options.system.readTable();
        return table.ok ? ok({ index: indexTable(table.value), groups }) : table;
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
