/**
 * A process on plain pipes: what it writes to stdout and stderr comes uncooked, and what is written to its stdin is
 * recorded too. (Node makes the "pipes" as socket pairs: a program that opens /dev/stdout by its path cannot.)
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Readable, Writable } from "node:stream";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { MAX_PENDING_INPUT_BYTES, type ProcessSpec } from "../../schemas/host-protocol.ts";
import { type ExitPayload, RecordKind } from "../../schemas/segment.ts";
import { type Child, type ChildEvents, MAX_DRAIN_BYTES } from "./child.ts";
import { errorCode } from "./report.ts";

type PipedProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** Not started: the system's reason comes a little later, hence the promise. */
export function startPipes(
  spec: ProcessSpec,
  inheritable: ReadonlySet<number>,
  events: ChildEvents,
): Result<Child> | Promise<Result<Child>> {
  const [file = "", ...rest] = spec.argv;
  const nothing = inheritable.size > 0 ? openSync("/dev/null", "r+") : -1;
  let child: PipedProcess;
  try {
    child = spawn(file, rest, {
      cwd: spec.cwd,
      env: spec.environment,
      detached: true, // A session and process group of its own.
      stdio: stdioHiding(inheritable, nothing),
    }) as PipedProcess;
  } catch (error) {
    return failed(notStarted(file, error));
  } finally {
    if (nothing >= 0) closeSync(nothing);
  }
  const { pid } = child;
  if (pid !== undefined) return ok(new Piped(child, pid, events));
  return new Promise((resolve) => child.once("error", (error) => resolve(failed(notStarted(file, error)))));
}

/** Other sessions' terminals are inheritable (pty.ts): in the child, each becomes /dev/null. */
function stdioHiding(inheritable: ReadonlySet<number>, nothing: number): ("pipe" | "ignore" | number)[] {
  const length = Math.max(2, ...inheritable) + 1;
  return Array.from({ length }, (_, fd) => (fd < 3 ? "pipe" : inheritable.has(fd) ? nothing : "ignore"));
}

function notStarted(file: string, error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  switch (errorCode(error)) {
    case "EAGAIN":
    case "ENOMEM":
    case "EMFILE":
    case "ENFILE":
      return fault("too-many-processes", `the system gives no process for ${file}: ${message}`, {
        retryable: true,
        hint: "end some sessions, or raise the limits on processes (ulimit -u) and open files (ulimit -n)",
      });
    case "ENOENT":
      return fault("program-not-found", `${file} cannot be found: ${message}`);
    case "EACCES":
    case "ENOEXEC":
      return fault("program-not-executable", `${file} cannot be executed: ${message}`);
    default:
      return fault("failed", `${file} cannot be started: ${message}`);
  }
}

class Piped implements Child {
  readonly pid: number;
  readonly #child: PipedProcess;
  readonly #events: ChildEvents;
  #receivedBytes = 0;
  #hasExited = false;
  #openOutputs = 2;
  #isDisposed = false;

  constructor(child: PipedProcess, pid: number, events: ChildEvents) {
    this.pid = pid;
    this.#child = child;
    this.#events = events;
    this.#read(child.stdout, RecordKind.stdout);
    this.#read(child.stderr, RecordKind.stderr);
    child.stdin.on("error", () => {
      // EPIPE: the program has closed its stdin, and wants no more.
    });
    child.once("exit", (code, signal) => this.#whenDrained(() => this.#exited({ code, signal })));
  }

  refuses(inputBytes: number): Fault | undefined {
    const { stdin } = this.#child;
    if (!stdin.writable) return fault("conflict", "the program's input is closed");
    if (stdin.writableLength + inputBytes <= MAX_PENDING_INPUT_BYTES) return undefined;
    return fault("busy", `the program does not read its input: ${stdin.writableLength} bytes are waiting`, {
      retryable: true,
    });
  }

  write(bytes: Buffer, onTaken?: (isTaken: boolean) => void): void {
    this.#events.onOutput(RecordKind.stdin, bytes);
    // What is kept must not be a view into the frame it came in.
    this.#child.stdin.write(Buffer.from(bytes), (error) => onTaken?.(error === null || error === undefined));
  }

  closeInput(): undefined {
    this.#child.stdin.end();
  }

  resize(): Fault {
    return fault("conflict", "a process on pipes has no terminal to resize");
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  #read(stream: Readable, kind: number): void {
    stream.on("data", (chunk: Buffer) => {
      this.#receivedBytes += chunk.length;
      if (!this.#isDisposed) this.#events.onOutput(kind, chunk);
    });
    stream.on("error", () => {
      // ECONNRESET and the like end the stream; `close` follows.
    });
    stream.once("close", () => {
      this.#openOutputs -= 1;
      this.#tellIfClosed();
    });
  }

  /**
   * What the ended process wrote is in its pipes by now, and every turn of the event loop reads what is there: a turn
   * without a byte says that there is no more. Somebody left behind may go on writing, so there is a bound.
   */
  #whenDrained(then: () => void): void {
    const limit = this.#receivedBytes + MAX_DRAIN_BYTES;
    const look = (before: number) => {
      if (this.#openOutputs === 0 || this.#receivedBytes === before || this.#receivedBytes >= limit) then();
      else setImmediate(look, this.#receivedBytes);
    };
    // Twice: the exit may have been told in a turn that had looked at the pipes before.
    setImmediate(() => setImmediate(look, this.#receivedBytes));
  }

  #exited(exit: ExitPayload): void {
    if (this.#isDisposed) return;
    this.#hasExited = true;
    this.#child.stdin.destroy();
    this.#events.onExit(exit);
    this.#tellIfClosed();
  }

  #tellIfClosed(): void {
    if (this.#hasExited && this.#openOutputs === 0 && !this.#isDisposed) this.#events.onClose();
  }
}
