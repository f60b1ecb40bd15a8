import fc from "fast-check";
import { expect, test } from "vitest";
import { parseLabelSelector } from "./label-selector.ts";

const labels = { team: "core", tier: "1", empty: "" };

function selects(text: string, of: Readonly<Record<string, string>> = labels): boolean {
  const selector = parseLabelSelector(text);
  if (!selector.ok) throw new Error(selector.fault.message);
  return selector.value(of);
}

test.each([
  ["", true],
  ["team", true],
  ["!team", false],
  ["gone", false],
  ["!gone", true],
  ["! gone", true],
  ["team=core", true],
  ["team==core", true],
  ["team = core", true],
  ["team=other", false],
  ["team!=core", false],
  ["team!=other", true],
  ["gone!=core", true],
  ["empty=", true],
  ["empty", true],
  ["team=core,tier=1", true],
  ["team=core, tier=2", false],
  ["team=core,!gone", true],
  // Not labels, though every object answers to them.
  ["toString", false],
  ["!constructor", true],
  ["__proto__!=x", true],
])("%j selects: %s", (text, expected) => {
  expect(selects(text)).toBe(expected);
});

test.each([" ", ",", "team,", "=core", "!=core", "!", "!!team", "a b", "!team=core"])("%j is refused", (text) => {
  const selector = parseLabelSelector(text);
  expect(selector.ok).toBe(false);
  expect(selector).toMatchObject({ fault: { code: "usage", hint: expect.stringContaining("k!=v") } });
});

test("a wrong selector is not echoed at length", () => {
  const selector = parseLabelSelector(`=${"x".repeat(900)}`);
  expect(selector.ok || selector.fault.message.length).toBeLessThan(100);
});

test("k=v and k!=v are each other's opposite, whatever the labels", () => {
  const key = fc.stringMatching(/^[a-z./-]{1,8}$/);
  const value = fc.stringMatching(/^[a-z0-9]{0,4}$/);
  fc.assert(
    fc.property(key, value, fc.dictionary(key, value), (k, v, of) => {
      expect(selects(`${k}=${v}`, of)).toBe(!selects(`${k}!=${v}`, of));
      expect(selects(`${k}=${v}`, { ...of, [k]: v })).toBe(true);
    }),
  );
});
