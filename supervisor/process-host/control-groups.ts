/**
 * A control group for each process and all that will ever descend from it, where the system lets us make one: it holds
 * who has forked twice, made a session of its own and emptied its environment too. Where none can be made nothing is
 * lost but that: the hive finds what belongs to a session by its other marks as well.
 *
 * A process must be in its group before it can fork, and neither node-pty nor Node can start one in another group than
 * our own: moved right after its start, it may have forked before. (A shell in front of the program, which enters and
 * then becomes it, would drop variables whose names are no identifiers, and make an exit of a program that cannot be
 * started.) So the host itself is in the place where the next process is born, labels it when it knows whose it is, and
 * goes on to a new place right behind the fork. The kernel takes some ten milliseconds for that, which no start waits
 * for but one that comes within them, and it is done on another thread.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CONTROL_GROUP_MOUNTS,
  CONTROL_GROUP_PIDS,
  CONTROL_GROUP_SIGN,
  controlGroupAround,
  homeControlGroup,
  parseSessionLabel,
  sessionLabel,
} from "../../schemas/control-groups.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import { describeError, report } from "./report.ts";

/** To the kernel: the process that writes. */
const MYSELF = "0";

export interface ControlGroups {
  /**
   * Calls `start`, which forks in the turn in which it is called, when the host is in a place that is this process's
   * alone, or where it is when there is none. One after the other.
   */
  startIn<T>(key: StreamKey, start: () => Promise<T>): Promise<T>;
  /** Removes the groups of a session that hold nobody any more. */
  removeEmpty(sessionId: string): void;
  /** The same of all sessions, those of hosts before included. */
  removeAllEmpty(): void;
  /** The host ends: it takes its own place away too. */
  leave(): void;
}

const NO_CONTROL_GROUPS: ControlGroups = {
  startIn: (_, start) => start(),
  removeEmpty: () => undefined,
  removeAllEmpty: () => undefined,
  leave: () => undefined,
};

/** Also removes what a host before this one left behind and nobody is in. */
export function openControlGroups(home: string): ControlGroups {
  const base = groupAround();
  // Who cannot go back must not go in. It also leaves the group of a session that we may have been started from.
  if (base === undefined || enter(base) !== undefined) return NO_CONTROL_GROUPS;
  const ofHome = join(base, homeControlGroup(home));
  if (!make(ofHome)) return NO_CONTROL_GROUPS;
  return new UnifiedControlGroups(base, ofHome);
}

class UnifiedControlGroups implements ControlGroups {
  readonly #base: string;
  readonly #ofHome: string;
  /** By session: where its processes were born and may yet be. */
  readonly #places = new Map<string, Set<string>>();
  /** Never a name twice, over hosts too: who remembers a place must not mistake another for it. */
  readonly #prefix = Date.now().toString(36);
  #count = 0;
  /** Where the host is and the next process is born; undefined when it is in none of ours. */
  #place: string | undefined;
  /** Ends when the host is out of the place of the last start. */
  #turn: Promise<void>;

  constructor(base: string, ofHome: string) {
    this.#base = base;
    this.#ofHome = ofHome;
    for (const name of groupsIn(ofHome)) this.#adopt(join(ofHome, name));
    this.#turn = this.#goOn();
  }

  startIn<T>(key: StreamKey, start: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const startNow = () => void start().then(resolve, reject);
      this.#turn = this.#turn.then(() => this.#startHere(key.sessionId, startNow)).catch(reject);
    });
  }

  removeEmpty(sessionId: string): void {
    const places = this.#places.get(sessionId) ?? new Set();
    for (const place of places) if (removeIfEmpty(place)) places.delete(place);
    if (places.size === 0) this.#places.delete(sessionId);
  }

  removeAllEmpty(): void {
    for (const sessionId of [...this.#places.keys()]) this.removeEmpty(sessionId);
  }

  leave(): void {
    this.removeAllEmpty();
    enter(this.#base);
    if (this.#place !== undefined) removeQuietly(this.#place);
    removeQuietly(this.#ofHome);
  }

  async #startHere(sessionId: string, start: () => void): Promise<void> {
    const place = this.#place;
    if (place !== undefined) {
      make(join(place, sessionLabel(sessionId)));
      this.#remember(sessionId, place);
    }
    start();
    await this.#goOn();
    // It is empty when nothing could be started, or what was has ended by now.
    this.removeEmpty(sessionId);
  }

  /** No fault: the system may refuse for many reasons, and sessions run without as well. The next start tries again. */
  async #goOn(): Promise<void> {
    this.#count += 1;
    const next = join(this.#ofHome, `${this.#prefix}-${this.#count}`);
    const isMade = make(next);
    if (isMade && (await enterSoon(next)) === undefined) {
      this.#place = next;
      return;
    }
    if (isMade) removeQuietly(next);
    const obstacle = this.#place === undefined ? undefined : await enterSoon(this.#base);
    // The hive never takes us for a member, wherever we are.
    if (obstacle !== undefined) report(`cannot leave the control group ${this.#place}: ${describeError(obstacle)}`);
    this.#place = undefined;
  }

  /** One of a host before us. */
  #adopt(place: string): void {
    if (removeIfEmpty(place)) return;
    for (const name of groupsIn(place)) {
      const sessionId = parseSessionLabel(name);
      if (sessionId !== undefined) this.#remember(sessionId, place);
    }
  }

  #remember(sessionId: string, place: string): void {
    const places = this.#places.get(sessionId);
    if (places === undefined) this.#places.set(sessionId, new Set([place]));
    else places.add(place);
  }
}

function groupAround(): string | undefined {
  const mount = CONTROL_GROUP_MOUNTS.find((path) => existsSync(join(path, CONTROL_GROUP_SIGN)));
  if (mount === undefined) return undefined;
  try {
    const around = controlGroupAround(readFileSync("/proc/self/cgroup", "utf8"));
    return around === undefined ? undefined : join(mount, around);
  } catch {
    return undefined; // A sandbox that hides it.
  }
}

function make(group: string): boolean {
  try {
    mkdirSync(group, { recursive: true });
    return true;
  } catch {
    return false; // Read-only, not ours, or too many.
  }
}

/** Undefined when we are in, else why not. */
function enter(group: string): unknown {
  try {
    writeFileSync(join(group, CONTROL_GROUP_PIDS), MYSELF);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The same on another thread: the kernel takes the whole process, whichever of its threads asks. */
async function enterSoon(group: string): Promise<unknown> {
  try {
    await writeFile(join(group, CONTROL_GROUP_PIDS), MYSELF);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** With the groups that its programs have made in it: while anybody is in one of them, all stay. True: it is gone. */
function removeIfEmpty(group: string): boolean {
  if (!existsSync(group)) return true;
  if (!isEmpty(group)) return false;
  for (const name of groupsIn(group)) removeIfEmpty(join(group, name));
  return removeQuietly(group);
}

function isEmpty(group: string): boolean {
  try {
    return /^populated 0$/m.test(readFileSync(join(group, "cgroup.events"), "utf8"));
  } catch {
    return false; // It is gone, or not ours to judge.
  }
}

function groupsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return []; // No such group.
  }
}

function removeQuietly(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return false; // Somebody or something is in it yet, or it is gone.
  }
}
