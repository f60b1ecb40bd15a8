/** What systems tell of a whole machine, each in its own way: linux-machine.ts and darwin-machine.ts fill it in. */
import { execFile } from "node:child_process";

export interface MachineMemory {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface MachineSystem {
  /** Undefined where the system does not say. */
  memory(): Promise<MachineMemory | undefined>;
  /** What the user's login manager gives to programs that are started now; nothing where there is none. */
  loginEnvironment(): Promise<Readonly<Record<string, string>>>;
}

/** What a program of the system prints, or undefined when it is not there, fails, or takes longer than `limitMs`. */
export function outputOf(
  program: string,
  argv: readonly string[],
  options: { readonly limitMs: number; readonly environment: NodeJS.ProcessEnv },
): Promise<string | undefined> {
  const { limitMs, environment } = options;
  return new Promise((resolve) => {
    const limits = { encoding: "utf8", env: environment, timeout: limitMs, killSignal: "SIGKILL" } as const;
    execFile(program, argv, limits, (error, stdout) => resolve(error === null ? stdout : undefined));
  });
}
