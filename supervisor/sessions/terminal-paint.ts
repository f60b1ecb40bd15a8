/**
 * Text and escape sequences that make the same terminal of a fresh one of the same size: both screens, what was
 * scrolled away, modes, margins, saved cursor, and the cursor where it was, even behind the last column.
 */

import { type Emulator, insideOf, type Style } from "./terminal-emulator.ts";
import { linkSequence, RowPainter } from "./terminal-rows.ts";
import { lookOf, styleSequence } from "./terminal-style.ts";

type Inside = ReturnType<typeof insideOf>;
type Buffer = Inside["buffers"]["active"];

/** Private modes that are set with `h` and off on a fresh terminal. */
const MODES = {
  applicationCursorKeysMode: "\x1b[?1h",
  applicationKeypadMode: "\x1b=",
  bracketedPasteMode: "\x1b[?2004h",
  reverseWraparoundMode: "\x1b[?45h",
  sendFocusMode: "\x1b[?1004h",
} as const;
const MOUSE = { none: "", x10: "\x1b[?9h", vt200: "\x1b[?1000h", drag: "\x1b[?1002h", any: "\x1b[?1003h" } as const;
const MOUSE_ENCODINGS: Readonly<Record<string, string>> = { SGR: "\x1b[?1006h", SGR_PIXELS: "\x1b[?1016h" };
const CURSOR_STYLES = { block: 2, underline: 4, bar: 6 } as const;
const CHARSET_NAMES = ["(", ")", "*", "+"] as const;
const SHIFTS = ["\x0f", "\x0e", "\x1bn", "\x1bo"] as const;

export function paintTerminal(emulator: Emulator, title: string): string {
  const inside = insideOf(emulator);
  const { normal, alt, active } = inside.buffers;
  const isAlternate = active === alt;
  const parts = [
    paintLines(emulator, emulator.buffer.normal),
    margins(emulator, normal),
    savedCursor(emulator, normal),
  ];
  if (isAlternate) {
    // Entering it saves the cursor of the normal screen, which has just been put where it was saved.
    parts.push("\x1b[?1049h\x1b[m\x1b(B\x1b[2J\x1b[H", paintLines(emulator, emulator.buffer.alternate));
    parts.push(margins(emulator, alt, normal), savedCursor(emulator, alt));
  }
  parts.push("\x1b7\x1b(B", modes(emulator, inside));
  if (title !== "") parts.push(`\x1b]2;${title}\x07`);
  parts.push(cursor(emulator, inside, active));
  return parts.join("");
}

function paintLines(emulator: Emulator, buffer: Emulator["buffer"]["normal"]): string {
  return new RowPainter(emulator, buffer).paint(0, buffer.length - 1);
}

function margins({ rows }: Emulator, buffer: Buffer, before?: Buffer): string {
  const isWhole = ({ scrollTop, scrollBottom }: Buffer) => scrollTop === 0 && scrollBottom === rows - 1;
  if (isWhole(buffer)) return before === undefined || isWhole(before) ? "" : "\x1b[r";
  return `\x1b[${buffer.scrollTop + 1};${buffer.scrollBottom + 1}r`;
}

/** Goes where the cursor was saved, with the style and the character set that were saved with it. */
function savedCursor(emulator: Emulator, buffer: Buffer): string {
  const style = buffer.savedCurAttrData;
  const charset = isLineDrawing(buffer.savedCharset) ? "\x1b(0" : "";
  return `${goto(buffer.savedX, buffer.savedY - buffer.ybase)}${styled(emulator, style)}${charset}`;
}

function goto(column: number, row: number): string {
  return `\x1b[${Math.max(0, row) + 1};${column + 1}H`;
}

function styled(emulator: Emulator, style: Style): string {
  const { link } = lookOf(style);
  return link === 0 ? styleSequence(style) : `${styleSequence(style)}${linkSequence(emulator, link)}`;
}

type Charset = Buffer["savedCharset"];

/** The one that programs use. National variants have died out. */
function isLineDrawing(charset: Charset): boolean {
  return charset?.q === "─";
}

/** The one in force may be another than was designated: it came back with a saved cursor. */
function charsets({ _charsetService: { glevel, charset, _charsets } }: Inside): string {
  const designated = CHARSET_NAMES.map((name, level) =>
    isLineDrawing(level === glevel ? charset : _charsets[level]) ? `\x1b${name}0` : "",
  );
  return `${designated.join("")}${glevel === 0 ? "" : (SHIFTS[glevel] ?? "")}`;
}

function modes({ modes: known }: Emulator, { coreService, coreMouseService }: Inside): string {
  const { cursorStyle, cursorBlink } = coreService.decPrivateModes;
  const parts: string[] = Object.entries(MODES).map(([mode, set]) => (known[mode as keyof typeof MODES] ? set : ""));
  parts.push(MOUSE[known.mouseTrackingMode], MOUSE_ENCODINGS[coreMouseService.activeEncoding] ?? "");
  if (coreService.isCursorHidden) parts.push("\x1b[?25l");
  if (cursorStyle !== undefined) parts.push(`\x1b[${CURSOR_STYLES[cursorStyle] - (cursorBlink === true ? 1 : 0)} q`);
  if (!known.wraparoundMode) parts.push("\x1b[?7l");
  if (known.originMode) parts.push("\x1b[?6h");
  return parts.join("");
}

/**
 * Puts the cursor in its place. Behind the last column it comes only by a character; and after a character it must be
 * one again that is written last, for the accent or the repetition that may follow.
 */
function cursor(emulator: Emulator, inside: Inside, buffer: Buffer): string {
  const { _curAttrData: style, _parser: parser } = inside._inputHandler;
  const { insertMode, originMode } = emulator.modes;
  const row = originMode ? buffer.y - buffer.scrollTop : buffer.y;
  const isAfterCharacter = parser.precedingJoinState !== 0;
  const isBehind = buffer.x === emulator.cols;
  const last = isAfterCharacter || isBehind ? lastCharacter(emulator, buffer) : undefined;
  const now = `${styled(emulator, style)}${charsets(inside)}`;
  const insert = insertMode ? "\x1b[4h" : "";
  if (last === undefined) return `${goto(buffer.x, row)}${now}${insert}`;
  // Where characters are inserted, it is taken out first.
  const at = `${goto(last.column, row)}${insert}${insertMode ? `\x1b[${buffer.x - last.column}P` : ""}`;
  if (isAfterCharacter) return `${at}${now}${last.text}`;
  const link = lookOf(last.style).link === 0 ? "" : linkSequence(emulator, 0);
  return `${at}${styled(emulator, last.style)}${last.text}${link}${now}`;
}

function lastCharacter(emulator: Emulator, buffer: Buffer): { column: number; text: string; style: Style } | undefined {
  const line = emulator.buffer.active.getLine(buffer.ybase + buffer.y);
  for (const column of [buffer.x - 1, buffer.x - 2]) {
    const cell = line?.getCell(column) as Style | undefined;
    if (cell === undefined || (cell.getChars() === "" && cell.getWidth() === 0)) continue;
    // What stood there has been scrolled away: a blank looks the same.
    const width = Math.max(1, cell.getWidth());
    return width === buffer.x - column ? { column, text: cell.getChars() || " ", style: cell } : undefined;
  }
  return undefined;
}
