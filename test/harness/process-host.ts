/** A real process host in a folder of its own, and the smallest controller that can command it. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { build } from "esbuild";
import { failed, ok, type Result } from "../../schemas/fault.ts";
import { encodeFrame, FrameReader } from "../../schemas/frame.ts";
import type {
  ControllerMessage,
  HostedProcess,
  HostHello,
  HostMessage,
  HostStarted,
  ProcessSpec,
} from "../../schemas/host-protocol.ts";
import { type StreamKey, type StreamRecord, streamId } from "../../schemas/segment.ts";
import { removeControlGroups } from "./control-groups.ts";
import { recordsOnDisk } from "./segments.ts";

const REPOSITORY = resolve(import.meta.dirname, "../..");
/** Everything that a test waits for comes in milliseconds; a loaded machine is given this long. */
const LIMIT_MS = 8_000;

/** Reads of a log until its end is no longer being written. */
const MAX_READS = 20;

type Message = Extract<ControllerMessage, { readonly id: number }>;
/** A request without the id, which the controller gives it. */
type Request = Message extends infer One ? (One extends unknown ? Omit<One, "id"> : never) : never;

export interface HostUnderTest {
  readonly root: string;
  readonly home: string;
  readonly logs: string;
  readonly socket: string;
  readonly identity: string;
  readonly process: ChildProcess;
  /** What it has reported so far. */
  reports(): string;
  /** Connects, and says hello with this epoch. */
  connect(epoch?: number): Promise<Controller>;
  /** Connects, and says nothing. */
  connectSilently(): Promise<Controller>;
  records(key: StreamKey): StreamRecord[];
  /** Ends the host and all that it started, and removes the folder. */
  close(): Promise<void>;
}

/** The bundle with its native module beside it, as a copy of a version has them. */
export async function buildHost(folder: string): Promise<string> {
  const outfile = join(folder, "process-host.cjs");
  await build({
    entryPoints: [join(REPOSITORY, "supervisor/process-host/main.ts")],
    outfile,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    define: { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
    logLevel: "warning",
  });
  mkdirSync(join(folder, "native"), { recursive: true });
  const platform = `${process.platform}-${process.arch}`;
  const packaged = `@lydell/node-pty-${platform}`;
  const { resolve: find } = createRequire(createRequire(import.meta.url).resolve("@lydell/node-pty"));
  for (const name of process.platform === "darwin" ? ["pty.node", "spawn-helper"] : ["pty.node"]) {
    copyFileSync(join(dirname(find(packaged)), "../prebuilds", platform, name), join(folder, "native", name));
  }
  return outfile;
}

export async function startHost(
  bundle: string,
  options: {
    readonly logs?: string;
    readonly home?: string;
    /** A command that runs the host, and its arguments. */
    readonly before?: readonly string[];
    /** The user that `before` makes it run as. */
    readonly owner?: number;
  } = {},
): Promise<HostUnderTest> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "om-host-")));
  const home = options.home ?? join(root, "home");
  const logs = options.logs ?? join(home, "logs");
  mkdirSync(home, { recursive: true });
  if (options.owner !== undefined) for (const path of [root, home]) chownSync(path, options.owner, options.owner);
  const socket = join(home, "host.sock");
  const identity = join(home, "process-host.json");
  const [program = process.execPath, ...before] = [...(options.before ?? []), process.execPath];
  const argv = [
    bundle,
    "--socket",
    socket,
    "--logs",
    logs,
    "--home",
    home,
    "--identity",
    identity,
    "--version",
    "0.0.0",
  ];
  const host = spawn(program, [...before, ...argv], {
    cwd: "/",
    detached: true,
    env: { PATH: process.env.PATH, OVERMIND_DAEMON: "host" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let reports = "";
  host.stderr.on("data", (chunk: Buffer) => {
    reports += chunk.toString();
  });
  const connections: Controller[] = [];
  await until(
    () => pidIn(identity) === host.pid || host.exitCode !== null,
    () => `the process host to listen: ${reports}`,
  );
  if (host.exitCode !== null) {
    rmSync(root, { recursive: true });
    throw new Error(`the process host has ended: ${reports}`);
  }
  const connectSilently = async () => {
    const connection = createConnection(socket);
    await once(connection, "connect");
    const controller = new Controller(connection);
    connections.push(controller);
    return controller;
  };
  const connect = async (epoch = 1) => {
    const controller = await connectSilently();
    controller.hello = await controller.must<HostHello>({
      type: "hello",
      protocol: 1,
      oldest: 1,
      epoch,
      version: "0.0.0",
    });
    return controller;
  };
  return {
    root,
    home,
    logs,
    socket,
    identity,
    process: host,
    reports: () => reports,
    connect,
    connectSilently,
    records: (key) => settledRecords(logs, key),
    async close() {
      for (const connection of connections) connection.close();
      const left = childrenOf(host.pid ?? 0);
      if (host.exitCode === null && host.signalCode === null) {
        host.kill("SIGKILL");
        await once(host, "exit");
      }
      for (const pid of left) killSession(pid);
      await until(() => removeControlGroups(home), "the processes to be gone");
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export class Controller {
  hello: HostHello | undefined;
  /** Everything that came and was no reply. */
  readonly told: HostMessage[] = [];
  isClosed = false;
  readonly #socket: Socket;
  readonly #replies = new Map<number, (message: HostMessage & { type: "reply" }) => void>();
  readonly #data = new Map<string, { next: number; readonly parts: Buffer[] }>();
  #nextId = 1;

  constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on("data", (chunk: Buffer) => {
      for (const { message, bytes } of reader.push(chunk)) this.#receive(message as HostMessage, bytes);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  /** Asks, and returns what was answered. */
  async ask<T>(request: Request, bytes?: Buffer): Promise<Result<T>> {
    const id = this.#nextId++;
    const answer = new Promise<HostMessage & { type: "reply" }>((resolveAnswer) =>
      this.#replies.set(id, resolveAnswer),
    );
    this.write(...encodeFrame({ ...request, id }, bytes === undefined ? [] : [bytes]));
    const reply = await answer;
    return reply.ok ? ok(reply.value as T) : failed(reply.fault);
  }

  async must<T>(request: Request, bytes?: Buffer): Promise<T> {
    const result = await this.ask<T>(request, bytes);
    if (!result.ok) throw new Error(`${request.type}: ${result.fault.code}: ${result.fault.message}`);
    return result.value;
  }

  async start(key: StreamKey, argv: readonly string[], more: Partial<ProcessSpec> = {}): Promise<HostedProcess> {
    return (await this.must<HostStarted>({ type: "start", spec: specOf(key, argv, more) })).process;
  }

  credit(key: StreamKey, bytes: number): void {
    this.write(...encodeFrame({ type: "credit", key, bytes }));
  }

  /** Puts raw bytes on the connection. */
  write(...parts: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** All records that came as data, in order; throws when they did not join. */
  data(key: StreamKey): Buffer {
    return Buffer.concat(this.#data.get(streamId(key))?.parts ?? []);
  }

  exitOf(key: StreamKey): Promise<HostedProcess> {
    return until(
      () =>
        this.told.flatMap((message) =>
          message.type === "exit" && streamId(message.process.key) === streamId(key) ? [message.process] : [],
        )[0],
      () => `the exit of ${streamId(key)}`,
    );
  }

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(message: HostMessage, bytes: Buffer): void {
    if (message.type === "reply") {
      this.#replies.get(message.id)?.(message);
      this.#replies.delete(message.id);
      return;
    }
    this.told.push(message);
    if (message.type !== "data") return;
    const id = streamId(message.key);
    const known = this.#data.get(id) ?? { next: message.offset, parts: [] };
    if (known.next !== message.offset) throw new Error(`data of ${id} at ${message.offset}, expected ${known.next}`);
    known.parts.push(Buffer.from(bytes));
    known.next += bytes.length;
    this.#data.set(id, known);
  }
}

export function specOf(key: StreamKey, argv: readonly string[], more: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    key,
    argv,
    cwd: "/",
    environment: { PATH: process.env.PATH ?? "", TERM: "xterm-256color", LC_ALL: "C.UTF-8" },
    stdio: "terminal",
    size: { columns: 80, rows: 24 },
    ...more,
  };
}

/** Waits until `ask` returns something that is not undefined or false. */
export async function until<T>(ask: () => T | undefined | false, what: string | (() => string)): Promise<T> {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const answer = ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${typeof what === "string" ? what : what()}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

/** Only root can mount or limit another user, and only Linux does it in this way. */
export const IS_LINUX_ROOT = process.platform === "linux" && process.getuid?.() === 0;

/** A disk of so many KiB in memory, which `resize` can make larger. */
export async function withSmallDisk(
  kibibytes: number,
  use: (disk: string, resize: (kibibytes: number) => void) => Promise<void>,
): Promise<void> {
  const system = (program: string, ...argv: string[]) => execFileSync(program, argv);
  const disk = mkdtempSync(join(tmpdir(), "om-disk-"));
  system("mount", "-t", "tmpfs", "-o", `size=${kibibytes}k`, "tmpfs", disk);
  try {
    await use(disk, (larger) => system("mount", "-o", `remount,size=${larger}k`, disk));
  } finally {
    system("umount", disk);
    rmSync(disk, { recursive: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A file that is being written may end within a record for a moment; one that is torn stays so. */
function settledRecords(logs: string, key: StreamKey): StreamRecord[] {
  for (let tries = 0; ; tries += 1) {
    try {
      return recordsOnDisk(logs, key.sessionId, key.attempt);
    } catch (error) {
      if (tries === MAX_READS) throw error;
    }
  }
}

function pidIn(identity: string): number | undefined {
  return existsSync(identity) ? (JSON.parse(readFileSync(identity, "utf8")) as { pid: number }).pid : undefined;
}

function childrenOf(parent: number): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent ? [Number(name)] : [];
    } catch {
      return []; // No process, or one that has just ended.
    }
  });
}

function killSession(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // It ended with its terminal.
  }
}
