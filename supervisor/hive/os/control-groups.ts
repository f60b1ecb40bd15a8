/**
 * The control groups that process hosts of this home have made for sessions (schemas/control-groups.ts): whoever is in
 * one of them belongs to the session, whatever it did to be taken for a stranger. Linux, cgroup v2; elsewhere, and where
 * none can be made, there are none, and nobody misses them.
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import {
  CONTROL_GROUP_MOUNTS,
  CONTROL_GROUP_PIDS,
  CONTROL_GROUP_SIGN,
  controlGroupAround,
  homeControlGroup,
  isHomeControlGroup,
  parseSessionLabel,
} from "../../../schemas/control-groups.ts";

/** Groups of the whole system that are searched for those of dead hosts: a large machine has some hundreds. */
const MAX_SEARCHED = 10_000;

/** Where a process of a session was born, with all groups below. */
export interface SessionGroup {
  readonly path: string;
  readonly pids: readonly number[];
  /** Another Overmind has made groups in it: it was started by the session and is none of its. */
  readonly holdsOthers: boolean;
}

/** The groups that there are at one moment. */
export interface ControlGroupLook {
  /** Who is in them now. */
  groupsOf(sessionId: string): readonly SessionGroup[];
}

export interface ControlGroups {
  /** A host has been connected to: its groups are below its own. Looks for those of hosts before, too. */
  connected(hostPid: number): void;
  look(): Promise<ControlGroupLook>;
  /** Ends everybody in it at once, those included that are being forked. False where the kernel cannot. */
  kill(group: SessionGroup): boolean;
  /** Removes what is empty of the session in groups of hosts before; the present one's it removes itself. */
  forget(sessionId: string): void;
}

export const NO_CONTROL_GROUPS: ControlGroups = {
  connected: () => undefined,
  look: () => Promise.resolve({ groupsOf: () => [] }),
  kill: () => false,
  forget: () => undefined,
};

export function openControlGroups(home: string): ControlGroups {
  const mount = CONTROL_GROUP_MOUNTS.find((path) => existsSync(join(path, CONTROL_GROUP_SIGN)));
  return mount === undefined ? NO_CONTROL_GROUPS : new UnifiedControlGroups(mount, home);
}

class UnifiedControlGroups implements ControlGroups {
  readonly #mount: string;
  readonly #name: string;
  /** Folder of this home's groups below the group of the host that is connected. */
  #present: string | undefined;
  /** The same of hosts before, where it is another one. */
  #earlier: readonly string[] = [];
  #search: Promise<void> = Promise.resolve();
  /** Session by place: a label is never taken away, and no place has the name of one before. */
  #labels: ReadonlyMap<string, string> = new Map();

  constructor(mount: string, home: string) {
    this.#mount = mount;
    this.#name = homeControlGroup(home);
  }

  connected(hostPid: number): void {
    const around = controlGroupAround(readIfThere(`/proc/${hostPid}/cgroup`));
    this.#present = around === undefined ? undefined : join(this.#mount, around, this.#name);
    this.#search = this.#search.then(() => this.#findEarlier());
  }

  async look(): Promise<ControlGroupLook> {
    await this.#search;
    const labels = new Map<string, string>();
    const bySession = new Map<string, string[]>();
    for (const folder of this.#folders()) {
      for (const name of groupsIn(folder)) {
        const place = join(folder, name);
        const sessionId = this.#labels.get(place) ?? labelOf(place);
        if (sessionId === undefined) continue; // The host is in it, and no session yet.
        labels.set(place, sessionId);
        bySession.set(sessionId, [...(bySession.get(sessionId) ?? []), place]);
      }
    }
    this.#labels = labels;
    return { groupsOf: (sessionId) => (bySession.get(sessionId) ?? []).map(contentsOf) };
  }

  kill(group: SessionGroup): boolean {
    try {
      writeFileSync(join(group.path, "cgroup.kill"), "1", { flag: "r+" });
      return true;
    } catch {
      return false; // A kernel before 5.14, or the group is gone.
    }
  }

  forget(sessionId: string): void {
    for (const folder of this.#earlier) {
      for (const name of groupsIn(folder)) {
        if (this.#labels.get(join(folder, name)) === sessionId) removeEmpty(join(folder, name));
      }
      removeQuietly(folder);
    }
  }

  #folders(): string[] {
    return [...(this.#present === undefined ? [] : [this.#present]), ...this.#earlier];
  }

  async #findEarlier(): Promise<void> {
    const found: string[] = [];
    const queue = [this.#mount];
    for (let searched = 0; searched < MAX_SEARCHED; searched += 1) {
      const folder = queue.pop();
      if (folder === undefined) break;
      for (const name of await groupsInLater(folder)) {
        const path = join(folder, name);
        if (name === this.#name && path !== this.#present) found.push(path);
        if (!isHomeControlGroup(name)) queue.push(path);
      }
    }
    for (const folder of found) {
      for (const name of groupsIn(folder)) removeEmpty(join(folder, name));
      removeQuietly(folder);
    }
    this.#earlier = found.filter((folder) => existsSync(folder));
  }
}

function labelOf(place: string): string | undefined {
  return groupsIn(place)
    .map(parseSessionLabel)
    .find((sessionId) => sessionId !== undefined);
}

/** What is in a place and in the groups that its programs have made below it. */
function contentsOf(path: string): SessionGroup {
  const pids: number[] = [];
  let holdsOthers = false;
  const queue = [path];
  for (let folder = queue.pop(); folder !== undefined; folder = queue.pop()) {
    for (const line of readIfThere(join(folder, CONTROL_GROUP_PIDS)).split("\n"))
      if (line !== "") pids.push(Number(line));
    for (const below of groupsIn(folder)) {
      if (isHomeControlGroup(below)) holdsOthers = true;
      else if (parseSessionLabel(below) === undefined) queue.push(join(folder, below));
    }
  }
  return { path, pids, holdsOthers };
}

function removeEmpty(group: string): void {
  if (!/^populated 0$/m.test(readIfThere(join(group, "cgroup.events")))) return;
  for (const name of groupsIn(group)) removeEmpty(join(group, name));
  removeQuietly(group);
}

function groupsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return []; // No such group: none was made, or its last process has ended.
  }
}

async function groupsInLater(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return []; // It went away while we searched.
  }
}

function removeQuietly(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // Somebody is in it yet, or it is gone.
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // The process or the group has gone.
  }
}
