import { expect, test } from "vitest";
import { MAX_DELIVERY_PAUSE_MS, MAX_DELIVERY_STEPS } from "../../schemas/host-protocol.ts";
import { MOST_KEYS } from "./keys.ts";
import { messageMarker, messageText, typeMessage } from "./typing.ts";

const plainModes = { bracketedPaste: false, applicationCursor: false };
const pasting = { bracketedPaste: true, applicationCursor: false };
const text = (given: string) => ({ text: given, keys: [], enter: true });
const texts = (...[message, terminal]: Parameters<typeof typeMessage>) =>
  typeMessage(message, terminal).map((write) => write.text);

test("a program that asked for it gets its text as a paste, and Enter in a write of its own after a pause", () => {
  const writes = typeMessage(text("one\ntwo"), { stdio: "terminal", modes: pasting });
  expect(writes).toEqual([
    { text: "\x1b[200~one\rtwo\x1b[201~", pauseMs: 100 },
    { text: "\r", pauseMs: 100 },
  ]);
});

test("a program that did not ask gets the text itself", () => {
  expect(texts(text("one\ntwo"), { stdio: "terminal", modes: plainModes })).toEqual(["one\rtwo", "\r"]);
});

test("no text is Enter alone", () => {
  expect(texts(text(""), { stdio: "terminal", modes: pasting })).toEqual(["\r"]);
});

test("keys follow the text, each in a write of its own, and Enter is not pressed", () => {
  const message = { text: "y", keys: ["escape", "up", "ctrl-c"], enter: false };
  const writes = typeMessage(message, { stdio: "terminal", modes: { bracketedPaste: false, applicationCursor: true } });
  expect(writes.map((write) => write.text)).toEqual(["y", "\x1b", "\x1bOA", "\x03"]);
  const pauses = writes.map((write) => write.pauseMs);
  expect(pauses.every((pauseMs) => pauseMs > 0 && pauseMs <= MAX_DELIVERY_PAUSE_MS)).toBe(true);
  expect(pauses[1], "escape is not taken for Alt").toBeGreaterThan(pauses[2] ?? 0);
  expect(pauses[3], "the next message does not tread on its heels").toBe(100);
});

test("on pipes a message is a line, written at once", () => {
  expect(typeMessage(text("one\ntwo"), { stdio: "pipes", modes: pasting })).toEqual([
    { text: "one\ntwo\n", pauseMs: 0 },
  ]);
});

test("the longest message fits one delivery of the process host", () => {
  const keys = Array.from({ length: MOST_KEYS }, () => "down");
  const writes = typeMessage({ text: "x", keys, enter: false }, { stdio: "terminal", modes: pasting });
  expect(writes.length).toBeLessThanOrEqual(MAX_DELIVERY_STEPS);
});

test("tab and newline are text, and a carriage return before a newline is part of the line's end", () => {
  expect(messageText("a\tb\r\nc\n\u00e9\u4e16")).toEqual({ ok: true, value: "a\tb\nc\n\u00e9\u4e16" });
});

test.each([
  ["\x1b[201~", "U+001B"],
  ["a\rb", "U+000D"],
  ["\0", "U+0000"],
  ["\x03", "U+0003"],
  ["\x7f", "U+007F"],
  ["\u009b201~", "U+009B"],
])("%j is refused: it holds %s", (given, name) => {
  const checked = messageText(`before ${given} after`);
  expect(checked).toMatchObject({ ok: false, fault: { code: "usage", hint: expect.stringContaining("--key") } });
  expect(!checked.ok && checked.fault.message).toContain(name);
});

test("the marker says who sent what on one line, however long it is", () => {
  const by = "session calm-otter";
  expect(messageMarker({ by, text: " and\n\tnow  the tests\n", keys: [] })).toBe(
    "message from session calm-otter: and now the tests",
  );
  expect(messageMarker({ by, text: "y", keys: ["enter", "ctrl-c"] })).toBe(
    "message from session calm-otter: y [enter] [ctrl-c]",
  );
  expect(messageMarker({ by, text: "", keys: [] })).toBe("message from session calm-otter: [enter]");
  const long = messageMarker({ by, text: "\u4e16".repeat(200_000), keys: [] });
  expect(long.length).toBeLessThan(201);
  expect(long.endsWith("\u2026")).toBe(true);
});
