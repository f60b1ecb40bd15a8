/**
 * Paints the lines of one buffer, from the top left of a cleared screen on, with nothing but text, styles and the few
 * moves that leave a cell empty: the lines come to stand where they stood, those that were scrolled away included, and
 * a line that continues the one before it does so again. (The library's own serializer loses coloured empty cells.)
 */
import { type Emulator, insideOf, type Style } from "./terminal-emulator.ts";
import { type Look, lookOf, looksLike, PLAIN, styleSequence } from "./terminal-style.ts";

type Buffer = Emulator["buffer"]["normal"];
type Line = NonNullable<ReturnType<Buffer["getLine"]>>;

interface Run {
  readonly text: string;
  /** Behind the last cell that holds a character. */
  readonly end: number;
}

export class RowPainter {
  readonly #emulator: Emulator;
  readonly #buffer: Buffer;
  readonly #cell: Style;
  /** For looking at others while one is being painted. */
  readonly #empties: Style;
  readonly #nextCell: Style;
  #look: Look = PLAIN;

  constructor(emulator: Emulator, buffer: Buffer) {
    this.#emulator = emulator;
    this.#buffer = buffer;
    this.#cell = buffer.getNullCell() as Style;
    this.#empties = buffer.getNullCell() as Style;
    this.#nextCell = buffer.getNullCell() as Style;
  }

  /** Lines `from` to `to`, the last one included. Ends in no particular place, with a plain style. */
  paint(from: number, to: number): string {
    let text = "";
    for (let row = from; row <= to; row += 1) {
      const line = this.#buffer.getLine(row);
      if (line === undefined) break;
      const next = row < to ? this.#buffer.getLine(row + 1) : undefined;
      const continues = row > from && line.isWrapped;
      const run = this.#run(line, continues);
      text += run.text;
      if (next?.isWrapped !== true) text += this.#tail(line, run.end) + this.#plain() + (row < to ? "\r\n" : "");
      else text += this.#wrap(line, run, next);
    }
    return text;
  }

  /** One line alone, without trailing blanks, its style reset at the end. */
  paintLine(row: number): string {
    const line = this.#buffer.getLine(row);
    if (line === undefined) return "";
    const run = this.#run(line, false);
    return run.text + this.#plain();
  }

  /** A line of the alternate screen stays longer than that when the terminal has become narrower. */
  get #columns(): number {
    return this.#emulator.cols;
  }

  #run(line: Line, continues: boolean): Run {
    let text = "";
    let empty = 0;
    let end = 0;
    for (let column = 0; column < this.#columns; column += 1) {
      const cell = this.#at(line, column, this.#cell);
      const characters = cell.getChars();
      if (characters === "") {
        empty += 1;
        continue;
      }
      if (empty > 0) text += this.#empty(line, column - empty, column);
      empty = 0;
      text += this.#style(cell) + characters;
      // A line that was begun by running over the end of the last one took this background for all of it.
      if (column === 0 && continues && !cell.isBgDefault()) text += `${this.#plain()}\x1b[K`;
      column += Math.max(cell.getWidth(), 1) - 1;
      end = column + 1;
    }
    return { text, end };
  }

  /** The empty cells at the end of a line, as far as they have colours. */
  #tail(line: Line, from: number): string {
    let to = this.#columns;
    while (to > from && this.#at(line, to - 1, this.#empties).isBgDefault()) to -= 1;
    return this.#empty(line, from, to);
  }

  /** Passes over empty cells, those with a colour of their own coloured. */
  #empty(line: Line, from: number, to: number): string {
    let text = "";
    for (let column = from; column < to; ) {
      const { bg } = this.#at(line, column, this.#empties);
      const isDefault = this.#empties.isBgDefault();
      let end = column + 1;
      while (end < to && this.#at(line, end, this.#empties).bg === bg) end += 1;
      this.#at(line, column, this.#empties);
      if (!isDefault) text += `${this.#style(this.#empties)}\x1b[${end - column}X`;
      // The last cell cannot be moved behind of: the cursor stays on it.
      text += `\x1b[${end - column}C`;
      column = end;
    }
    return text;
  }

  /** Goes on into a line that continues this one: by itself when both meet, else by force. */
  #wrap(line: Line, run: Run, next: Line): string {
    const first = this.#at(next, 0, this.#nextCell);
    const isFull = run.end === this.#columns;
    const hasNoRoom =
      first.getWidth() === 2 &&
      run.end === this.#columns - 1 &&
      first.isBgDefault() &&
      this.#at(line, run.end, this.#empties).isBgDefault();
    if (first.getChars() !== "" && (isFull || hasNoRoom)) return "";
    if (this.#emulator.rows < 2) return `${this.#plain()}\r\n`;
    const missing = this.#columns - run.end;
    const forced = `${this.#plain()}${" ".repeat(missing)} \b\x1b[X`;
    if (missing === 0) return forced;
    const back = `\x1b[A\x1b[${run.end + 1}G\x1b[${missing}X`;
    return `${forced}${back}${this.#tail(line, run.end)}${this.#plain()}\x1b[B\r`;
  }

  #plain(): string {
    if (this.#look === PLAIN) return "";
    const link = this.#look.link === 0 ? "" : "\x1b]8;;\x1b\\";
    this.#look = PLAIN;
    return `\x1b[m${link}`;
  }

  #style(style: Style): string {
    if (looksLike(style, this.#look)) return "";
    const before = this.#look.link;
    this.#look = lookOf(style);
    const link = this.#look.link === before ? "" : linkSequence(this.#emulator, this.#look.link);
    return styleSequence(style) + link;
  }

  #at(line: Line, column: number, cell: Style): Style {
    return (line.getCell(column, cell) ?? cell) as Style;
  }
}

export function linkSequence(emulator: Emulator, link: number): string {
  const target = link === 0 ? undefined : insideOf(emulator)._oscLinkService.getLinkData(link);
  return `\x1b]8;;${target?.uri ?? ""}\x1b\\`;
}
