/**
 * The terminal emulator, loaded when the first screen is wanted: a supervisor starts without it. What a repaint needs
 * and the library does not tell is read from its inside, here and nowhere else; its version is pinned, and
 * terminal-paint.test.ts fails when something in there has moved.
 */
import type { IBufferCell, Terminal } from "@xterm/headless";

/** Lines above the screen: what people scroll back to. At 120 columns they cost 1.5 MiB while the model is live. */
const SCROLLBACK_LINES = 1000;

export type Emulator = Terminal;
export type EmulatorClass = typeof Terminal;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** How a cell is drawn. */
export interface Style extends IBufferCell {
  /** Colours and flags as the library packs them: equal numbers, equal looks (but for `extended`). */
  readonly fg: number;
  readonly bg: number;
  readonly extended: {
    readonly ext: number;
    readonly _ext: number;
    readonly urlId: number;
    readonly underlineColor: number;
  };
}

type Charset = Readonly<Record<string, string>> | undefined;

interface ScreenBuffer {
  readonly x: number;
  readonly y: number;
  readonly ybase: number;
  readonly scrollTop: number;
  readonly scrollBottom: number;
  readonly savedX: number;
  /** Counted from the first line of the scrollback. */
  readonly savedY: number;
  readonly savedCurAttrData: Style;
  readonly savedCharset: Charset;
}

interface Inside {
  readonly buffers: { readonly normal: ScreenBuffer; readonly alt: ScreenBuffer; readonly active: ScreenBuffer };
  readonly coreService: {
    readonly isCursorHidden: boolean;
    readonly decPrivateModes: {
      readonly cursorStyle?: "block" | "underline" | "bar" | undefined;
      readonly cursorBlink?: boolean | undefined;
    };
  };
  readonly coreMouseService: { readonly activeEncoding: string };
  readonly _charsetService: {
    readonly glevel: number;
    readonly charset: Charset;
    readonly _charsets: readonly Charset[];
  };
  readonly _oscLinkService: { getLinkData(id: number): { readonly uri: string } | undefined };
  readonly _inputHandler: {
    readonly _curAttrData: Style;
    /** `precedingJoinState` is not 0 when the last thing that came was a character; `currentState` 0 is ground. */
    readonly _parser: { readonly precedingJoinState: number; readonly currentState: number; reset(): void };
    /** At once, without the library's own timers: what `write` does later. No handler of ours is asynchronous. */
    parse(data: Uint8Array | string): void;
  };
}

export function insideOf(emulator: Emulator): Inside {
  return (emulator as unknown as { readonly _core: Inside })._core;
}

/**
 * The library throws at some output that no program means (it erases up to the last cell of the last row). Then the rest
 * of what was fed is lost, and it goes on with what comes: a screen that is wrong for a while is better than none.
 */
export function feedEmulator(emulator: Emulator, data: Uint8Array | string): void {
  const { _inputHandler: input } = insideOf(emulator);
  try {
    input.parse(data);
  } catch {
    input._parser.reset(); // It may have stopped in the middle of anything. Nobody could mend more than this.
  }
}

export async function loadEmulator(): Promise<EmulatorClass> {
  return (await import("./emulator-library.ts")).Terminal;
}

export function createEmulator(Emulator: EmulatorClass, { columns, rows }: TerminalSize): Emulator {
  return new Emulator({
    cols: columns,
    rows,
    scrollback: SCROLLBACK_LINES,
    allowProposedApi: true,
    logLevel: "off",
    windowOptions: { getWinSizeChars: true, pushTitle: true, popTitle: true },
  });
}
