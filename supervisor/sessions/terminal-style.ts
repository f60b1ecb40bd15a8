/** How a cell is drawn, as escape sequences. */
import type { Style } from "./terminal-emulator.ts";

/** The library's flag in `bg`: without it `extended` is another cell's. */
const HAS_EXTENDED = 0x10000000;
/** In `fg`. */
const UNDERLINE = 0x10000000;
/** In `_ext`. */
const UNDERLINE_KIND = 0x1c000000;
const UNDERLINE_KIND_SHIFT = 26;
const COLOUR_MODE = 0x3000000;
/** An underline without a colour of its own, after SGR 59. */
const NO_COLOUR = 0x3ffffff;

/** What a style comes to: equal numbers, equal looks. */
export interface Look {
  readonly fg: number;
  readonly bg: number;
  readonly extended: number;
  readonly link: number;
}

export const PLAIN: Look = { fg: 0, bg: 0, extended: 0, link: 0 };

export function lookOf(style: Style): Look {
  const extended = (style.bg & HAS_EXTENDED) === 0 ? undefined : style.extended;
  return { fg: style.fg, bg: style.bg, extended: extended?.ext ?? 0, link: extended?.urlId ?? 0 };
}

/** The same as comparing two looks, without making one for each cell of a screen. */
export function looksLike(style: Style, { fg, bg, extended, link }: Look): boolean {
  if (style.fg !== fg || style.bg !== bg) return false;
  return (bg & HAS_EXTENDED) === 0 || (style.extended.ext === extended && style.extended.urlId === link);
}

/** Select Graphic Rendition from scratch: it does not matter what was in force. */
export function styleSequence(style: Style): string {
  const codes: (number | string)[] = [0];
  if (style.isBold()) codes.push(1);
  if (style.isDim()) codes.push(2);
  if (style.isItalic()) codes.push(3);
  if (isUnderlined(style)) codes.push(underline(style));
  if (style.isBlink()) codes.push(5);
  if (style.isInverse()) codes.push(7);
  if (style.isInvisible()) codes.push(8);
  if (style.isStrikethrough()) codes.push(9);
  if (style.isOverline()) codes.push(53);
  if (!style.isFgDefault()) codes.push(...colour(style.getFgColor(), style.isFgRGB(), 30));
  if (!style.isBgDefault()) codes.push(...colour(style.getBgColor(), style.isBgRGB(), 40));
  codes.push(...underlineColour(style));
  return `\x1b[${codes.join(";")}m`;
}

function colour(value: number, isRgb: boolean, base: number): number[] {
  if (isRgb) return [base + 8, 2, ...redGreenBlue(value)];
  if (value >= 16) return [base + 8, 5, value];
  return [value >= 8 ? base + 60 + (value & 7) : base + value];
}

/** The library draws links with dashes: those come from the link, not from the program. */
function isUnderlined(style: Style): boolean {
  return (style.fg & UNDERLINE) !== 0;
}

/** A plain underline in the form that every terminal knows. */
function underline(style: Style): number | string {
  const kind = (style.bg & HAS_EXTENDED) === 0 ? 1 : (style.extended._ext & UNDERLINE_KIND) >> UNDERLINE_KIND_SHIFT;
  return kind <= 1 ? 4 : `4:${kind}`;
}

function underlineColour({ bg, extended }: Style): string[] {
  const value = extended.underlineColor;
  if ((bg & HAS_EXTENDED) === 0 || (value & COLOUR_MODE) === 0 || value === NO_COLOUR) return [];
  const isRgb = (value & COLOUR_MODE) === COLOUR_MODE;
  return [isRgb ? `58:2::${redGreenBlue(value).join(":")}` : `58:5:${value & 0xff}`];
}

function redGreenBlue(value: number): number[] {
  return [(value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
