/** What every hive promises of processes and their trees (supervisor/ports/hive.ts), run on the real one and on the fake. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HostedProcess, MAX_PENDING_INPUT_BYTES, type ProcessSpec } from "../../schemas/host-protocol.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import { isLoginVariable } from "../../supervisor/core/environment.ts";
import type { Hive } from "../../supervisor/ports/hive.ts";

/** A loaded machine is given this long. */
const LIMIT = { timeout: 8_000, interval: 5 };

export interface OpenedHive {
  readonly hive: Hive;
  /** A process on pipes that runs until it is told to end, whatever it reads. */
  spec(key: StreamKey): ProcessSpec;
  newKey(): StreamKey;
  /** Makes the main process end by itself. */
  exit(key: StreamKey, code: number): Promise<void>;
  /** Ids of the markers in the stream, in order. */
  markers(key: StreamKey): Promise<readonly string[]>;
  /** What was typed to the process, one a write, in order; what made it exit included. */
  typed(key: StreamKey): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

export function processesContract(name: string, open: () => Promise<OpenedHive>): void {
  describe(`${name} keeps the contract of processes`, () => {
    let opened: OpenedHive;
    let hive: Hive;
    let key: StreamKey;
    beforeEach(async () => {
      opened = await open();
      hive = opened.hive;
      key = opened.newKey();
    });
    afterEach(() => opened.dispose());

    const start = async () => {
      const started = await hive.processes.start(opened.spec(key));
      if (!started.ok) throw new Error(started.fault.message);
      return started.value;
    };
    /** Each text is a step, with the pause before the next. */
    const deliver = (messageId: string, texts: readonly string[], pauseMs = 0) => {
      const bytes = texts.map((text) => Buffer.from(text));
      const steps = bytes.map(({ length }, index) => ({
        bytes: length,
        pauseMs: index < texts.length - 1 ? pauseMs : 0,
      }));
      const marker = { id: `message:${messageId}`, marker: "message", text: messageId } as const;
      return hive.processes.deliver(key, { messageId, marker, steps }, Buffer.concat(bytes));
    };
    /** Call it before what ends the process. */
    const exitOf = (wanted: StreamKey) =>
      new Promise<HostedProcess>((resolve) => {
        const listening = hive.onExit((process) => {
          if (process.key.sessionId !== wanted.sessionId) return;
          listening.dispose();
          resolve(process);
        });
      });

    test("what was never started is unknown, to a host that has a name", async () => {
      const seen = await hive.processes.observe(key);
      expect(seen).toMatchObject({ ok: true, value: { process: undefined, hostId: expect.stringMatching(/./) } });
      expect(await hive.processes.input(key, Buffer.from("x"))).toMatchObject({
        ok: false,
        fault: { code: "not-found" },
      });
      expect(await hive.processes.signal(key, "SIGTERM")).toMatchObject({ ok: false, fault: { code: "not-found" } });
      expect(await hive.processes.acknowledgeExit(key)).toMatchObject({ ok: true });
    });

    test("a process is started once, however often that is asked", async () => {
      const { hostId, process } = await start();
      expect(process).toMatchObject({ key, pid: expect.any(Number), startTime: expect.stringMatching(/./) });
      expect(process.exit).toBeUndefined();
      const again = await start();
      expect(again).toMatchObject({ hostId, process: { pid: process.pid, startTime: process.startTime } });
      const seen = await hive.processes.observe(key);
      expect(seen).toMatchObject({ ok: true, value: { hostId, process: { pid: process.pid } } });
    });

    test.each([0, 1, 42, 255])("it exits with %i, which is told, and kept until it is acknowledged", async (code) => {
      await start();
      const told = exitOf(key);
      await opened.exit(key, code);
      expect(await told).toMatchObject({ key, exit: { code, signal: null } });
      for (let look = 0; look < 2; look += 1) {
        expect(await hive.processes.observe(key)).toMatchObject({ ok: true, value: { process: { exit: { code } } } });
      }
      expect(await hive.processes.acknowledgeExit(key)).toMatchObject({ ok: true });
      expect(await hive.processes.observe(key)).toMatchObject({ ok: true, value: { process: undefined } });
      expect(await hive.processes.acknowledgeExit(key)).toMatchObject({ ok: true });
    });

    test.each(["SIGTERM", "SIGKILL"])("%s to the main process is how it ended", async (signal) => {
      await start();
      const told = exitOf(key);
      expect(await hive.processes.signal(key, signal)).toMatchObject({ ok: true });
      expect((await told).exit).toMatchObject({ code: null, signal });
    });

    test("its tree has the main process, and nobody when it is gone", async () => {
      const { process } = await start();
      const main = { pid: process.pid, startTime: process.startTime };
      const members = await hive.trees.members(key.sessionId, main);
      expect(members).toMatchObject({ ok: true, value: [main] });
      const told = exitOf(key);
      expect(await hive.trees.signal(key.sessionId, main, "SIGKILL")).toMatchObject({ ok: true, value: [main] });
      await told;
      expect(await hive.trees.members(key.sessionId, main)).toEqual({ ok: true, value: [] });
      expect(await hive.trees.signal(key.sessionId, main, "SIGKILL")).toEqual({ ok: true, value: [] });
    });

    test("what it uses is told of those who are asked about, in their order", async () => {
      const { process } = await start();
      const main = { pid: process.pid, startTime: process.startTime };
      const nobody = { sessionId: opened.newKey().sessionId, main: { pid: 1 << 22, startTime: "1" } };
      const usage = await hive.trees.usage([{ sessionId: key.sessionId, main }, nobody], { io: false });
      expect(usage).toMatchObject({
        ok: true,
        value: [
          { sessionId: key.sessionId, processes: 1 },
          { sessionId: nobody.sessionId, processes: 0, memoryBytes: 0 },
        ],
      });
      expect(usage.ok && usage.value.some((one) => "readBytesPerSecond" in one)).toBe(false);
    });

    test("the machine says what memory it has, and nothing of a login that is no login's", async () => {
      const memory = await hive.machine.memory();
      if (!memory.ok) throw new Error(memory.fault.message);
      expect(memory.value.freeBytes).toBeGreaterThan(0);
      expect(memory.value.totalBytes).toBeGreaterThan(memory.value.freeBytes);
      const login = await hive.machine.loginEnvironment();
      if (!login.ok) throw new Error(login.fault.message);
      expect(Object.keys(login.value).filter((name) => !isLoginVariable(name))).toEqual([]);
    });

    test("a marker stands in the stream once, however often it is appended", async () => {
      await start();
      for (const id of ["transition:1", "transition:2", "transition:1"]) {
        const marker = { id, marker: "transition", text: "a change" } as const;
        expect(await hive.processes.appendMarker(key, marker)).toMatchObject({ ok: true });
      }
      expect(await opened.markers(key)).toEqual(["transition:1", "transition:2"]);
    });

    test("a message is typed once, step by step, and marked, however often it is asked for", async () => {
      await start();
      const [first, underWay] = await Promise.all([
        deliver("m1", ["text", "\n"], 20),
        deliver("m1", ["text", "\n"], 20),
      ]);
      expect(first).toMatchObject({ ok: true, value: { outcome: "delivered", atMs: expect.any(Number) } });
      expect(underWay).toEqual(first);
      expect(await deliver("m1", ["text", "\n"])).toEqual(first);
      expect(await opened.typed(key)).toEqual(["text", "\n"]);
      expect(await opened.markers(key)).toEqual(["message:m1"]);
    });

    test("a message that was typed is known when the process has ended, and one that was not is refused", async () => {
      await start();
      const first = await deliver("m1", ["text\n"]);
      expect(first).toMatchObject({ ok: true, value: { outcome: "delivered" } });
      const told = exitOf(key);
      await opened.exit(key, 0);
      await told;
      expect(await deliver("m1", ["text\n"])).toEqual(first);
      expect(await deliver("m2", ["text\n"])).toMatchObject({ ok: false, fault: { code: "conflict" } });
      expect(await hive.processes.acknowledgeExit(key)).toMatchObject({ ok: true });
      expect(await deliver("m1", ["text\n"])).toEqual(first);
      expect(await deliver("m2", ["text\n"])).toMatchObject({ ok: false, fault: { code: "not-found" } });
      expect((await opened.typed(key))[0]).toBe("text\n");
      expect(await opened.markers(key)).toEqual(["message:m1"]);
    });

    test("a message whose process ends between its steps is interrupted, and stays so", async () => {
      await start();
      const asked = deliver("m1", ["half", "\n"], 10_000);
      await expect.poll(() => opened.typed(key), LIMIT).toEqual(["half"]);
      const told = exitOf(key);
      expect(await hive.processes.signal(key, "SIGKILL")).toMatchObject({ ok: true });
      await told;
      const interrupted = await asked;
      expect(interrupted).toMatchObject({ ok: true, value: { outcome: "interrupted" } });
      expect(await deliver("m1", ["half", "\n"])).toEqual(interrupted);
      expect(await opened.typed(key)).toEqual(["half"]);
    });

    test("messages are typed one after the other; a person's typing waits for none of them", async () => {
      await start();
      const both = [deliver("m1", ["1a", "1b"], 2_000), deliver("m2", ["2a", "2b"])];
      expect(await hive.processes.input(key, Buffer.from("typed"))).toMatchObject({ ok: true });
      expect(await opened.typed(key)).toEqual(["1a", "typed"]);
      expect(await opened.markers(key), "the second is marked when its turn comes").toEqual(["message:m1"]);
      for (const one of await Promise.all(both))
        expect(one).toMatchObject({ ok: true, value: { outcome: "delivered" } });
      expect(await opened.typed(key)).toEqual(["1a", "typed", "1b", "2a", "2b"]);
      expect(await opened.markers(key)).toEqual(["message:m1", "message:m2"]);
    });

    test("a message for which there is no room is refused whole, and may be asked for again", async () => {
      expect(await deliver("m1", ["text\n"])).toMatchObject({ ok: false, fault: { code: "not-found" } });
      await start();
      const tooMuch = ["a".repeat(MAX_PENDING_INPUT_BYTES), "\n"];
      expect(await deliver("m1", tooMuch)).toMatchObject({ ok: false, fault: { code: "busy", retryable: true } });
      expect(await opened.markers(key)).toEqual([]);
      expect(await deliver("m1", ["text\n"])).toMatchObject({ ok: true, value: { outcome: "delivered" } });
      expect(await opened.typed(key)).toEqual(["text\n"]);
    });

    test("a session is forgotten only when nothing of it runs", async () => {
      await start();
      expect(await hive.processes.forgetSession(key.sessionId)).toMatchObject({
        ok: false,
        fault: { code: "conflict" },
      });
      const told = exitOf(key);
      await opened.exit(key, 0);
      await told;
      expect(await hive.processes.forgetSession(key.sessionId)).toMatchObject({ ok: true });
      expect(await hive.processes.observe(key)).toMatchObject({ ok: true, value: { process: undefined } });
      expect(await hive.processes.forgetSession(key.sessionId)).toMatchObject({ ok: true });
    });
  });
}
