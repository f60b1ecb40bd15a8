/**
 * A process under a pseudo-terminal, through node-pty's native binding alone. Its JavaScript is not used: it closes the
 * terminal 200 ms after the exit, read or not; a write to a program that does not read stops its whole process; and it
 * closes the terminal, which hangs up, when a program only closes its three files.
 *
 * The host holds the terminal's other end open until the main process has ended, so that neither happens here.
 */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import type { OnReadOpts, SocketConstructorOpts } from "node:net";
import { constants as systemConstants } from "node:os";
import { ReadStream } from "node:tty";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { MAX_PENDING_INPUT_BYTES, type ProcessSpec, type TerminalSize } from "../../schemas/host-protocol.ts";
import { type ExitPayload, RecordKind } from "../../schemas/segment.ts";
import { type Child, type ChildEvents, MAX_DRAIN_BYTES } from "./child.ts";
import { helperPath, type NativePty, native, openMasters, withoutHoles } from "./native-pty.ts";
import { obstacleToProcesses } from "./process-limits.ts";
import { describeError, errorCode, report } from "./report.ts";

/** One for all terminals: it is read into and passed on before anything else can happen. */
const shared = Buffer.allocUnsafeSlow(64 << 10);
/** The kernel gives no more at once, whatever is asked for: a read of this length says that there may be more. */
const FULL_READ_BYTES = 4095;
/** A terminal takes 4 KiB to 64 KiB; how soon it is offered more, doubled while it takes none. */
const FIRST_WRITE_RETRY_MS = 2;
const LAST_WRITE_RETRY_MS = 250;
/** -1: the user and group that the host runs as. */
const UNCHANGED = -1;
const END_OF_TRANSMISSION = Buffer.from([4]);

export function startTerminal(spec: ProcessSpec, events: ChildEvents): Result<Child> {
  if (native === undefined) {
    return failed(
      fault("failed", `no terminal can be made on ${process.platform}-${process.arch}: node-pty has no binary`),
    );
  }
  const limit = obstacleToProcesses();
  if (limit !== undefined) return failed(tooMany(`no further session can be started: ${limit}`));
  const { fork } = native;
  const [file = "", ...rest] = spec.argv;
  const environment = Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`);
  const { columns, rows } = spec.size;
  let terminal: Terminal | undefined;
  const onExit = (code: number, signal: number) => terminal?.exited(code, signal);
  try {
    const made = withoutHoles(() =>
      fork(file, rest, environment, spec.cwd, columns, rows, UNCHANGED, UNCHANGED, true, helperPath, onExit),
    );
    terminal = new Terminal(native, made.fd, made.pid, made.pty, events);
    return ok(terminal);
  } catch (error) {
    return failed(tooMany(`the system gives no terminal or no process for ${file}: ${(error as Error).message}`));
  }
}

function tooMany(message: string): Fault {
  return fault("too-many-processes", message, {
    retryable: true,
    hint: "end some sessions or other processes, or raise the limits on processes and terminals",
  });
}

interface PendingInput {
  readonly bytes: Buffer;
  onTaken?(isTaken: boolean): void;
}

class Terminal implements Child {
  readonly pid: number;
  readonly #native: NativePty;
  readonly #master: number;
  /** The other end, held open until the main process has ended. */
  #slave: number | undefined;
  readonly #stream: ReadStream;
  readonly #events: ChildEvents;
  #pending: PendingInput[] = [];
  #pendingBytes = 0;
  #retryMs = FIRST_WRITE_RETRY_MS;
  #retryTimer: NodeJS.Timeout | undefined;
  #hasExited = false;
  #isClosed = false;
  #isDisposed = false;

  constructor(binding: NativePty, master: number, pid: number, slavePath: string, events: ChildEvents) {
    this.pid = pid;
    this.#native = binding;
    this.#master = master;
    this.#events = events;
    openMasters.add(master);
    this.#slave = openSlave(slavePath);
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      onread: { buffer: shared, callback: (length) => this.#read(length) },
    };
    this.#stream = new ReadStream(master, options);
    this.#stream.on("error", () => {
      // EIO: the last process at the terminal has ended. `close` follows.
    });
    this.#stream.on("close", () => this.#closed());
    this.#stream.resume();
  }

  refuses(inputBytes: number): Fault | undefined {
    if (this.#pendingBytes + inputBytes <= MAX_PENDING_INPUT_BYTES) return undefined;
    return fault("busy", `the program does not read its input: ${this.#pendingBytes} bytes are waiting`, {
      retryable: true,
    });
  }

  write(bytes: Buffer, onTaken?: (isTaken: boolean) => void): void {
    // What is kept must not be a view into the frame it came in.
    this.#pending.push({ bytes: Buffer.from(bytes), ...(onTaken === undefined ? {} : { onTaken }) });
    this.#pendingBytes += bytes.length;
    if (this.#retryTimer === undefined) this.#writePending();
  }

  closeInput(): Fault | undefined {
    const obstacle = this.refuses(END_OF_TRANSMISSION.length);
    if (obstacle === undefined) this.write(END_OF_TRANSMISSION);
    return obstacle;
  }

  resize({ columns, rows }: TerminalSize): Fault | undefined {
    try {
      this.#native.resize(this.#master, columns, rows, 0, 0);
      return undefined;
    } catch (error) {
      return fault("failed", `the terminal cannot be resized: ${(error as Error).message}`);
    }
  }

  /** The native binding says so, on our thread. */
  exited(code: number, signal: number): void {
    if (this.#isDisposed) return;
    this.#drain();
    this.#hasExited = true;
    this.#releaseSlave();
    this.#events.onExit(exitOf(code, signal));
    if (this.#isClosed) this.#events.onClose();
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#releaseSlave();
    clearTimeout(this.#retryTimer);
    this.#stream.destroy();
  }

  #read(length: number): boolean {
    if (this.#isDisposed) return true;
    const filled = length < FULL_READ_BYTES ? length : this.#readMore(length);
    this.#events.onOutput(RecordKind.terminal, shared.subarray(0, filled));
    return true;
  }

  /** What a flood has ready goes into one record: a record costs more than a read. */
  #readMore(length: number): number {
    let filled = length;
    try {
      for (let read = length; read >= FULL_READ_BYTES && filled < shared.length; filled += read) {
        read = readSync(this.#master, shared, filled, shared.length - filled, null);
      }
    } catch {
      // EAGAIN: there was no more. EIO: the stream will say so.
    }
    return filled;
  }

  /** Reads what the ended process wrote, so that it stands before its exit. */
  #drain(): void {
    for (let drained = 0; drained < MAX_DRAIN_BYTES && !this.#stream.destroyed; ) {
      try {
        const length = readSync(this.#master, shared);
        if (length === 0) return;
        this.#read(length);
        drained += length;
      } catch {
        return; // EAGAIN: somebody it left behind holds the terminal. EIO: nobody does. Either way there is no more.
      }
    }
  }

  #closed(): void {
    this.#isClosed = true;
    openMasters.delete(this.#master);
    clearTimeout(this.#retryTimer);
    if (this.#hasExited && !this.#isDisposed) this.#events.onClose();
  }

  #releaseSlave(): void {
    if (this.#slave !== undefined) closeSync(this.#slave);
    this.#slave = undefined;
  }

  /** Never through the stream: libuv writes to a terminal as if it blocked, and would spin while the program does not read. */
  #writePending(): void {
    this.#retryTimer = undefined;
    let progress = false;
    for (let input = this.#pending[0]; input !== undefined && !this.#stream.destroyed; input = this.#pending[0]) {
      let written: number;
      try {
        written = writeSync(this.#master, input.bytes);
      } catch (error) {
        if (errorCode(error) === "EAGAIN") this.#retryWrite(progress);
        else this.#dropPending(); // Nobody is there to read it.
        return;
      }
      progress = true;
      this.#pendingBytes -= written;
      if (written < input.bytes.length) {
        this.#pending[0] = { ...input, bytes: input.bytes.subarray(written) };
      } else {
        this.#pending.shift();
        input.onTaken?.(true);
      }
    }
    this.#retryMs = FIRST_WRITE_RETRY_MS;
  }

  #dropPending(): void {
    const dropped = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    for (const input of dropped) input.onTaken?.(false);
  }

  #retryWrite(progress: boolean): void {
    this.#retryMs = progress ? FIRST_WRITE_RETRY_MS : Math.min(this.#retryMs * 2, LAST_WRITE_RETRY_MS);
    this.#retryTimer = setTimeout(() => this.#writePending(), this.#retryMs);
  }
}

function openSlave(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  } catch (error) {
    report(`cannot hold ${path} open, a program that closes its terminal will be hung up: ${describeError(error)}`);
    return undefined;
  }
}

function exitOf(code: number, signal: number): ExitPayload {
  if (signal === 0) return { code, signal: null };
  const named = Object.entries(systemConstants.signals).find(([, number]) => number === signal);
  return { code: null, signal: named?.[0] ?? `SIG${signal}` };
}
