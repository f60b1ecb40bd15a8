/** A process under the host, whatever it is connected by. */
import type { Fault } from "../../schemas/fault.ts";
import type { TerminalSize } from "../../schemas/host-protocol.ts";
import type { ExitPayload } from "../../schemas/segment.ts";

export interface ChildEvents {
  /** `bytes` is valid during the call alone. `kind` is a RecordKind. */
  onOutput(kind: number, bytes: Buffer): void;
  /** The main process has ended, and all that it wrote has been passed on. */
  onExit(exit: ExitPayload): void;
  /** Nobody can write any more: the main process has ended and so has whatever it left behind at its terminal or pipes. */
  onClose(): void;
}

export interface Child {
  readonly pid: number;
  /** Why so much input cannot be taken now, or undefined. */
  refuses(inputBytes: number): Fault | undefined;
  /**
   * Takes all of it; what the program does not read at once waits. `onTaken` is called once, perhaps in this very call:
   * with true when the system has taken the last byte, with false when nobody will ever read it. It is not called when
   * the process ends before.
   */
  write(bytes: Buffer, onTaken?: (isTaken: boolean) => void): void;
  closeInput(): Fault | undefined;
  resize(size: TerminalSize): Fault | undefined;
  /** Stops reading and closes our end, whoever still holds the other. Nothing is called afterwards. */
  dispose(): void;
}

/** What is read at a stretch when the main process has ended: all that a terminal or pipe holds, and no endless flood. */
export const MAX_DRAIN_BYTES = 4 << 20;
