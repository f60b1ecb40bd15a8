import { describe, expect, test } from "vitest";
import { styleFor } from "../../../schemas/text/style.ts";
import type { Output } from "../context.ts";
import { LogPrinter, type LogPrinterOptions } from "./log-printer.ts";
import type { LogLine, LogNote } from "./log-reader.ts";

const TIME = Date.UTC(2026, 10, 24, 12, 0, 0);
const ant = { name: "ant", process: "main" };
const bee = { name: "bee", process: "main" };
const line = (text: string): LogLine => ({ type: "line", timeMs: TIME, attempt: 1, kind: "terminal", text });
const note = (text: string): LogNote => ({ type: "note", timeMs: TIME, attempt: 1, kind: "marker", text });

function printer(
  options: Partial<LogPrinterOptions> & { readonly isTerminal?: boolean; readonly colour?: boolean } = {},
) {
  let written = "";
  const { isTerminal = false, colour = false, ...rest } = options;
  const out: Output = {
    isTerminal,
    colour,
    style: styleFor(colour),
    async write(data) {
      written += data as string;
    },
  };
  const made = new LogPrinter(out, { tagged: false, timestamps: false, raw: false, json: false, ...rest });
  return { made, written: () => written };
}

describe("a prompt that waits for its end", () => {
  test("is shown, and continued where it stands", async () => {
    const { made, written } = printer();
    await made.printPending(ant, "name? ");
    await made.printPending(ant, "name? A");
    await made.printPending(ant, "name? A");
    await made.print(ant, [line("name? Ada"), line("hello")]);
    expect(written()).toBe("name? Ada\nhello\n");
  });

  test("ends before another session's line, and is told whole when its own end comes", async () => {
    const { made, written } = printer({ tagged: true });
    await made.printPending(ant, "name? ");
    await made.print(bee, [line("working")]);
    await made.print(ant, [line("name? Ada")]);
    expect(written()).toBe("ant | name? \nbee | working\nant | name? Ada\n");
  });

  test("a progress bar is taken back on a terminal, and not repeated where nothing can be taken back", async () => {
    const terminal = printer({ isTerminal: true });
    const pipe = printer();
    for (const { made } of [terminal, pipe]) {
      await made.printPending(ant, "10%");
      await made.printPending(ant, "50%");
      await made.print(ant, [line("done")]);
    }
    expect(terminal.written()).toBe("10%\r\x1b[K50%\r\x1b[Kdone\n");
    expect(pipe.written()).toBe("10%\ndone\n");
  });

  test("a marker stands on a line of its own, and the log's end ends the line", async () => {
    const { made, written } = printer();
    await made.printPending(ant, "abc");
    await made.print(ant, [note("RUNNING -> LOST: gone")]);
    await made.printPending(ant, "abc");
    await made.finish();
    await made.finish();
    expect(written()).toMatch(/^abc\n-- overmind: RUNNING -> LOST: gone \(\d\d:\d\d:\d\d\)\nabc\n$/);
  });
});

test("times and JSON show a line once, whole", async () => {
  const timed = printer({ timestamps: true });
  await timed.made.printPending(ant, "abc");
  await timed.made.print(ant, [line("abcd")]);
  expect(timed.written()).toBe("2026-11-24T12:00:00.000Z abcd\n");
  const json = printer({ json: true });
  await json.made.printPending(ant, "abc");
  await json.made.print(ant, [line("abcd"), note("x")]);
  expect(
    json
      .written()
      .split("\n")
      .slice(0, 2)
      .map((one) => JSON.parse(one) as { kind: string; text: string }),
  ).toMatchObject([
    { kind: "terminal", text: "abcd", session: "ant", attempt: 1 },
    { kind: "marker", text: "x" },
  ]);
});

test("input that a program got on pipes is no output", async () => {
  const { made, written } = printer();
  await made.print(ant, [{ ...line("secret"), kind: "stdin" }, line("out")]);
  expect(written()).toBe("out\n");
});

test("tags are coloured on a terminal, the same session always alike, and markers dim", async () => {
  const { made, written } = printer({ tagged: true, colour: true });
  await made.print(ant, [line("a"), note("n"), line("b")]);
  const [first, second, third] = written().split("\n");
  const tag = /^\x1b\[\d+mant\x1b\[39m \| /;
  expect(first).toMatch(tag);
  expect(third?.replace(/b$/, "a")).toBe(first);
  expect(second).toContain("\x1b[2m-- overmind: n");
});
