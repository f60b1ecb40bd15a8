/** A terminal with an emulator behind it: tmux, in a server of its own. It answers queries, and shows its screen. */
import { join } from "node:path";
import { DIST, run, until, type World } from "./world.ts";

const EXIT = /^\[ended with (\d+)\]$/;

export interface TmuxOptions {
  readonly columns: number;
  readonly rows: number;
}

export interface Pane {
  /** Keys by tmux's names, or text. */
  press(...keys: string[]): Promise<void>;
  type(text: string): Promise<void>;
  /** As it is now: each line without trailing blanks. */
  screen(): Promise<readonly string[]>;
  /** Waits until the text stands on the screen. */
  shows(text: string): Promise<void>;
  /** Waits until the program has ended, and returns its exit code. */
  exit(): Promise<number>;
}

export interface Tmux {
  /** A program in a terminal of its own, which is there after its end, too. */
  open(argv: readonly string[], options: TmuxOptions): Promise<Pane>;
  overmind(argv: readonly string[], options: TmuxOptions): Promise<Pane>;
  close(): Promise<void>;
}

export function makeTmux(world: World): Tmux {
  // The server's socket lies in the world's own folder: no other server is met, and its name is short enough.
  const socket = join(world.root, "tmux.sock");
  const tmux = async (...argv: string[]) => {
    const ran = await run("tmux", ["-S", socket, "-f", "/dev/null", ...argv], world.project, world.environment);
    if (ran.code !== 0) throw new Error(`tmux ${argv.join(" ")} ended with ${ran.code}: ${ran.stderr}`);
    return ran.stdout;
  };
  let count = 0;

  async function open(argv: readonly string[], { columns, rows }: TmuxOptions): Promise<Pane> {
    count += 1;
    const name = `pane${count}`;
    const size = ["-x", String(columns), "-y", String(rows)];
    // Before the first program there is no server that options could be given to: it begins with a placeholder.
    if (count === 1) {
      await tmux("new-session", "-d", "-s", "first", "sleep 1000000");
      await tmux("set-option", "-g", "status", "off");
    }
    await tmux("new-session", "-d", "-s", name, ...size, shellCommand(argv));
    const screen = async () => {
      const text = await tmux("capture-pane", "-p", "-t", name);
      return text
        .split("\n")
        .slice(0, rows)
        .map((line) => line.trimEnd());
    };
    return {
      press: async (...keys) => void (await tmux("send-keys", "-t", name, ...keys)),
      type: async (text) => void (await tmux("send-keys", "-t", name, "-l", text)),
      screen,
      shows: async (text) => {
        let last: readonly string[] = [];
        const isShown = async () => {
          last = await screen();
          return last.some((line) => line.includes(text));
        };
        await until(isShown, `"${text}" in tmux`).catch((error: unknown) => {
          throw new Error(`${String(error)}; it shows\n${last.join("\n")}`);
        });
      },
      exit: async () => {
        let code: string | undefined;
        const hasEnded = async () => {
          code = (await screen()).map((line) => EXIT.exec(line)?.[1]).findLast((found) => found !== undefined);
          return code !== undefined;
        };
        await until(hasEnded, `the program in ${name} to end`);
        return Number(code);
      },
    };
  }

  return {
    open,
    overmind: (argv, options) => open([process.execPath, join(DIST, "overmind.cjs"), ...argv], options),
    async close() {
      if (count > 0) await tmux("kill-server");
    },
  };
}

/** What comes after the program says how it ended: tmux itself does not always know. */
function shellCommand(argv: readonly string[]): string {
  const command = argv.map((argument) => `'${argument.replaceAll("'", "'\\''")}'`).join(" ");
  return `${command}; printf '\\r\\n[ended with %s]\\r\\n' $?; exec sleep 1000000`;
}
