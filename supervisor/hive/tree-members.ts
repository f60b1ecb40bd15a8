/**
 * Which processes belong to a session: its main process, what descends from it, what shares a terminal session or
 * process group with one of them, what was seen to belong before, and what carries the session's id in its environment
 * (which finds a daemon that forked twice and made a session of its own, also after the supervisor was restarted).
 * Where the process host could make a control group for it, that says it with certainty; the other marks find those who
 * were moved out of it, and all of them where there is none.
 */
import type { ProcessIdentity } from "../core/session.ts";
import type { ProcessEntry, ProcessTable } from "./os/process-table.ts";

/** A session's id, as identities make it: another one in an environment says whose that process is. */
const SESSION_ID = /^[a-z][a-z2-7]{11}$/;

export interface TreeQuery {
  readonly sessionId: string;
  readonly main: ProcessIdentity | undefined;
  /**
   * Somebody has seen `main` run since the machine booted. Only then is its number, when it is gone, still known to be
   * that of the terminal session it led, and not a stranger's who was given it later.
   */
  readonly mainWasSeen: boolean;
  /** Seen as members before: pid to start time. */
  readonly remembered: ReadonlyMap<number, string>;
  /** Pids in the session's control groups, as of after the table. */
  readonly grouped: readonly number[];
  /** Pids of the supervisor and the process host. They and what they start are never members. */
  readonly exempt: ReadonlySet<number>;
  /** Also look into the environments of all processes of this user: complete, and dearer. */
  readonly searchMarks: boolean;
}

/** A process table with its relations, made once for all sessions that are asked about. */
export interface IndexedTable {
  readonly table: ProcessTable;
  readonly living: readonly ProcessEntry[];
  readonly byPid: ReadonlyMap<number, ProcessEntry>;
  readonly byParent: ReadonlyMap<number, readonly ProcessEntry[]>;
  readonly bySession: ReadonlyMap<number, readonly ProcessEntry[]>;
  readonly byGroup: ReadonlyMap<number, readonly ProcessEntry[]>;
}

export function indexTable(table: ProcessTable): IndexedTable {
  const living = [...table.entries.values()].filter((entry) => !entry.isZombie);
  return {
    table,
    living,
    byPid: new Map(living.map((entry) => [entry.pid, entry])),
    byParent: groupBy(living, (entry) => entry.parentPid),
    bySession: groupBy(living, (entry) => entry.sessionLeader),
    byGroup: groupBy(living, (entry) => entry.groupId),
  };
}

export function findMembers(index: IndexedTable, query: TreeQuery): ProcessEntry[] {
  const { main, exempt } = query;
  const { table, byPid } = index;
  const members = new Map<number, ProcessEntry>();
  const queue: ProcessEntry[] = [];
  const earliest = main === undefined ? 0 : table.orderOf(main.startTime);

  const add = (entry: ProcessEntry) => {
    if (members.has(entry.pid) || isForeign(entry)) return;
    members.set(entry.pid, entry);
    queue.push(entry);
  };
  /** The supervisor and the host, wherever they were started from, other homes' too, and other sessions. */
  const isForeign = (entry: ProcessEntry) => {
    if (exempt.has(entry.pid)) return true;
    // Daemons of ours and other sessions' mains lead sessions of their own: who never left ours need not be asked.
    if (main !== undefined && (entry.pid === main.pid || entry.sessionLeader === main.pid)) return false;
    const mark = table.mark(entry);
    if (mark === undefined) return false;
    return mark.isDaemon || isOther(mark.sessionId);
  };
  const isOther = (id: string | undefined) => id !== undefined && id !== query.sessionId && SESSION_ID.test(id);

  for (const root of rootsOf(index, query, earliest)) add(root);
  for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
    for (const child of index.byParent.get(entry.pid) ?? []) add(child);
    if (entry.groupId === entry.pid) for (const other of index.byGroup.get(entry.groupId) ?? []) add(other);
    const leader = entry.sessionLeader;
    // While anybody is left in a session or group, the kernel gives its leader's number to no other process. A leader
    // that lives and is no member is somebody's terminal, in which one of ours happens to run.
    if (leader > 0 && (leader === entry.pid || !byPid.has(leader))) {
      for (const other of index.bySession.get(leader) ?? []) if (other.startOrder >= earliest) add(other);
    }
  }
  return [...members.values()];
}

function* rootsOf(index: IndexedTable, query: TreeQuery, earliest: number): Iterable<ProcessEntry> {
  const { main, remembered, sessionId } = query;
  const { table, living, byPid } = index;
  if (main !== undefined) {
    const entry = byPid.get(main.pid);
    if (entry?.startTime === main.startTime) yield entry;
    else if (entry === undefined && query.mainWasSeen) yield* leftBehind(index, main.pid, earliest);
  }
  for (const [pid, startTime] of remembered) {
    const entry = byPid.get(pid);
    if (entry?.startTime === startTime) yield entry;
  }
  for (const pid of query.grouped) {
    const entry = byPid.get(pid);
    if (entry !== undefined) yield entry;
  }
  if (!query.searchMarks) return;
  for (const entry of living) {
    if (entry.startOrder < earliest || query.exempt.has(entry.pid) || !table.isOurs(entry)) continue;
    const mark = table.mark(entry);
    if (mark?.sessionId === sessionId && !mark.isDaemon) yield entry;
  }
}

/** In the terminal session and process group that a main process led which has gone. */
function* leftBehind(index: IndexedTable, mainPid: number, earliest: number): Iterable<ProcessEntry> {
  for (const entries of [index.bySession.get(mainPid), index.byGroup.get(mainPid)]) {
    for (const entry of entries ?? []) if (entry.startOrder >= earliest) yield entry;
  }
}

function groupBy(entries: readonly ProcessEntry[], keyOf: (entry: ProcessEntry) => number) {
  const groups = new Map<number, ProcessEntry[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry));
    if (group === undefined) groups.set(keyOf(entry), [entry]);
    else group.push(entry);
  }
  return groups;
}
