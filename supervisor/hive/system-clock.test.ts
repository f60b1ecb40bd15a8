import { expect, test } from "vitest";
import { systemClock, systemIdentities } from "./system-clock.ts";

test("a session id is twelve characters that need no quoting anywhere", () => {
  const ids = Array.from({ length: 500 }, () => systemIdentities.sessionId());
  for (const id of ids) expect(id).toMatch(/^[a-z][a-z2-7]{11}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test("a token is 32 bytes as base64url", () => {
  expect(Buffer.from(systemIdentities.token(), "base64url")).toHaveLength(32);
});

test("an index is below its bound", () => {
  const seen = new Set(Array.from({ length: 200 }, () => systemIdentities.index(3)));
  expect([...seen].sort()).toEqual([0, 1, 2]);
});

test("a timer fires once, unless it is disposed of", async () => {
  let disposedFired = false;
  systemClock
    .after(1, () => {
      disposedFired = true;
    })
    .dispose();
  await new Promise<void>((fired) => systemClock.after(5, fired));
  expect(disposedFired).toBe(false);
});

test("a delay longer than a timer takes does not fire at once", async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise<void>((after) => systemClock.after(5, after));
  timer.dispose();
  expect(fired).toBe(false);
});
