/**
 * One terminal as its program's output leaves it. It is fed whole characters and sequences alone, so that what it shows
 * and what it holds back are together exactly what came.
 */
import {
  createEmulator,
  type Emulator,
  type EmulatorClass,
  feedEmulator,
  insideOf,
  type TerminalSize,
} from "./terminal-emulator.ts";
import { FullScreenWatch } from "./terminal-full-screen.ts";
import type { LastingModes } from "./terminal-lasting.ts";
import { TerminalLexer } from "./terminal-lexer.ts";
import { paintTerminal } from "./terminal-paint.ts";
import { answerQueries } from "./terminal-replies.ts";
import { RowPainter } from "./terminal-rows.ts";

/** What a model is made of again: parts of a ScreenSnapshot. */
export interface PaintedTerminal extends TerminalSize {
  readonly ansi: string;
  readonly held: Uint8Array;
  readonly fullScreen: boolean;
}

export interface TerminalText {
  readonly cursor: { readonly column: number; readonly row: number; readonly visible: boolean };
  readonly title: string;
  readonly alternate: boolean;
  readonly fullScreen: boolean;
  readonly scrollback: string[];
  /** Without colours and trailing blanks. */
  readonly lines: string[];
  readonly ansi: string;
}

/** Behind what was skipped: no style, no line drawing. */
const PLAIN = "\x1b[m\x1b(B\x0f";
/** Text goes on below what is shown. */
const BELOW_ALL = "\x1b[999;1H\r\n";

export class TerminalModel {
  readonly #emulator: Emulator;
  readonly #lexer = new TerminalLexer();
  #watch: FullScreenWatch;
  #title = "";

  /** `reply` is called while a query is fed. */
  constructor(
    Emulator: EmulatorClass,
    from: PaintedTerminal | TerminalSize,
    reply: (text: string) => void = () => undefined,
  ) {
    this.#emulator = createEmulator(Emulator, from);
    this.#emulator.onTitleChange((title) => {
      this.#title = title;
    });
    if ("ansi" in from) {
      this.#write(from.ansi);
      this.#lexer.push(from.held);
    }
    this.#watch = new FullScreenWatch(this.#emulator, "ansi" in from && from.fullScreen);
    answerQueries(this.#emulator, reply);
  }

  get columns(): number {
    return this.#emulator.cols;
  }
  get rows(): number {
    return this.#emulator.rows;
  }
  get held(): Uint8Array {
    return this.#lexer.held;
  }
  get bracketedPaste(): boolean {
    return this.#emulator.modes.bracketedPasteMode;
  }
  get applicationCursor(): boolean {
    return this.#emulator.modes.applicationCursorKeysMode;
  }

  feed(bytes: Uint8Array): void {
    const complete = this.#lexer.push(bytes);
    if (complete.length > 0) this.#write(complete);
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#emulator.resize(columns, rows);
  }

  /** Output is missing here, of which no more is known. */
  breakOff(): void {
    this.#lexer.reset();
  }

  /** Output was skipped here. */
  skip(lasting: LastingModes): void {
    this.#lexer.reset();
    this.#write(lasting.sequences);
    const seen = this.#watch.seen;
    // Going to the last row is ours, not the program's.
    this.#watch.dispose();
    this.#write(PLAIN);
    if (this.#emulator.buffer.active.type === "normal") this.#write(BELOW_ALL);
    this.#watch = new FullScreenWatch(this.#emulator, seen);
  }

  paint(): PaintedTerminal {
    return {
      columns: this.columns,
      rows: this.rows,
      ansi: paintTerminal(this.#emulator, this.#title),
      held: this.held,
      fullScreen: this.#watch.seen,
    };
  }

  text(options: { readonly scrollback: boolean }): TerminalText {
    const { active } = this.#emulator.buffer;
    const painter = new RowPainter(this.#emulator, active);
    const rows = Array.from({ length: this.rows }, (_, row) => active.baseY + row);
    const above = options.scrollback ? Array.from({ length: active.baseY }, (_, row) => row) : [];
    const textOf = (row: number) => active.getLine(row)?.translateToString(true, 0, this.columns).trimEnd() ?? "";
    return {
      cursor: {
        // Behind the last column it is shown on it.
        column: Math.min(active.cursorX, this.columns - 1),
        row: active.cursorY,
        visible: !insideOf(this.#emulator).coreService.isCursorHidden,
      },
      title: this.#title,
      alternate: active.type === "alternate",
      fullScreen: this.#watch.seen,
      scrollback: above.map(textOf),
      lines: rows.map(textOf),
      ansi: rows.map((row) => painter.paintLine(row)).join("\r\n"),
    };
  }

  dispose(): void {
    this.#watch.dispose();
    this.#emulator.dispose();
  }

  #write(data: Uint8Array | string): void {
    feedEmulator(this.#emulator, data);
  }
}
