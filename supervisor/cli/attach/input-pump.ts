/** Sends what is typed or piped in to a session, in order, one request after the other: none overtakes the last. */
import { FaultError } from "../../../schemas/fault.ts";
import type { Link } from "../link.ts";

/** In one request: what a person pastes goes at once, a file in pieces. */
const PIECE_BYTES = 64 * 1024;
/** Held here while the session does not read; beyond it the reader of standard input waits. */
const MOST_WAITING_BYTES = 1 << 20;
/** How soon a session that has not read its input yet is tried again. */
const BUSY_RETRY_MS = 50;
/** Connections that were lost before a piece was sent; each new one is waited for by itself. */
const MOST_LOSSES = 3;

export interface InputPump {
  /** Resolves when more may be given. Throws FaultError for what could not be sent, of this piece or the ones before. */
  push(bytes: Buffer): Promise<void>;
}

export function inputPump(link: Link, session: string): InputPump {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let sending: Promise<void> | undefined;
  let failure: unknown;
  const send = async () => {
    while (waiting.length > 0) {
      const bytes = Buffer.concat(waiting);
      waiting = [];
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        await sendPiece(link, session, bytes.subarray(at, at + PIECE_BYTES));
      }
      waitingBytes -= bytes.length;
    }
  };
  return {
    async push(bytes) {
      if (failure !== undefined) throw failure;
      waiting.push(bytes);
      waitingBytes += bytes.length;
      sending ??= send()
        .catch((error: unknown) => {
          failure = error;
        })
        .finally(() => {
          sending = undefined;
        });
      if (waitingBytes > MOST_WAITING_BYTES) await sending;
    },
  };
}

async function sendPiece(link: Link, session: string, piece: Buffer): Promise<void> {
  for (let losses = 0; losses <= MOST_LOSSES; ) {
    try {
      await link.requestOnce("session/input", { session, bytes: piece.toString("base64") });
      return;
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      // Not confirmed: it may have arrived, and what is typed must not arrive twice.
      if (error.fault.code === "unconfirmed") return;
      if (error.fault.code !== "busy" && error.fault.code !== "unreachable") throw error;
      if (error.fault.code === "unreachable") losses += 1;
      await new Promise((wake) => setTimeout(wake, BUSY_RETRY_MS));
    }
  }
}
