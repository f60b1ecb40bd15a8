/** `overmind` on a real pseudo-terminal that the test holds: what it is sent, and all that was shown. */
import { join } from "node:path";
import * as pty from "@lydell/node-pty";
import { DIST, until, type World } from "./world.ts";

export interface Terminal {
  readonly screen: () => string;
  readonly process: pty.IPty;
  /** Waits until the text stands in what was shown. */
  shows(text: string): Promise<void>;
  readonly exit: Promise<number>;
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
}

export function openTerminal(world: World, argv: readonly string[], options: TerminalOptions = {}): Terminal {
  const process_ = pty.spawn(process.execPath, [join(DIST, "overmind.cjs"), ...argv], {
    cols: options.columns ?? 133,
    rows: options.rows ?? 40,
    cwd: world.project,
    env: { ...world.environment, TERM: "xterm-256color" },
  });
  let shown = "";
  process_.onData((data) => {
    shown += data;
  });
  const exit = new Promise<number>((resolve) => process_.onExit(({ exitCode }) => resolve(exitCode)));
  return {
    screen: () => shown,
    process: process_,
    shows: (text) => until(() => shown.includes(text), `"${text}" on the terminal, which shows ${shown}`),
    exit,
  };
}
