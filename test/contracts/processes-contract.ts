/** What every hive promises of processes and their trees (supervisor/ports/hive.ts), run on the real one and on the fake. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HostedProcess, ProcessSpec } from "../../schemas/host-protocol.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import type { Hive } from "../../supervisor/ports/hive.ts";

export interface OpenedHive {
  readonly hive: Hive;
  /** A process that runs until it is told to end. */
  spec(key: StreamKey): ProcessSpec;
  newKey(): StreamKey;
  /** Makes the main process end by itself. */
  exit(key: StreamKey, code: number): Promise<void>;
  /** Ids of the markers in the stream, in order. */
  markers(key: StreamKey): Promise<readonly string[]>;
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
      const usage = await hive.trees.usage([{ sessionId: key.sessionId, main }, nobody]);
      expect(usage).toMatchObject({
        ok: true,
        value: [
          { sessionId: key.sessionId, processes: 1 },
          { sessionId: nobody.sessionId, processes: 0, memoryBytes: 0 },
        ],
      });
    });

    test("a marker stands in the stream once, however often it is appended", async () => {
      await start();
      for (const id of ["transition:1", "transition:2", "transition:1"]) {
        const marker = { id, marker: "transition", text: "a change" } as const;
        expect(await hive.processes.appendMarker(key, marker)).toMatchObject({ ok: true });
      }
      expect(await opened.markers(key)).toEqual(["transition:1", "transition:2"]);
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
