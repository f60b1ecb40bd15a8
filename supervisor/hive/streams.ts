/** The Streams port: bytes of streams from their files, and live. Files are the truth and the socket a hint. */
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { type StreamKey, streamId } from "../../schemas/segment.ts";
import type { Log } from "../ports/clock.ts";
import type { StreamFollower, StreamPart, StreamSubscription, Streams } from "../ports/hive.ts";
import type { HostNews } from "./host-connection.ts";
import { LiveStream, type StreamHost } from "./live-stream.ts";
import { SegmentReader, streamFolder } from "./segment-files.ts";
import { FollowerPlace } from "./stream-follower.ts";
import { extentsOf, offsetOfLastLines, offsetOfTime } from "./stream-search.ts";

/** Whatever a caller asks for, no more is held in memory for one read. */
const MAX_READ_BYTES = 4 << 20;

export interface LocalStreamsOptions {
  readonly logs: string;
  readonly host: StreamHost;
  readonly log: Log;
}

export class LocalStreams implements Streams {
  readonly #options: LocalStreamsOptions;
  /** Streams that somebody follows. */
  readonly #live = new Map<string, { readonly key: StreamKey; readonly stream: LiveStream }>();

  constructor(options: LocalStreamsOptions) {
    this.#options = options;
  }

  list(sessionId: string, only?: Parameters<Streams["list"]>[1]): ReturnType<Streams["list"]> {
    return fenced(() => extentsOf(this.#options.logs, sessionId, only));
  }

  read(key: StreamKey, fromOffset: number, maxBytes: number): Promise<Result<StreamPart>> {
    return fenced(async () => {
      const reader = new SegmentReader(this.#folder(key));
      try {
        return await reader.read(fromOffset, Math.min(maxBytes, MAX_READ_BYTES));
      } finally {
        await reader.close();
      }
    });
  }

  offsetOfLastLines(key: StreamKey, lines: number): Promise<Result<number>> {
    return fenced(() => offsetOfLastLines(this.#folder(key), lines));
  }

  offsetOfTime(key: StreamKey, timeMs: number): Promise<Result<number>> {
    return fenced(() => offsetOfTime(this.#folder(key), timeMs));
  }

  follow(key: StreamKey, fromOffset: number, creditBytes: number, follower: StreamFollower): StreamSubscription {
    const id = streamId(key);
    const place = new FollowerPlace(this.#folder(key), fromOffset, creditBytes, follower);
    let followed = this.#live.get(id);
    if (followed === undefined) {
      const stream = new LiveStream(key, this.#options.host, (error) =>
        this.#options.log.error("a stream cannot be read", { stream: id, error: String(error) }),
      );
      followed = { key, stream };
      this.#live.set(id, followed);
    }
    const { stream } = followed;
    stream.add(place);
    return {
      credit: (bytes) => {
        place.addCredit(bytes);
        stream.wake(place);
      },
      dispose: () => {
        if (place.isGone) return;
        stream.remove(place);
        if (stream.isUnused && this.#live.get(id)?.stream === stream) this.#live.delete(id);
      },
    };
  }

  hostChanged(): void {
    for (const { stream } of this.#live.values()) stream.hostChanged();
  }

  onData(news: HostNews & { readonly type: "data" }, bytes: Buffer): void {
    this.#live.get(streamId(news.key))?.stream.onData(news.offset, bytes);
  }

  onOffsets({ streams }: HostNews & { readonly type: "offsets" }): void {
    for (const { key, endOffset } of streams) this.#live.get(streamId(key))?.stream.grew(endOffset);
  }

  /** The session's streams are deleted. */
  forgetSession(sessionId: string): void {
    for (const [id, { key, stream }] of this.#live) {
      if (key.sessionId !== sessionId) continue;
      this.#live.delete(id);
      stream.end();
    }
  }

  close(): void {
    const all = [...this.#live.values()];
    this.#live.clear();
    for (const { stream } of all) stream.end();
  }

  #folder(key: StreamKey): string {
    return streamFolder(this.#options.logs, key);
  }
}

async function fenced<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await work());
  } catch (error) {
    return failed(cannotRead(error as Error));
  }
}

function cannotRead(error: Error): Fault {
  return fault("failed", `a log cannot be read: ${error.message}`, {
    hint: "check the disk and the permissions of the logs folder in OVERMIND_HOME",
  });
}
