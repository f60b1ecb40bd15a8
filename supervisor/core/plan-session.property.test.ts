import fc from "fast-check";
import { expect, test } from "vitest";
import { hasEnded } from "./session.ts";
import { SessionWorld, type Settled } from "./session-world.fake.ts";

/** Enough for every ending: a grace of at most 3 s and 10 s of patience, looked at every 100 ms and 50 ms. */
const MOST_LOOKS = 400;

type Happening =
  | { readonly type: "step"; readonly count: number }
  | {
      readonly type:
        | "supervisor-killed"
        | "finish-tick"
        | "port-breaks"
        | "port-heals"
        | "stuck"
        | "unstuck"
        | "program-gone"
        | "work-made"
        | "restart-asked"
        | "full"
        | "writes"
        | "waits-for-human";
    }
  | { readonly type: "time"; readonly ms: number }
  | { readonly type: "main-exits"; readonly code: number | null }
  | { readonly type: "fork"; readonly ignoresTerm: boolean }
  | { readonly type: "child-exits"; readonly index: number }
  | { readonly type: "host-lost"; readonly survivors: number }
  | {
      readonly type: "want";
      readonly state: "stopped" | "removed";
      readonly mode: "stop" | "kill";
      readonly graceMs: number;
      readonly force: boolean;
    };

const graceMs = fc.constantFrom(0, 500, 3_000);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("step" as const), count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("finish-tick" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("time" as const), ms: fc.constantFrom(1, 60, 600, 3_000, 20_000) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("main-exits" as const), code: fc.constantFrom(0, 1, null) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("fork" as const), ignoresTerm: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("child-exits" as const), index: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("host-lost" as const), survivors: fc.nat(7) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("want" as const),
      state: fc.constantFrom("stopped" as const, "removed" as const),
      mode: fc.constantFrom("stop" as const, "kill" as const),
      graceMs,
      force: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom("restart-asked" as const, "full" as const, "writes" as const, "waits-for-human" as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("supervisor-killed" as const, "port-breaks" as const, "port-heals" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("stuck" as const, "unstuck" as const, "program-gone" as const, "work-made" as const),
    }),
  },
);

const restart = fc.record(
  {
    policy: fc.constantFrom("never" as const, "on-failure" as const, "always" as const),
    maxRestarts: fc.nat(3),
    backoffMs: fc.constantFrom(0, 1_000, 45_000),
    windowMs: fc.constantFrom(1, 30_000),
  },
  { requiredKeys: ["policy", "maxRestarts", "backoffMs"] },
);
const spec = fc.record(
  {
    graceMs,
    keepChildren: fc.boolean(),
    removeWhenEnded: fc.boolean(),
    restart,
    activityTimeoutMs: fc.constantFrom(100, 10_000),
  },
  { requiredKeys: ["graceMs", "keepChildren", "removeWhenEnded", "restart"] },
);

/** Lets things happen to a session, between any two steps of the ticks that look at it. */
class Life {
  readonly world: SessionWorld;
  #tick: Generator<void, Settled> | undefined;

  constructor(world: SessionWorld) {
    this.world = world;
  }

  live(happenings: readonly Happening[]): void {
    for (const one of happenings) this.#happen(one);
  }

  /** Nothing happens any more but time: looks until there is nothing left to do. */
  settle(): void {
    const { world } = this;
    this.#tick = undefined;
    world.broken = false;
    world.place = { free: true };
    // Who writes nothing any more would be ended again and again.
    world.wroteAtMs = undefined;
    for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
      const settled = runToEnd(world.tick());
      const effects = world.effects.length;
      const again = runToEnd(world.tick());
      expect(again, "looking again finds the same").toEqual(settled);
      expect(world.effects.slice(effects), "looking again does nothing").toEqual([]);
      if (settled.type === "rest") return;
      // The kernel lets go in the end of what a new start waits for.
      if (!world.removed && world.session.observed.waitsFor === "leftovers") {
        for (const process of world.processes) {
          world.release(process);
          if (process.alive) world.end(process, { code: 0, signal: null });
        }
      }
      world.nowMs = settled.type === "wait" ? settled.untilMs : world.nowMs + 1;
    }
    throw new Error(`no rest after ${MOST_LOOKS} looks: ${world.effects.slice(-6).join(", ")}`);
  }

  #happen(one: Happening): void {
    const { world } = this;
    const main = world.hosted?.process;
    switch (one.type) {
      case "step":
        for (let n = 0; n < one.count; n += 1) this.#step();
        break;
      case "finish-tick":
        this.#tick ??= world.tick();
        runToEnd(this.#tick);
        this.#tick = undefined;
        break;
      case "supervisor-killed":
        this.#tick = undefined;
        break;
      case "time":
        world.nowMs += one.ms;
        break;
      case "main-exits":
        if (main?.alive && !main.stuck)
          world.end(main, { code: one.code, signal: one.code === null ? "SIGSEGV" : null });
        break;
      case "fork":
        world.fork(one);
        break;
      case "child-exits": {
        const child = world.processes.filter(({ alive, isMain, stuck }) => alive && !isMain && !stuck)[one.index];
        if (child !== undefined) world.end(child, { code: 0, signal: null });
        break;
      }
      case "host-lost":
        world.loseHost((process) => process.stuck || ((one.survivors >> (process.member.pid % 3)) & 1) === 1);
        break;
      case "want":
        world.want(one.state, one.mode, one.graceMs, one.force);
        break;
      case "port-breaks":
      case "port-heals":
        world.broken = one.type === "port-breaks";
        break;
      case "stuck":
        for (const process of world.processes) process.stuck = true;
        break;
      case "unstuck":
        for (const process of world.processes) world.release(process);
        break;
      case "program-gone":
        world.startFault = true;
        break;
      case "work-made":
        world.unsavedWork = true;
        break;
      case "restart-asked":
        world.restart();
        break;
      case "full":
        world.place = world.place.free
          ? { free: false, waitsFor: "place", reason: "waits for a place: 1 of 1" }
          : { free: true };
        break;
      case "writes":
        world.wroteAtMs = world.nowMs;
        break;
      case "waits-for-human":
        world.wroteAtMs = undefined;
        break;
    }
  }

  /** One step of the tick under way, or of a new one. */
  #step(): void {
    this.#tick ??= this.world.tick();
    if (this.#tick.next().done === true) this.#tick = undefined;
  }
}

function runToEnd(tick: Generator<void, Settled>): Settled {
  for (;;) {
    const next = tick.next();
    if (next.done === true) return next.value;
  }
}

const lives = fc.record({ spec, happenings: fc.array(happening, { maxLength: 40, size: "max" }) });
const RUNS = { numRuns: 3_000 };

test("whatever happens, a session comes to rest, nothing is done twice, and no law of the world is broken", () => {
  fc.assert(
    fc.property(lives, ({ spec, happenings }) => {
      const world = new SessionWorld(spec);
      const life = new Life(world);
      life.live(happenings);
      life.settle();
      if (world.removed) return;
      const { desired, observed } = world.session;
      const main = world.processes.findLast(({ isMain }) => isMain);
      if (observed.phase === "RUNNING") {
        expect(main?.alive, "what is said to run runs").toBe(true);
        expect(observed.hostId).toBe(world.hostId);
        expect(desired.state).toBe("running");
      } else {
        expect(hasEnded(observed.phase), `${observed.phase} is no place to rest`).toBe(true);
        expect(world.hosted?.exit, "a known exit is acknowledged").toBeUndefined();
        expect(observed.ending).toBeUndefined();
        expect(observed.endedAtMs).toBeDefined();
      }
      if (desired.state === "removed") expect(world.removed, "what is to be removed is removed").toBe(true);
    }),
    RUNS,
  );
});

test("asked to stop, every session ends, whenever it is asked", () => {
  fc.assert(
    fc.property(lives, fc.constantFrom("stop" as const, "kill" as const), ({ spec, happenings }, mode) => {
      const world = new SessionWorld(spec);
      const life = new Life(world);
      life.live(happenings);
      world.want("stopped", mode, 3_000, false);
      life.settle();
      if (world.removed) return;
      expect(hasEnded(world.session.observed.phase)).toBe(true);
      const leftOnPurpose = world.session.spec.keepChildren && world.session.observed.phase !== "STOPPED";
      const left = world.processes.filter(({ alive, stuck }) => alive && !stuck);
      if (!leftOnPurpose) expect(left, "nobody is left").toEqual([]);
    }),
    RUNS,
  );
});

test("asked to be removed by force, every session goes", () => {
  fc.assert(
    fc.property(lives, ({ spec, happenings }) => {
      const world = new SessionWorld(spec);
      const life = new Life(world);
      life.live(happenings);
      world.want("removed", "kill", 0, true);
      life.settle();
      expect(world.removed).toBe(true);
    }),
    RUNS,
  );
});

test("an exit that the host saw is in the record in the end, while that host lives", () => {
  const withoutLoss = fc.record({
    spec,
    happenings: fc.array(
      happening.filter(({ type }) => type !== "host-lost" && type !== "stuck" && type !== "program-gone"),
      { maxLength: 40, size: "max" },
    ),
    code: fc.constantFrom(0, 1, 77),
  });
  fc.assert(
    fc.property(withoutLoss, ({ spec, happenings, code }) => {
      const never = { policy: "never", maxRestarts: 0, backoffMs: 0 } as const;
      const world = new SessionWorld({ ...spec, removeWhenEnded: false, restart: never });
      const life = new Life(world);
      life.live(
        happenings.filter((one) => one.type !== "restart-asked" && (one.type !== "want" || one.state !== "removed")),
      );
      const main = world.processes.findLast(({ isMain }) => isMain);
      if (main?.alive) world.end(main, { code, signal: null });
      life.settle();
      const { observed } = world.session;
      if (main === undefined) return;
      expect(observed.exit).toBeDefined();
      if (observed.exit?.code === code) expect(["COMPLETED", "CRASHED", "STOPPED"]).toContain(observed.phase);
      expect(observed.phase).not.toBe("LOST");
    }),
    RUNS,
  );
});
