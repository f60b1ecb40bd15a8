/** A client that reads a session's log as an editor does: raw output, credit given back as it is consumed. */
import { parseRecords, RecordKind } from "../schemas/segment.ts";
import { type Connection, connect } from "../supervisor/client/connection.ts";

const CREDIT_BYTES = 4 << 20;

export function connectTo(endpoint: string): Promise<Connection> {
  return connect(endpoint, { clientName: "bench" });
}

/** Reads until `onOutput` says to stop or the log ends. `onOutput` gets the program's own bytes, record by record. */
async function follow(client: Connection, session: string, onOutput: (payload: Uint8Array) => boolean): Promise<void> {
  const { subscription } = await client.request("log/follow", {
    session,
    from: { start: true },
    follow: true,
    creditBytes: CREDIT_BYTES,
  });
  await new Promise<void>((resolve) => {
    client.subscribe(subscription, {
      data(_attempt, offset, records) {
        client.notify("log/credit", { subscription, bytes: records.length });
        for (const { kind, payload } of parseRecords(records, offset).records) {
          if (kind === RecordKind.terminal && !onOutput(payload)) resolve();
        }
      },
      end: () => resolve(),
    });
  });
}

/** Returns how many bytes of output came until the log's end. */
export async function followSession(client: Connection, session: string): Promise<number> {
  let bytes = 0;
  await follow(client, session, (payload) => {
    bytes += payload.length;
    return true;
  });
  return bytes;
}

/** Hands on whole lines with the time at which they came, until `onLine` says to stop. */
export async function followLines(
  client: Connection,
  session: string,
  onLine: (line: string, atMs: number) => boolean,
): Promise<void> {
  let rest = "";
  let goesOn = true;
  await follow(client, session, (payload) => {
    const atMs = performance.timeOrigin + performance.now();
    const lines = (rest + Buffer.from(payload).toString("latin1")).split("\r\n");
    rest = lines.pop() ?? "";
    for (const line of lines) goesOn = goesOn && onLine(line, atMs);
    return goesOn;
  });
}
