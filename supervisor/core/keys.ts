/** Keys by name, and the bytes that a terminal sends for each: what `send --key` takes. */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { nearestWord } from "../../schemas/nearest.ts";

/** Each key is a write of its own, and so is the text before them: together they fit one delivery of the host's. */
export const MOST_KEYS = 99;

/** As xterm sends them, which every terminal library reads. */
const BYTES: ReadonlyMap<string, string> = new Map([
  ["enter", "\r"],
  ["escape", "\x1b"],
  ["tab", "\t"],
  ["shift-tab", "\x1b[Z"],
  ["backspace", "\x7f"],
  ["space", " "],
  ["insert", "\x1b[2~"],
  ["delete", "\x1b[3~"],
  ["page-up", "\x1b[5~"],
  ["page-down", "\x1b[6~"],
  ["f1", "\x1bOP"],
  ["f2", "\x1bOQ"],
  ["f3", "\x1bOR"],
  ["f4", "\x1bOS"],
  ["f5", "\x1b[15~"],
  ["f6", "\x1b[17~"],
  ["f7", "\x1b[18~"],
  ["f8", "\x1b[19~"],
  ["f9", "\x1b[20~"],
  ["f10", "\x1b[21~"],
  ["f11", "\x1b[23~"],
  ["f12", "\x1b[24~"],
  ["ctrl-space", "\0"],
  ["alt-enter", "\x1b\r"],
  ["alt-backspace", "\x1b\x7f"],
]);

/** Their sequences begin with SS3 in place of CSI while the program asks for application cursor keys. */
const CURSOR_KEYS: ReadonlyMap<string, string> = new Map([
  ["up", "A"],
  ["down", "B"],
  ["right", "C"],
  ["left", "D"],
  ["home", "H"],
  ["end", "F"],
]);

/** What Ctrl makes of these is their code without its upper bits. */
const WITH_CTRL = /^ctrl-([a-z@[\\\]^_])$/;
const WITH_ALT = /^alt-([!-~])$/;
const CHARACTER = /^[!-~]$/;

export interface CursorMode {
  readonly applicationCursor: boolean;
}

/** Undefined when there is no such key. A printable ASCII character names itself. */
export function keyBytes(key: string, { applicationCursor }: CursorMode): string | undefined {
  const cursor = CURSOR_KEYS.get(key);
  if (cursor !== undefined) return `\x1b${applicationCursor ? "O" : "["}${cursor}`;
  const controlled = WITH_CTRL.exec(key)?.[1];
  if (controlled !== undefined) return String.fromCharCode(controlled.charCodeAt(0) & 0x1f);
  const alternate = WITH_ALT.exec(key)?.[1];
  if (alternate !== undefined) return `\x1b${alternate}`;
  return CHARACTER.test(key) ? key : BYTES.get(key);
}

export function checkKeys(keys: readonly string[]): Result<void> {
  if (keys.length > MOST_KEYS) {
    return failed(
      fault("usage", `${keys.length} keys are too many for one message: ${MOST_KEYS} at most`, {
        hint: "send them in several messages",
      }),
    );
  }
  const unknown = keys.find((key) => keyBytes(key, { applicationCursor: false }) === undefined);
  return unknown === undefined ? ok(undefined) : failed(unknownKey(unknown));
}

function unknownKey(key: string) {
  const near = nearestWord(key.toLowerCase(), nearbyNames());
  return fault("usage", `there is no key ${JSON.stringify(key)}`, {
    hint:
      near === undefined
        ? `keys are ${[...BYTES.keys(), ...CURSOR_KEYS.keys()].filter(isShownAlone).join(", ")}, f1 to f12, ctrl-a to ctrl-z, alt-x, or a character`
        : `did you mean ${near}?`,
  });
}

function nearbyNames(): string[] {
  const letters = Array.from({ length: 26 }, (_, index) => String.fromCharCode(97 + index));
  return [...BYTES.keys(), ...CURSOR_KEYS.keys(), ...letters.map((letter) => `ctrl-${letter}`)];
}

/** The function keys are told as a range. */
function isShownAlone(key: string): boolean {
  return !/^f\d/.test(key);
}
