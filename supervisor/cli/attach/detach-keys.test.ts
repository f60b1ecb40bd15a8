import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_DETACH_KEYS, type DetachKey, parseDetachKeys } from "../../../schemas/detach-keys.ts";
import { DetachKeys } from "./detach-keys.ts";
import { TypedInput } from "./typed-input.ts";

function keysOf(text: string): readonly DetachKey[] {
  const parsed = parseDetachKeys(text);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

/** What is passed on of each piece that is typed; "!" stands for detached. */
function typing(keys: string, typed: readonly string[]): string[] {
  const input = new TypedInput(() => false);
  const detachKeys = new DetachKeys(keysOf(keys));
  return typed.map((piece) => {
    let passed = "";
    for (const part of input.read(Buffer.from(piece))) {
      const { bytes, detach } = detachKeys.read(part);
      passed += bytes.toString();
      if (detach) return `${passed}!`;
    }
    return passed;
  });
}

describe("the usual keys", () => {
  test.each<[string[], string[]]>([
    [["ls\r"], ["ls\r"]],
    [["a\x10\x11b"], ["a!"]],
    [
      ["\x10", "\x11"],
      ["", "!"],
    ],
    [
      ["a\x10", "b"],
      ["a", "\x10b"],
    ],
    [["\x10\x10\x11"], ["\x10!"]],
    [
      ["\x10", "\x10", "x"],
      ["", "\x10", "\x10x"],
    ],
    [["\x11\x10x"], ["\x11\x10x"]],
    [
      ["\x10", "\x1b[A"],
      ["", "\x10\x1b[A"],
    ],
    [["\x1b[200~\x10\x11\x1b[201~"], ["\x1b[200~\x10\x11\x1b[201~"]],
  ])("%j", (typed, expected) => {
    expect(typing(DEFAULT_DETACH_KEYS, typed)).toEqual(expected);
  });

  test("without the two keys whatever is typed arrives whole, however it is cut", () => {
    const key = fc.constantFrom("a", "\x10", "\r", "é", "\x1b[A", "\x1b[112;5u");
    fc.assert(
      fc.property(
        fc.array(
          fc.array(key, { maxLength: 4 }).map((keys) => keys.join("")),
          { maxLength: 6 },
        ),
        (pieces) => {
          expect(typing(DEFAULT_DETACH_KEYS, [...pieces, "z"]).join("")).toBe(`${pieces.join("")}z`);
        },
      ),
    );
  });

  test("with them, all before them arrives and nothing of them, however they are cut", () => {
    const key = fc.constantFrom("a", "\x10", "é", "\x1b[A", "b");
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), fc.array(fc.nat(40), { maxLength: 6 }), (before, cuts) => {
        const text = `${before.join("")}\x10\x11`;
        const bytes = Buffer.from(text).toString("latin1");
        const borders = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const input = new TypedInput(() => false);
        const keys = new DetachKeys(keysOf(DEFAULT_DETACH_KEYS));
        const passed: Buffer[] = [];
        let detached = false;
        for (const [index, border] of borders.slice(1).entries()) {
          for (const part of input.read(Buffer.from(bytes.slice(borders[index], border), "latin1"))) {
            const typed = keys.read(part);
            passed.push(typed.bytes);
            detached ||= typed.detach;
          }
        }
        expect(detached).toBe(true);
        expect(Buffer.concat(passed).toString()).toBe(before.join(""));
      }),
    );
  });
});

describe("while a program has switched another keyboard protocol on", () => {
  test.each<[string, string, string]>([
    ["kitty's", "\x1b[112;5u\x1b[113;5u", "!"],
    ["with Caps Lock and Num Lock", "\x1b[112;197u\x1b[113;197u", "!"],
    [
      "with keys that are let go, and Ctrl as a key",
      "\x1b[57442;5u\x1b[112;5:1u\x1b[112;5:3u\x1b[57442;1:3u\x1b[113;5:1u",
      "\x1b[57442;5u!",
    ],
    ["xterm's", "\x1b[27;5;112~\x1b[27;5;113~", "!"],
    ["mixed with bytes", "\x10\x1b[113;5u", "!"],
    ["other modifiers", "\x1b[112;7u\x1b[113;5u", "\x1b[112;7u\x1b[113;5u"],
    ["keys that are let go alone", "\x1b[112;5:3u\x1b[113;5:3u", "\x1b[112;5:3u\x1b[113;5:3u"],
  ])("%s", (_, typed, expected) => {
    expect(typing(DEFAULT_DETACH_KEYS, [typed]).join("")).toBe(expected);
  });
});

describe("keys of one's own", () => {
  test.each<[string, string, string]>([
    ["ctrl-]", "a\x1db", "a!"],
    ["ctrl-\\", "\x1c", "!"],
    ["CTRL-@", "\0", "!"],
    ["ctrl-a, d", "x\x01d", "x!"],
    ["ctrl-a,d", "\x01xd", "\x01xd"],
    ["~,.", "~.", "!"],
    ["ctrl-a,ctrl-a,b", "\x01\x01\x01b", "\x01!"],
    ["ctrl-^", "\x1e", "!"],
    ["d", "\x1b[100u", "!"],
  ])("%s in %j", (keys, typed, expected) => {
    expect(typing(keys, [typed]).join("")).toBe(expected);
  });

  test.each(["", "ctrl-", "ctrl-[", "escape", "f1", "ab", "ctrl-p,", ",", "é", "a,b,c,d,e,f,g,h,i", " "])(
    "%j are none, and what is allowed is said",
    (text) => {
      const parsed = parseDetachKeys(text);
      expect(parsed).toMatchObject({ ok: false, fault: { code: "usage", hint: expect.stringContaining("ctrl-z") } });
    },
  );
});
