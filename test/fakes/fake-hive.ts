/**
 * A hive in memory, with a world that a test scripts: what its processes do with signals, whom they leave behind, what
 * cannot be started, and a process host that can die. For tests of the weaver and of cortex.
 */
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { HostedProcess, ProcessSpec } from "../../schemas/host-protocol.ts";
import {
  type ExitPayload,
  type GapPayload,
  type MarkerPayload,
  type StreamKey,
  streamId,
} from "../../schemas/segment.ts";
import type { TreeMember, WorkspaceRecord } from "../../supervisor/core/session.ts";
import type { Clock } from "../../supervisor/ports/clock.ts";
import type { Disposable, Hive, HiveEvents } from "../../supervisor/ports/hive.ts";
import { FakeDeliveries } from "./fake-deliveries.ts";

/** One process of the world. A test may change what it does with signals at any time. */
export interface FakeProcess {
  readonly sessionId: string;
  readonly member: TreeMember;
  alive: boolean;
  ignores: readonly string[];
  readonly signals: string[];
}

/** Calls that can be made to fail. A key's fault stands until the key is deleted. */
export type Failing = Partial<
  Record<"observe" | "start" | "signalTree" | "prepare" | "remove" | "append" | "acknowledge" | "deliver", Fault>
>;

export interface FakeHive extends Hive {
  readonly processesOf: (sessionId: string) => readonly FakeProcess[];
  readonly failing: Failing;
  readonly hostId: () => string;
  readonly specs: readonly ProcessSpec[];
  readonly records: readonly { readonly stream: string; readonly record: MarkerPayload | GapPayload }[];
  /** What programs were given to read, by people and by messages: one a write, in order. */
  readonly typed: readonly { readonly stream: string; readonly text: string }[];
  /** Paths of the workspaces that exist. */
  readonly workspacePaths: ReadonlySet<string>;
  /** Work that a removal without force is refused for. */
  unsaved: readonly string[];
  memory: { readonly freeBytes: number; readonly totalBytes: number };
  login: Readonly<Record<string, string>>;
  /** Another process in the session's tree. */
  leaveChild(sessionId: string, command: string, ignores?: readonly string[]): FakeProcess;
  /** The session's main process ends by itself. */
  exit(sessionId: string, exit: ExitPayload): void;
  /** The process host dies; main processes lose their terminal and end, unless they ignore SIGHUP. A new host follows. */
  loseHost(): void;
  activity(key: StreamKey, lastOutputMs: number): void;
}

interface Hosted {
  readonly process: FakeProcess;
  told: HostedProcess;
}

/** Without `after` the pauses of a message pass at once. */
export function createFakeHive(options: {
  readonly id?: string;
  readonly now: () => number;
  readonly after?: Clock["after"];
}): FakeHive {
  const world: FakeProcess[] = [];
  const failing: Failing = {};
  const hosted = new Map<string, Hosted>();
  const specs: ProcessSpec[] = [];
  const records: { stream: string; record: MarkerPayload | GapPayload }[] = [];
  const typed: { stream: string; text: string }[] = [];
  const deliveries = new FakeDeliveries({ now: options.now, after: options.after ?? atOnce });
  const workspacePaths = new Set<string>();
  const exitListeners = new Set<Parameters<HiveEvents["onExit"]>[0]>();
  const activityListeners = new Set<Parameters<HiveEvents["onActivity"]>[0]>();
  const hostListeners = new Set<Parameters<HiveEvents["onHost"]>[0]>();
  let hosts = 1;
  let lastPid = 100;

  const hostId = () => `host-${hosts}`;
  const living = (sessionId: string) => world.filter((process) => process.sessionId === sessionId && process.alive);

  function spawn(sessionId: string, command: string, ignores: readonly string[]): FakeProcess {
    lastPid += 1;
    const member = { pid: lastPid, startTime: String(options.now()), command };
    const process = { sessionId, member, alive: true, ignores, signals: [] };
    world.push(process);
    return process;
  }

  function end(process: FakeProcess, exit: ExitPayload): void {
    process.alive = false;
    deliveries.ended(process);
    const entry = [...hosted.values()].find((candidate) => candidate.process === process);
    if (entry === undefined) return;
    entry.told = { ...entry.told, exit: { ...exit, atMs: options.now() } };
    for (const listener of exitListeners) listener(entry.told);
  }

  function sendSignal(process: FakeProcess, signal: string): void {
    process.signals.push(signal);
    if (signal === "SIGKILL" || !process.ignores.includes(signal)) end(process, { code: null, signal });
  }

  function hostedOf(key: StreamKey): Result<Hosted> {
    const entry = hosted.get(streamId(key));
    return entry === undefined ? failed(fault("not-found", `no process ${streamId(key)}`)) : ok(entry);
  }

  /** Ports answer later, as a real machine does, so that a test sees what happens in between. */
  async function answer<T>(call: keyof Failing | undefined, work: () => Result<T>): Promise<Result<T>> {
    await Promise.resolve();
    const broken = call === undefined ? undefined : failing[call];
    return broken === undefined ? work() : failed(broken);
  }

  function recordOnce(key: StreamKey, record: MarkerPayload | GapPayload): void {
    const again = "id" in record && records.some((one) => "id" in one.record && one.record.id === record.id);
    if (!again) records.push({ stream: streamId(key), record });
  }

  function type(key: StreamKey, bytes: Uint8Array): void {
    typed.push({ stream: streamId(key), text: Buffer.from(bytes).toString() });
  }

  function append(key: StreamKey, record: MarkerPayload | GapPayload): Promise<Result<void>> {
    return answer("append", () => {
      recordOnce(key, record);
      return ok(undefined);
    });
  }

  function subscribe<T>(listeners: Set<T>, listener: T): Disposable {
    listeners.add(listener);
    return { dispose: () => void listeners.delete(listener) };
  }

  const noStreams = () => Promise.resolve(failed(fault("not-found", "a fake hive has no bytes")));

  const hive: FakeHive = {
    id: options.id ?? "hive-memory",
    processesOf: (sessionId) => world.filter((process) => process.sessionId === sessionId),
    failing,
    hostId,
    specs,
    records,
    typed,
    workspacePaths,
    unsaved: [],
    memory: { freeBytes: 8 * 2 ** 30, totalBytes: 16 * 2 ** 30 },
    login: {},
    leaveChild: (sessionId, command, ignores = []) => spawn(sessionId, command, ignores),
    exit(sessionId, exit) {
      const main = [...hosted.values()].find(({ process }) => process.sessionId === sessionId)?.process;
      if (main === undefined) throw new Error(`session ${sessionId} has no main process`);
      end(main, exit);
    },
    loseHost() {
      const mains = [...hosted.values()].map(({ process }) => process);
      hosted.clear();
      hosts += 1;
      deliveries.forget();
      for (const process of mains) if (process.alive) sendSignal(process, "SIGHUP");
      for (const listener of hostListeners) listener(hostId());
    },
    activity(key, lastOutputMs) {
      for (const listener of activityListeners) listener([{ key, lastOutputMs }]);
    },
    onExit: (listener) => subscribe(exitListeners, listener),
    onActivity: (listener) => subscribe(activityListeners, listener),
    onHost: (listener) => subscribe(hostListeners, listener),
    processes: {
      start: (spec) =>
        answer("start", () => {
          const known = hosted.get(streamId(spec.key));
          if (known !== undefined) return ok({ hostId: hostId(), process: known.told });
          specs.push(spec);
          const process = spawn(spec.key.sessionId, spec.argv.join(" "), []);
          const { pid, startTime } = process.member;
          const told = {
            key: spec.key,
            pid,
            startTime,
            startedAtMs: options.now(),
            endOffset: 0,
            lastOutputMs: 0,
            stdio: spec.stdio,
          };
          hosted.set(streamId(spec.key), { process, told });
          return ok({ hostId: hostId(), process: told });
        }),
      observe: (key) => answer("observe", () => ok({ hostId: hostId(), process: hosted.get(streamId(key))?.told })),
      acknowledgeExit: (key) =>
        answer("acknowledge", () => {
          if (hosted.get(streamId(key))?.told.exit !== undefined) hosted.delete(streamId(key));
          return ok(undefined);
        }),
      input: (key, bytes) =>
        answer(undefined, () => {
          const entry = hostedOf(key);
          if (entry.ok) type(key, bytes);
          return voided(entry);
        }),
      async deliver(key, message, bytes) {
        const typing = {
          recipient: () => hosted.get(streamId(key))?.process,
          mark: () => recordOnce(key, message.marker),
          type: (step: Uint8Array) => type(key, step),
        };
        const job = await answer("deliver", () => ok(deliveries.deliver(key.sessionId, message, bytes, typing)));
        return job.ok ? job.value : job;
      },
      closeInput: (key) => answer(undefined, () => voided(hostedOf(key))),
      resize: (key) => answer(undefined, () => voided(hostedOf(key))),
      signal: (key, signal) =>
        answer(undefined, () => {
          const entry = hostedOf(key);
          if (entry.ok && entry.value.process.alive) sendSignal(entry.value.process, signal);
          return voided(entry);
        }),
      appendMarker: append,
      appendGap: append,
      forgetSession: (sessionId) =>
        answer(undefined, () => {
          const entries = [...hosted].filter(([, { process }]) => process.sessionId === sessionId);
          if (entries.some(([, { process }]) => process.alive))
            return failed(fault("conflict", `session ${sessionId} runs`));
          for (const [id] of entries) hosted.delete(id);
          return ok(undefined);
        }),
    },
    trees: {
      members: (sessionId) => answer(undefined, () => ok(living(sessionId).map(({ member }) => member))),
      signal: (sessionId, _main, signal) =>
        answer("signalTree", () => {
          const hit = living(sessionId);
          for (const process of hit) sendSignal(process, signal);
          return ok(hit.map(({ member }) => member));
        }),
      usage: (sessions, { io }) =>
        answer(undefined, () =>
          ok(
            sessions.map(({ sessionId }) => {
              const processes = living(sessionId).length;
              const usage = { sessionId, cpu: 0, memoryBytes: processes << 20, processes, atMs: options.now() };
              return io ? { ...usage, readBytesPerSecond: 0, writtenBytesPerSecond: 0 } : usage;
            }),
          ),
        ),
    },
    machine: {
      memory: () => answer(undefined, () => ok(hive.memory)),
      loginEnvironment: () => answer(undefined, () => ok(hive.login)),
    },
    workspaces: {
      plan: ({ sessionId, sessionName, folder, scratch }) =>
        answer(undefined, () => {
          const path = scratch ? `/scratch/${sessionId}` : `${folder}/.overmind/worktrees/${sessionId}`;
          const workspace: WorkspaceRecord = {
            kind: scratch ? "scratch" : "worktree",
            project: scratch ? path : folder,
            path,
            cwd: path,
            gitDirectory: scratch ? "" : `${folder}/.git`,
            branch: sessionName,
            base: scratch ? "" : "0123456789abcdef0123456789abcdef01234567",
            made: false,
          };
          return ok({ workspace, warnings: [] });
        }),
      prepare: (_sessionId, workspace) =>
        answer("prepare", () => {
          workspacePaths.add(workspace.path);
          return ok({ ...workspace, made: true });
        }),
      unsavedWork: () => answer(undefined, () => ok(hive.unsaved)),
      remove: (sessionId, workspace, { force }) =>
        answer("remove", () => {
          if (hive.unsaved.length > 0 && !force) {
            return failed(fault("work-would-be-lost", `work would be lost: ${hive.unsaved.join("; ")}`));
          }
          workspacePaths.delete(workspace.path);
          return ok(hive.unsaved.length > 0 ? { savedAs: `refs/overmind/trash/${sessionId}` } : {});
        }),
    },
    streams: {
      list: () => answer(undefined, () => ok([])),
      read: noStreams,
      offsetOfLastLines: noStreams,
      offsetOfTime: noStreams,
      follow(_key, _fromOffset, _creditBytes, follower) {
        follower.onEnd();
        return { credit: () => {}, dispose: () => {} };
      },
    },
  };
  return hive;
}

function atOnce(_delayMs: number, run: () => void): Disposable {
  run();
  return { dispose: () => {} };
}

function voided(result: Result<unknown>): Result<void> {
  return result.ok ? ok(undefined) : result;
}
