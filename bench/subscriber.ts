/** A client that reads a session's log as the editor does: binary output, credit given back as it is consumed. */

import { parseRecords, RecordKind, type StreamRecord } from "../schemas/segment.ts";
import { type Connection, connect } from "../supervisor/client/connection.ts";

const CREDIT_BYTES = 1 << 20;

export function connectTo(endpoint: string): Promise<Connection> {
  return connect(endpoint, { client: { name: "bench", version: "0" } });
}
