/**
 * Hive: this machine. Processes (through the process host), process trees, git worktrees, segment files and the clock,
 * behind the ports of supervisor/ports. It does what it is told and tells what it sees; it never decides what should
 * run, never reads or writes the store, and touches no process, file or branch that is not marked as ours.
 * main.ts opens it; serve-hive.ts puts it behind the hive protocol. Cortex, weaver and akasha never import from here.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Result } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import type { HostedProcess, HostHello } from "../../schemas/host-protocol.ts";
import { streamId } from "../../schemas/segment.ts";
import type { Log } from "../ports/clock.ts";
import type { Disposable, Hive, HiveEvents } from "../ports/hive.ts";
import { ActivityNotices } from "./activity-notices.ts";
import { Git } from "./git.ts";
import type { HostNews } from "./host-connection.ts";
import type { HostCommand } from "./host-process.ts";
import { type HostLimits, HostProxy } from "./host-proxy.ts";
import { localMachine } from "./machine.ts";
import { openControlGroups } from "./os/control-groups.ts";
import { processSystem } from "./process-identity.ts";
import { HostedProcesses, hostProcesses } from "./processes.ts";
import { LocalStreams } from "./streams.ts";
import { ProcessTrees } from "./trees.ts";
import { GitWorkspaces } from "./workspaces.ts";

/** Deleting a large worktree takes minutes; whoever ends the supervisor need not wait, for the next removal finishes it. */
const DELETION_PATIENCE_MS = 2_000;

export interface LocalHiveOptions {
  readonly hiveId: string;
  readonly layout: HomeLayout;
  readonly hostCommand: HostCommand;
  /** Higher than that of any supervisor before this one: the process host obeys the highest. */
  readonly epoch: number;
  readonly version: string;
  readonly limits: HostLimits;
  readonly log: Log;
  /** What the files of agents and worktrees get. The supervisor's own, stricter one when it is undefined. */
  readonly umask?: number;
  /** False: do not wait until a process host is connected. Until then requests are `host-unavailable`; onHost tells. */
  readonly waitForHost?: boolean;
}

/** The connected process host, for `status`. */
export interface HostState {
  readonly pid: number;
  readonly version: string;
  readonly hostId: string;
  readonly processes: number;
}

export interface LocalHive extends Hive {
  /** Undefined while none is connected. */
  host(): HostState | undefined;
  /** How much log the process host keeps; it is told again whenever it is connected to. */
  setLimits(limits: HostLimits): Promise<void>;
  /** Sessions go on. With `endIdleHost` the process host ends too, if nothing is left for it to watch over. */
  close(options: { readonly endIdleHost: boolean }): Promise<void>;
}

/** Resolves once a process host is connected or could not be had; in that case, and later, it is tried again by itself. */
export async function openLocalHive(options: LocalHiveOptions): Promise<LocalHive> {
  const { layout, hostCommand, epoch, version, limits, log, umask } = options;
  const exit = new Listeners<HostedProcess>();
  const activity = new Listeners<Parameters<Parameters<HiveEvents["onActivity"]>[0]>[0]>();
  const host = new Listeners<string>();
  const known = new HostedProcesses();
  const notices = new ActivityNotices((told) => activity.tell(told));
  const groups = openControlGroups(layout.home);
  const trees = new ProcessTrees({ system: processSystem(), groups, exempt: () => exemptPids(proxy.host), log });
  const saw = ({ key, pid, startTime }: HostedProcess) => trees.sawMain(key.sessionId, { pid, startTime });

  const proxy: HostProxy = new HostProxy({
    layout,
    command: hostCommand,
    epoch,
    version,
    umask,
    limits,
    log,
    onConnected(hello) {
      groups.connected(hello.pid);
      known.replace(hello.processes);
      for (const one of hello.processes) saw(one);
      streams.hostChanged();
      host.tell(hello.hostId);
    },
    onLost() {
      known.replace([]);
      streams.hostChanged();
    },
    onNews,
  });

  const streams = new LocalStreams({
    logs: layout.logs,
    host: { request: (request) => proxy.request(request), send: (command) => proxy.send(command) },
    log,
  });
  const workspaces = new GitWorkspaces({
    git: new Git(process.env, umask),
    scratch: layout.scratch,
    trash: layout.trash,
    log,
  });
  const processes = hostProcesses(proxy, known, {
    started: saw,
    forgotten(sessionId) {
      streams.forgetSession(sessionId);
      trees.forget(sessionId);
    },
  });

  function onNews(news: HostNews, bytes: Buffer): void {
    switch (news.type) {
      case "data":
        streams.onData(news, bytes);
        notices.sent(streamId(news.key), news.key, bytes);
        return;
      case "offsets":
        notices.grew(news.streams);
        streams.onOffsets(news);
        return;
      case "exit":
        known.set(news.process);
        saw(news.process);
        exit.tell(news.process);
        return;
      case "dropped":
        return; // Whoever is behind finds it out from the files.
    }
  }

  const connected = proxy.start();
  if (options.waitForHost !== false) await connected;
  return {
    id: options.hiveId,
    processes,
    trees,
    workspaces,
    streams,
    machine: localMachine(process.env),
    onExit: (listener) => exit.add(listener),
    onActivity: (listener) => activity.add(listener),
    onHost: (listener) => host.add(listener),
    host() {
      if (!proxy.host.ok) return undefined;
      const { pid, version: hostVersion, hostId } = proxy.host.value;
      return { pid, version: hostVersion, hostId, processes: known.running };
    },
    setLimits: (next) => proxy.setLimits(next),
    async close(closing) {
      await proxy.close(closing);
      notices.dispose();
      streams.close();
      await Promise.race([workspaces.idle(), delay(DELETION_PATIENCE_MS, undefined, { ref: false })]);
    },
  };
}

/** Wherever they were started from, they are no session's. */
function exemptPids(host: Result<HostHello>): Set<number> {
  return new Set(host.ok ? [process.pid, host.value.pid] : [process.pid]);
}

class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  add(listener: (value: T) => void): Disposable {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  tell(value: T): void {
    for (const listener of this.#listeners) listener(value);
  }
}
