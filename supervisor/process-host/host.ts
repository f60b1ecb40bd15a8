/**
 * The processes of this host and their streams. Every operation returns its Result; none throws for what the world may
 * do, and what goes wrong with one stream never touches another.
 */
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type {
  AppendedRecord,
  HostDelivered,
  HostedProcess,
  HostStarted,
  ProcessSpec,
  TerminalSize,
} from "../../schemas/host-protocol.ts";
import { type ExitPayload, RecordKind, type StreamKey, streamId } from "../../schemas/segment.ts";
import { parseSignal } from "../../schemas/signals.ts";
import type { Child, ChildEvents } from "./child.ts";
import type { ControlGroups } from "./control-groups.ts";
import { DeliveredMessages } from "./delivered-messages.ts";
import { type Delivery, DeliveryQueue, diskFull } from "./delivery-queue.ts";
import type { Feed } from "./feed.ts";
import type { LogShelf } from "./log-shelf.ts";
import { openMasters } from "./native-pty.ts";
import { startPipes } from "./pipes.ts";
import { startTimeOf } from "./process-table.ts";
import { obstacleTo } from "./program.ts";
import { startTerminal } from "./pty.ts";
import { Pulse } from "./pulse.ts";
import { errorCode } from "./report.ts";
import { DISK_RETRY_MS, SegmentWriter, type WriterEvents } from "./segment-writer.ts";

interface Hosted {
  readonly key: StreamKey;
  readonly child: Child;
  readonly startTime: string;
  readonly startedAtMs: number;
  readonly stdio: ProcessSpec["stdio"];
  /** Open until the exit is acknowledged and the stream closed. */
  readonly writer: SegmentWriter;
  readonly deliveries: DeliveryQueue;
  exit?: ExitPayload & { readonly atMs: number };
  /** Nobody can write to the stream any more but the supervisor. */
  isClosed: boolean;
  isAcknowledged: boolean;
}

const DONE: Result<null> = ok(null);

export class ProcessHost {
  readonly #shelf: LogShelf;
  readonly #feed: Feed;
  readonly #groups: ControlGroups;
  readonly #hosted = new Map<string, Hosted>();
  /** Starts under way, which take a turn of the event loop when they fail. */
  readonly #starting = new Set<string>();
  readonly #delivered = new DeliveredMessages();
  readonly #fullDisks = new Pulse<SegmentWriter>(DISK_RETRY_MS, (writer) => !writer.retry());
  readonly #writerEvents: WriterEvents;

  constructor(shelf: LogShelf, feed: Feed, groups: ControlGroups) {
    this.#shelf = shelf;
    this.#feed = feed;
    this.#groups = groups;
    this.#writerEvents = {
      onRecord: (writer, offset, record, timeMs) => feed.onRecord(writer, offset, record, timeMs),
      onDiskFull: (writer) => this.#fullDisks.add(writer),
    };
  }

  /** Those that run, and those whose exit is not acknowledged. */
  list(): HostedProcess[] {
    return [...this.#hosted.values()].filter(({ isAcknowledged }) => !isAcknowledged).map(describe);
  }

  /** Pids of the main processes that run; each leads a session of its own. */
  runningPids(): Set<number> {
    return new Set([...this.#hosted.values()].filter(({ exit }) => exit === undefined).map(({ child }) => child.pid));
  }

  /** The stream's writer while the host has it open. */
  writerOf(key: StreamKey): SegmentWriter | undefined {
    return this.#hosted.get(streamId(key))?.writer;
  }

  async start(spec: ProcessSpec): Promise<Result<HostStarted>> {
    const known = this.#startedBefore(streamId(spec.key));
    if (known !== undefined) return known;
    const obstacle = obstacleTo(spec);
    if (obstacle !== undefined) return failed(obstacle);
    return this.#groups.startIn(spec.key, () => this.#startNow(spec));
  }

  #startedBefore(id: string): Result<HostStarted> | undefined {
    const known = this.#hosted.get(id);
    if (known?.isAcknowledged === false) return ok({ process: describe(known), existing: true });
    return known !== undefined || this.#starting.has(id) ? failed(alreadyStarted(id)) : undefined;
  }

  /** What is started is registered in the very turn in which this is called. */
  async #startNow(spec: ProcessSpec): Promise<Result<HostStarted>> {
    const id = streamId(spec.key);
    const known = this.#startedBefore(id);
    if (known !== undefined) return known;
    const opened = this.#open(spec.key);
    if (!opened.ok) return opened;
    const { writer, onlyMarkers } = opened.value;
    if (!onlyMarkers) {
      writer.close();
      return failed(alreadyStarted(id));
    }
    this.#starting.add(id);
    try {
      return await this.#startInto(spec, id, writer);
    } finally {
      this.#starting.delete(id);
    }
  }

  input(key: StreamKey, bytes: Buffer): Result<null> {
    const found = this.#running(key);
    if (!found.ok) return found;
    const { child } = found.value;
    const obstacle = child.refuses(bytes.length);
    if (obstacle !== undefined) return failed(obstacle);
    child.write(bytes);
    return DONE;
  }

  /** Types it once: a message of this id that is under way or done answers for itself, whatever the key says. */
  deliver(key: StreamKey, messageId: string, delivery: Delivery): Promise<Result<HostDelivered>> {
    return this.#delivered.once(key.sessionId, messageId, () => {
      const found = this.#running(key);
      return found.ok ? found.value.deliveries.deliver(delivery) : Promise.resolve(found);
    });
  }

  closeInput(key: StreamKey): Result<null> {
    const found = this.#running(key);
    return found.ok ? resultOf(found.value.child.closeInput()) : found;
  }

  resize(key: StreamKey, size: TerminalSize): Result<null> {
    const found = this.#running(key);
    if (!found.ok) return found;
    const obstacle = found.value.child.resize(size);
    if (obstacle !== undefined) return failed(obstacle);
    found.value.writer.appendKept(RecordKind.resize, size);
    return DONE;
  }

  signal(key: StreamKey, text: string): Result<null> {
    const signal = parseSignal(text);
    if (signal === undefined) return failed(fault("invalid-params", `there is no signal ${text}`));
    const found = this.#running(key);
    if (!found.ok) return found;
    const { child, startTime } = found.value;
    // It may have been reaped a moment ago, by a thread of node-pty, and its number be a stranger's.
    if (startTime === "" || startTimeOf(child.pid) !== startTime) return failed(hasEnded(key));
    try {
      process.kill(child.pid, signal);
      return DONE;
    } catch (error) {
      if (errorCode(error) === "ESRCH") return failed(hasEnded(key));
      return failed(fault("failed", `process ${child.pid} cannot be sent ${signal}: ${(error as Error).message}`));
    }
  }

  append(key: StreamKey, record: AppendedRecord): Result<null> {
    const hosted = this.#hosted.get(streamId(key));
    if (hosted !== undefined) return append(hosted.writer, record);
    const opened = this.#open(key);
    if (!opened.ok) return opened;
    const { writer } = opened.value;
    const appended = append(writer, record);
    const isOnDisk = !writer.isDiskFull;
    this.#fullDisks.delete(writer);
    writer.abandon();
    return isOnDisk ? appended : failed(diskFull(writer.id));
  }

  acknowledgeExit(key: StreamKey): Result<null> {
    const hosted = this.#hosted.get(streamId(key));
    // Whoever was left behind may have ended by now.
    if (hosted?.exit !== undefined) this.#groups.removeEmpty(key.sessionId);
    if (hosted === undefined) return DONE;
    if (hosted.exit === undefined) return failed(fault("conflict", `${streamId(key)} is running`));
    hosted.isAcknowledged = true;
    this.#forgetIfDone(hosted);
    return DONE;
  }

  forgetSession(sessionId: string): Result<null> {
    const hosted = [...this.#hosted.values()].filter(({ key }) => key.sessionId === sessionId);
    const running = hosted.find(({ exit }) => exit === undefined);
    if (running !== undefined) return failed(fault("conflict", `${streamId(running.key)} is running`));
    for (const { key, child, writer } of hosted) {
      child.dispose();
      this.#fullDisks.delete(writer);
      writer.abandon();
      this.#feed.unsubscribe(key);
      this.#hosted.delete(streamId(key));
    }
    this.#groups.removeEmpty(sessionId);
    try {
      this.#shelf.forget(sessionId);
      return DONE;
    } catch (error) {
      return failed(fault("failed", `the log of session ${sessionId} cannot be deleted: ${(error as Error).message}`));
    }
  }

  async #startInto(spec: ProcessSpec, id: string, writer: SegmentWriter): Promise<Result<HostStarted>> {
    let hosted: Hosted | undefined;
    const events: ChildEvents = {
      onOutput: (kind, bytes) => hosted?.writer.append(kind, bytes),
      onExit: (exit) => hosted !== undefined && this.#exited(hosted, exit),
      onClose: () => hosted !== undefined && this.#closed(hosted),
    };
    const starting = spec.stdio === "terminal" ? startTerminal(spec, events) : startPipes(spec, openMasters, events);
    // Only what has failed is a promise: whatever has started is registered in this very turn.
    const started = starting instanceof Promise ? await starting : starting;
    if (!started.ok) {
      writer.discard();
      return started;
    }
    const child = started.value;
    hosted = {
      key: spec.key,
      child,
      startTime: startTimeOf(child.pid),
      startedAtMs: Date.now(),
      stdio: spec.stdio,
      writer,
      deliveries: new DeliveryQueue(child, writer),
      isClosed: false,
      isAcknowledged: false,
    };
    this.#hosted.set(id, hosted);
    if (spec.stdio === "terminal") writer.appendKept(RecordKind.resize, spec.size);
    return ok({ process: describe(hosted), existing: false });
  }

  #exited(hosted: Hosted, exit: ExitPayload): void {
    hosted.exit = { ...exit, atMs: Date.now() };
    hosted.deliveries.end(hasEnded(hosted.key));
    hosted.writer.appendKept(RecordKind.exit, exit);
    this.#feed.flush(hosted.key);
    this.#feed.tell({ type: "exit", process: describe(hosted) });
    this.#groups.removeEmpty(hosted.key.sessionId);
  }

  #closed(hosted: Hosted): void {
    hosted.isClosed = true;
    this.#forgetIfDone(hosted);
  }

  #forgetIfDone(hosted: Hosted): void {
    if (!hosted.isAcknowledged || !hosted.isClosed) return;
    hosted.writer.close();
    this.#hosted.delete(streamId(hosted.key));
  }

  #running(key: StreamKey): Result<Hosted> {
    const hosted = this.#hosted.get(streamId(key));
    if (hosted === undefined) return failed(fault("not-found", `the process host has no process ${streamId(key)}`));
    return hosted.exit === undefined ? ok(hosted) : failed(hasEnded(key));
  }

  #open(key: StreamKey): Result<ReturnType<typeof SegmentWriter.open>> {
    try {
      return ok(SegmentWriter.open(this.#shelf, key, this.#writerEvents));
    } catch (error) {
      return failed(cannotOpen(streamId(key), error));
    }
  }
}

function append(writer: SegmentWriter, record: AppendedRecord): Result<null> {
  if (record.kind === "marker") return writer.appendMarker(record.payload) ? DONE : failed(diskFull(writer.id));
  writer.appendGap(record.payload);
  return DONE;
}

function describe({ key, child, startTime, startedAtMs, exit, writer, stdio }: Hosted): HostedProcess {
  const { endOffset, lastOutputMs } = writer;
  const { pid } = child;
  return { key, pid, startTime, startedAtMs, ...(exit === undefined ? {} : { exit }), endOffset, lastOutputMs, stdio };
}

function resultOf(obstacle: Fault | undefined): Result<null> {
  return obstacle === undefined ? DONE : failed(obstacle);
}

function alreadyStarted(id: string): Fault {
  return fault("conflict", `${id} has been started before`, { hint: "a further start is another attempt" });
}

function hasEnded(key: StreamKey): Fault {
  return fault("conflict", `${streamId(key)} has ended`);
}

function cannotOpen(id: string, error: unknown): Fault {
  const message = `the log of ${id} cannot be opened: ${(error as Error).message}`;
  switch (errorCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return fault("disk-full", message, { retryable: true, hint: "make space on the disk of OVERMIND_HOME" });
    case "EMFILE":
    case "ENFILE":
      return fault("too-many-processes", message, {
        retryable: true,
        hint: "raise the limit on open files (ulimit -n)",
      });
    default:
      return fault("failed", message);
  }
}
