/**
 * Which segments lie in the logs folder, and the two bounds on them: per session, and for all together. Read from disk
 * once (a session when it is first asked for, the rest in the background), then kept up to date by the writers.
 */
import { mkdirSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  encodeSegmentHeader,
  parseSegmentFileName,
  parseStreamFolderName,
  SEGMENT_HEADER_BYTES,
  type StreamKey,
  segmentFileName,
  streamFolderName,
  streamId,
} from "../../schemas/segment.ts";
import { describeError, errorCode, report } from "./report.ts";

/** Until the supervisor says what the user's settings are; the same as their defaults. */
const DEFAULT_SESSION_LOG_BYTES = 64 << 20;
const DEFAULT_TOTAL_LOG_BYTES = 4 * 2 ** 30;
/** A session's log is dropped by the segment: so many, and a drop costs a small part of it. */
const SEGMENTS_PER_SESSION = 16;
const MIN_SEGMENT_BYTES = 256 << 10;
/** A reader holds one in memory to find its place, and the host when it opens a stream again. */
const MAX_SEGMENT_BYTES = 4 << 20;
/** Folders read at a stretch at the start, while processes wait for nothing longer than this. */
const FOLDERS_PER_SLICE = 20;
/** When nothing could be dropped, the search is repeated after so much growth. */
const SEARCH_AGAIN_BYTES = 1 << 20;

interface Segment {
  readonly base: number;
  /** Size of the file, its header included. */
  bytes: number;
  changedMs: number;
}

export interface ShelvedStream {
  readonly id: string;
  readonly path: string;
  readonly session: ShelvedSession;
  /** Oldest first. */
  readonly segments: Segment[];
  /** Its last segment is being written, and never dropped. */
  open: boolean;
}

interface ShelvedSession {
  readonly streams: Map<string, ShelvedStream>;
  bytes: number;
}

export class LogShelf {
  readonly #folder: string;
  readonly #onDropped: (streamId: string, firstOffset: number) => void;
  readonly #sessions = new Map<string, ShelvedSession>();
  #sessionLimit = DEFAULT_SESSION_LOG_BYTES;
  #totalLimit = DEFAULT_TOTAL_LOG_BYTES;
  #total = 0;
  #searchAgainAt = 0;

  constructor(folder: string, onDropped: (streamId: string, firstOffset: number) => void) {
    this.#folder = folder;
    this.#onDropped = onDropped;
  }

  /** A segment that would become longer than this is followed by the next. */
  get segmentBytes(): number {
    return Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, this.#sessionLimit / SEGMENTS_PER_SESSION));
  }

  setLimits(sessionLogBytes: number, totalLogBytes: number): void {
    this.#sessionLimit = sessionLogBytes;
    this.#totalLimit = totalLogBytes;
    for (const session of this.#sessions.values()) this.#boundSession(session);
    this.#searchAgainAt = 0;
    this.#boundTotal();
  }

  /** Finds out in the background what is on disk, so that the bound on the total counts it. */
  scan(): void {
    const names = namesIn(this.#folder);
    const slice = () => {
      for (const name of names.splice(0, FOLDERS_PER_SLICE)) this.#session(name);
      if (names.length > 0) setImmediate(slice);
      else this.#boundTotal();
    };
    setImmediate(slice);
  }

  /** The stream's place, on disk or not. */
  stream(key: StreamKey): ShelvedStream {
    const session = this.#session(key.sessionId);
    const name = streamFolderName(key);
    let stream = session.streams.get(name);
    if (stream === undefined) {
      const path = join(this.#folder, key.sessionId, name);
      stream = { id: streamId(key), path, session, segments: [], open: false };
      session.streams.set(name, stream);
    }
    return stream;
  }

  /** Makes the stream's folder. Never the home around the logs: one that is gone must stay gone. */
  makeFolder(stream: ShelvedStream): void {
    for (const folder of [this.#folder, dirname(stream.path), stream.path]) {
      try {
        mkdirSync(folder, { mode: 0o700 });
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
      }
    }
  }

  /** Removes one stream, which is not open. */
  discard(stream: ShelvedStream): void {
    for (const segment of stream.segments) this.#count(stream.session, -segment.bytes);
    for (const [name, known] of stream.session.streams) if (known === stream) stream.session.streams.delete(name);
    rmSync(stream.path, { recursive: true, force: true });
  }

  addSegment(stream: ShelvedStream, base: number, bytes: number, nowMs: number): void {
    stream.segments.push({ base, bytes: 0, changedMs: nowMs });
    this.grew(stream, bytes, nowMs);
  }

  /** The last segment of `stream` has grown by `bytes` (less than 0: a torn tail was cut). */
  grew(stream: ShelvedStream, bytes: number, nowMs: number): void {
    const last = stream.segments.at(-1);
    if (last === undefined) return;
    last.bytes += bytes;
    last.changedMs = nowMs;
    this.#count(stream.session, bytes);
    if (stream.session.bytes > this.#sessionLimit) this.#boundSession(stream.session);
    if (this.#total > this.#totalLimit) this.#boundTotal();
  }

  /** Deletes all that the session has on disk. None of its streams is open. */
  forget(sessionId: string): void {
    const session = this.#session(sessionId);
    this.#total -= session.bytes;
    this.#sessions.delete(sessionId);
    rmSync(join(this.#folder, sessionId), { recursive: true, force: true });
  }

  #session(sessionId: string): ShelvedSession {
    const known = this.#sessions.get(sessionId);
    if (known !== undefined) return known;
    const session: ShelvedSession = { streams: new Map(), bytes: 0 };
    this.#sessions.set(sessionId, session);
    const folder = join(this.#folder, sessionId);
    for (const name of namesIn(folder)) {
      const parsed = parseStreamFolderName(name);
      if (parsed === undefined) continue;
      const path = join(folder, name);
      const segments = segmentsIn(path);
      session.streams.set(name, { id: streamId({ sessionId, ...parsed }), path, session, segments, open: false });
      for (const segment of segments) this.#count(session, segment.bytes);
    }
    return session;
  }

  #count(session: ShelvedSession, bytes: number): void {
    session.bytes += bytes;
    this.#total += bytes;
  }

  #boundSession(session: ShelvedSession): void {
    while (session.bytes > this.#sessionLimit) {
      const oldest = oldestDroppable(session.streams.values());
      if (oldest === undefined || !this.#drop(oldest)) return;
    }
  }

  #boundTotal(): void {
    while (this.#total > this.#totalLimit && this.#total >= this.#searchAgainAt) {
      const sessions = [...this.#sessions.values()];
      const oldest =
        oldestDroppable(streamsOf(sessions.filter((session) => !isLiving(session)))) ??
        oldestDroppable(streamsOf(sessions.filter(isLiving)));
      if (oldest === undefined || !this.#drop(oldest)) this.#searchAgainAt = this.#total + SEARCH_AGAIN_BYTES;
    }
  }

  /** Drops the oldest segment. The last of a stream leaves an empty one behind, whose offset says how much there was. */
  #drop(stream: ShelvedStream): boolean {
    const [oldest] = stream.segments;
    if (oldest === undefined) return false;
    try {
      if (stream.segments.length === 1) {
        const end = oldest.base + oldest.bytes - SEGMENT_HEADER_BYTES;
        writeFileSync(join(stream.path, segmentFileName(end)), encodeSegmentHeader(end), { mode: 0o600 });
        stream.segments.push({ base: end, bytes: SEGMENT_HEADER_BYTES, changedMs: oldest.changedMs });
        this.#count(stream.session, SEGMENT_HEADER_BYTES);
      }
      unlinkSync(join(stream.path, segmentFileName(oldest.base)));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") {
        report(`cannot drop the oldest log segment of ${stream.id}: ${describeError(error)}`);
        return false;
      }
    }
    stream.segments.shift();
    this.#count(stream.session, -oldest.bytes);
    const first = stream.segments[0];
    if (first !== undefined) this.#onDropped(stream.id, first.base);
    return true;
  }
}

function isLiving(session: ShelvedSession): boolean {
  for (const stream of session.streams.values()) if (stream.open) return true;
  return false;
}

function* streamsOf(sessions: Iterable<ShelvedSession>): Iterable<ShelvedStream> {
  for (const session of sessions) yield* session.streams.values();
}

function oldestDroppable(streams: Iterable<ShelvedStream>): ShelvedStream | undefined {
  let oldest: ShelvedStream | undefined;
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const stream of streams) {
    const [first] = stream.segments;
    if (first === undefined || first.changedMs >= oldestMs) continue;
    const isOnly = stream.segments.length === 1;
    if (isOnly && (stream.open || first.bytes <= SEGMENT_HEADER_BYTES)) continue;
    oldest = stream;
    oldestMs = first.changedMs;
  }
  return oldest;
}

function segmentsIn(folder: string): Segment[] {
  const segments: Segment[] = [];
  for (const name of namesIn(folder)) {
    const base = parseSegmentFileName(name);
    const stats = base === undefined ? undefined : statSync(join(folder, name), { throwIfNoEntry: false });
    if (base !== undefined && stats !== undefined) {
      segments.push({ base, bytes: stats.size, changedMs: stats.mtimeMs });
    }
  }
  return segments.sort((a, b) => a.base - b.base);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") report(`cannot read ${folder}: ${describeError(error)}`);
    return [];
  }
}
