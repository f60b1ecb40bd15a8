import { expect, test } from "vitest";
import type { MessageView } from "../session-view.ts";
import { messagesTable } from "./messages-table.ts";
import { receiptExitCode, receiptText } from "./receipt.ts";

const NOW = Date.parse("2026-11-24T12:00:00Z");

test.each([
  ["delivered", false, 0, "delivered to calm-otter\n"],
  ["delivered", true, 124, "delivered to calm-otter, timed out: it is not idle yet\n"],
  ["queued", false, 0, "queued for calm-otter: why\n"],
  ["queued", true, 124, "timed out: the message stays queued for calm-otter: why\n"],
  ["delivering", true, 124, "timed out: the message stays queued for calm-otter: why\n"],
  ["failed", false, 1, "failed: calm-otter did not get the message: why\n"],
  ["unconfirmed", false, 6, "unconfirmed: whether calm-otter got the message is not known: why\n"],
] as const)("%s, timed out %s: exit code %i", (state, timedOut, exitCode, text) => {
  const message = { state, reason: "why" };
  expect(receiptText({ message, sessionName: "calm-otter", timedOut }, { colour: false })).toBe(text);
  expect(receiptExitCode({ message, timedOut })).toBe(exitCode);
});

test("a reason cannot command the terminal", () => {
  const receipt = { message: { state: "failed", reason: "\x1b[2J\n" }, sessionName: "a", timedOut: false } as const;
  expect(receiptText(receipt, { colour: false })).toBe("failed: a did not get the message: \\x1b[2J\\n\n");
});

test("the table shows each message on a line, long and hostile ones too", () => {
  const message: MessageView = {
    id: "abcdefgh",
    sessionId: "abcdefghijkl",
    createdAt: new Date(NOW - 65_000).toISOString(),
    by: "session calm-otter",
    text: `one\ntwo\x1b[2J ${"x".repeat(1000)}`,
    keys: [],
    state: "queued",
    reason: "it waits",
    attempt: null,
    deliveredAt: null,
  };
  const keys: MessageView = { ...message, id: "b", text: "", keys: ["escape", "up"], state: "failed", reason: "ended" };
  const lines = messagesTable([message, keys], { nowMs: NOW, colour: false }).split("\n");
  expect(lines[0]).toMatch(/^ID +STATE +AGE +BY +TEXT +REASON$/);
  expect(lines[1]).toMatch(/^abcdefgh +queued +1m5s +session calm-otter +one\\ntwo\\x1b\[2J x+… +it waits$/);
  expect(lines[1]?.length).toBeLessThan(140);
  expect(lines[2]).toMatch(/^b +failed +1m5s +session calm-otter +\[escape\] \[up\] +ended$/);
  expect(messagesTable([], { nowMs: NOW, colour: false })).toBe("ID  STATE  AGE  BY  TEXT  REASON\n");
});
