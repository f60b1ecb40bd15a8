/**
 * Tells a program that draws a screen from one that writes lines. A shell's line editing, progress bars that go back to
 * the line's beginning, colours, titles and `clear` are lines still: their raw output can be read. What is drawn by
 * going to a row, scrolling a part of the screen, or going up and writing again can not.
 */
import type { IDisposable, IFunctionIdentifier } from "@xterm/headless";
import { type Emulator, insideOf } from "./terminal-emulator.ts";

/** A shell goes up a row or two in a long command line. */
const ROWS_UP_AT_ONCE = 3;
/** One line that is redrawn by going up one and erasing all of it: by the third time it is no accident. */
const REDRAWS_OF_A_LINE = 3;
/** Programs that ask for a terminal's size go to a row that no terminal has, and back. */
const PROBING_ROW = 500;
const ALTERNATE_SCREENS: ReadonlySet<number> = new Set([47, 1047, 1049]);

type Parameters = readonly (number | number[])[];

export class FullScreenWatch implements IDisposable {
  readonly #emulator: Emulator;
  readonly #hooks: IDisposable[] = [];
  #seen: boolean;
  #rowsUp = 0;
  #isUp = false;
  #redraws = 0;
  /** It went to the top left of a screen that shows something: to erase it, or to write over it? */
  #isHome = false;

  constructor(emulator: Emulator, seen: boolean) {
    this.#emulator = emulator;
    this.#seen = seen;
    if (seen) return;
    const goto = (row: number) => this.#goesTo(row);
    const always = () => this.#see();
    this.#on({ final: "H" }, (values) => goto(first(values)));
    this.#on({ final: "f" }, (values) => goto(first(values)));
    this.#on({ final: "d" }, (values) => goto(first(values)));
    this.#on({ final: "A" }, (values) => this.#goesUp(first(values)));
    this.#on({ final: "F" }, (values) => this.#goesUp(first(values)));
    this.#on({ final: "J" }, () => this.#erasesScreen());
    this.#on({ final: "K" }, (values) => this.#erasesLine(values[0] === 2));
    this.#on({ prefix: "?", final: "h" }, (values) => this.#setsMode(values));
    this.#on({ final: "r" }, (values) => this.#setsMargins(values));
    for (const final of ["L", "M", "S", "T"]) this.#on({ final }, always);
    this.#hooks.push(
      emulator.parser.registerEscHandler({ final: "M" }, () => this.#goesUp(1)),
      emulator.onLineFeed(() => this.#feedsLine()),
    );
  }

  get seen(): boolean {
    return this.#seen;
  }

  dispose(): void {
    for (const hook of this.#hooks.splice(0)) hook.dispose();
  }

  #on(sequence: IFunctionIdentifier, look: (values: Parameters) => void): void {
    this.#hooks.push(
      this.#emulator.parser.registerCsiHandler(sequence, (values) => {
        if (!this.#seen) look(values);
        return false; // Only looked at: the emulator goes on with it.
      }),
    );
  }

  #see(): boolean {
    this.#seen = true;
    return false;
  }

  #goesTo(row: number): void {
    if (row >= PROBING_ROW) return;
    if (row > 1 || this.#isHome) this.#see();
    else this.#isHome = !isBlank(this.#emulator);
  }

  #goesUp(rows: number): false {
    this.#rowsUp += rows;
    this.#isUp = true;
    if (this.#rowsUp >= ROWS_UP_AT_ONCE) this.#see();
    return false;
  }

  #erasesLine(whole: boolean): void {
    if (!this.#isUp || !whole) return;
    this.#isUp = false;
    this.#redraws += 1;
    if (this.#redraws >= REDRAWS_OF_A_LINE) this.#see();
  }

  #erasesScreen(): void {
    const { x, y } = insideOf(this.#emulator).buffers.active;
    if (x === 0 && y === 0) this.#isHome = false;
  }

  #setsMode(modes: Parameters): void {
    if (modes.some((mode) => typeof mode === "number" && ALTERNATE_SCREENS.has(mode))) this.#see();
  }

  #setsMargins([top = 0, bottom = 0]: Parameters): void {
    const { rows } = this.#emulator;
    const isWhole = Number(top) <= 1 && (bottom === 0 || Number(bottom) >= rows);
    if (!isWhole) this.#see();
  }

  #feedsLine(): void {
    this.#rowsUp = 0;
    this.#isUp = false;
    if (this.#isHome) this.#see();
  }
}

function first(values: Parameters): number {
  return Math.max(1, Number(values[0] ?? 1));
}

function isBlank({ buffer: { active }, rows }: Emulator): boolean {
  for (let row = 0; row < rows; row += 1) {
    const line = active.getLine(active.baseY + row);
    if (line !== undefined && line.translateToString(true).trim() !== "") return false;
  }
  return true;
}
