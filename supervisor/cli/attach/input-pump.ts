/** Hands what is typed or piped in on, in order and one piece after the other, while its reader may go on. */

/** In one piece: what a person pastes goes at once, a file in several. */
const PIECE_BYTES = 64 * 1024;
/** Held here while the session does not read; beyond it the reader of standard input waits. */
const MOST_WAITING_BYTES = 1 << 20;

export interface InputPump {
  /** Resolves when more may be given. Throws what sending threw, of this piece or the ones before. */
  push(bytes: Buffer, isReply?: boolean): Promise<void>;
  /** Resolves when all that was given has been sent, or could not be. */
  sent(): Promise<void>;
}

export function inputPump(send: (piece: Buffer, isReply: boolean) => Promise<void>): InputPump {
  const waiting: { bytes: Buffer; readonly isReply: boolean }[] = [];
  let waitingBytes = 0;
  let sending: Promise<void> | undefined;
  let failure: unknown;
  const sendAll = async () => {
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const { bytes, isReply } = next;
        for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
          await send(bytes.subarray(at, at + PIECE_BYTES), isReply);
        }
        waitingBytes -= bytes.length;
      }
    } catch (error) {
      failure = error;
    } finally {
      // In one go with the loop's last look: what is pushed between the two would be forgotten.
      sending = undefined;
    }
  };
  return {
    async push(bytes, isReply = false) {
      if (failure !== undefined) throw failure;
      if (bytes.length === 0) return;
      const last = waiting.at(-1);
      // What has come while a piece was under way goes together.
      if (last?.isReply === isReply) last.bytes = Buffer.concat([last.bytes, bytes]);
      else waiting.push({ bytes, isReply });
      waitingBytes += bytes.length;
      sending ??= sendAll();
      if (waitingBytes > MOST_WAITING_BYTES) await sending;
    },
    sent: async () => sending,
  };
}
