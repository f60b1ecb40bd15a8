import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { contextFor, type ScriptedSupervisor, scriptedSupervisor } from "../scripted-supervisor.fake.ts";
import { DetachKeys } from "./detach-keys.ts";
import { inputPump } from "./input-pump.ts";
import { TerminalModes } from "./terminal-modes.ts";

describe("Ctrl-P Ctrl-Q", () => {
  const read = (...typed: string[]) => {
    const keys = new DetachKeys();
    return typed.map((one) => {
      const { bytes, detach } = keys.read(Buffer.from(one));
      return [bytes.toString(), detach];
    });
  };

  test.each<[string[], [string, boolean][]]>([
    [["ls\r"], [["ls\r", false]]],
    [["a\x10\x11b"], [["a", true]]],
    [
      ["\x10", "\x11"],
      [
        ["", false],
        ["", true],
      ],
    ],
    [
      ["a\x10", "b"],
      [
        ["a", false],
        ["\x10b", false],
      ],
    ],
    [["\x10\x10\x11"], [["\x10", true]]],
    [
      ["\x10", "\x10", "x"],
      [
        ["", false],
        ["\x10", false],
        ["\x10x", false],
      ],
    ],
    [["\x11\x10x"], [["\x11\x10x", false]]],
  ])("%j", (typed, expected) => {
    expect(read(...typed)).toEqual(expected);
  });

  test("without the two keys whatever is typed arrives whole, however it is cut", () => {
    const key = fc.constantFrom("a", "\x10", "\r", "é");
    fc.assert(
      fc.property(
        fc.array(
          fc.array(key, { maxLength: 4 }).map((keys) => keys.join("")),
          { maxLength: 6 },
        ),
        (pieces) => {
          const keys = new DetachKeys();
          const passed = [...pieces, "z"].map((piece) => keys.read(Buffer.from(piece)).bytes.toString()).join("");
          expect(passed).toBe(`${pieces.join("")}z`);
        },
      ),
    );
  });
});

describe("modes of the terminal", () => {
  const resetAfter = (...output: string[]) => {
    const modes = new TerminalModes();
    for (const one of output) modes.note(Buffer.from(one));
    return modes.reset();
  };

  test.each<[string, string[], string]>([
    ["nothing was switched on", ["plain \x1b[31mred\x1b[0m"], ""],
    ["a program was cut off in the alternate screen", ["\x1b[?1049h\x1b[?25lx"], "\x1b[?1049l\x1b[?25h"],
    ["it left it by itself", ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"], ""],
    [
      "several at once, cut between chunks",
      ["\x1b[?1000;10", "06h\x1b[?20", "04h"],
      "\x1b[?1000l\x1b[?1006l\x1b[?2004l",
    ],
    ["modes that harm nobody", ["\x1b[?7h\x1b[?12l"], ""],
  ])("%s", (_, output, reset) => {
    expect(resetAfter(...output)).toBe(reset);
  });
});

describe("input", () => {
  let supervisor: ScriptedSupervisor | undefined;
  afterEach(() => supervisor?.close());

  test("arrives in order and once, whatever is busy or breaks", async () => {
    let got = "";
    let calls = 0;
    supervisor = await scriptedSupervisor({
      "session/input": async ({ bytes }, peer) => {
        calls += 1;
        if (calls % 3 === 0) throw new FaultError(fault("busy", "it does not read", { retryable: true }));
        await new Promise((wake) => setImmediate(wake));
        got += Buffer.from(bytes, "base64").toString();
        // The answer is lost: it may not be sent again.
        if (calls % 4 === 0) peer.destroy();
        return {};
      },
    });
    const context = contextFor(supervisor.endpoint);
    const pump = inputPump(context.link, "id");
    let sent = "";
    for (let index = 0; index < 40; index += 1) {
      sent += `${index},`;
      await pump.push(Buffer.from(`${index},`));
      if (index % 5 === 0) await new Promise((wake) => setImmediate(wake));
    }
    await vi.waitFor(() => expect(got).toBe(sent), { timeout: 10_000 });
    context.link.close();
  });

  test("a session that takes none says so at the next piece", async () => {
    supervisor = await scriptedSupervisor({
      "session/input": () => {
        throw new FaultError(fault("conflict", "it does not run"));
      },
    });
    const context = contextFor(supervisor.endpoint);
    const pump = inputPump(context.link, "id");
    await pump.push(Buffer.from("a"));
    await vi.waitFor(() => expect(pump.push(Buffer.from("b"))).rejects.toThrow("it does not run"));
    context.link.close();
  });
});
