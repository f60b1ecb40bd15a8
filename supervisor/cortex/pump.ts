/** Sends what a client follows, batch after batch, as fast as it reads. A change only says that there may be more. */
import type { Log } from "../ports/clock.ts";
import type { ClientConnection } from "./handler.ts";

export interface Pump {
  /** There may be something to send. Never throws. */
  wake(): void;
  /** Nothing is sent before: the reply that names the subscription goes out first. */
  begin(): void;
  dispose(): void;
}

/**
 * `send` sends what its cursor has come to and moves it; false when there is nothing more now. What it throws is logged
 * as `complaint`: the next change leads to it again, and the cursor still stands.
 */
export function createPump(
  connection: Pick<ClientConnection, "saturated" | "drained">,
  log: Log,
  complaint: string,
  send: () => boolean,
): Pump {
  let pumping = true;
  let disposed = false;

  /** Never rejects. */
  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    try {
      // Changes of one turn go out together.
      await Promise.resolve();
      let isMore = true;
      while (isMore && !disposed) {
        if (connection.saturated) await connection.drained();
        isMore = !disposed && send();
      }
    } catch (error) {
      log.warn(complaint, { reason: error instanceof Error ? error.message : String(error) });
    } finally {
      pumping = false;
    }
  }

  return {
    wake: () => void pump(),
    begin() {
      pumping = false;
      void pump();
    },
    dispose() {
      disposed = true;
    },
  };
}
