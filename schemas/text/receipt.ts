/** What `send` says of a message: what became of it, and why. */
import type { MessageView } from "../session-view.ts";
import { plain } from "./plain.ts";
import { styleFor } from "./style.ts";

export interface Receipt {
  readonly message: Pick<MessageView, "state" | "reason">;
  readonly sessionName: string;
  /** It was waited for, and that took too long. */
  readonly timedOut: boolean;
}

/** One line, with its newline. */
export function receiptText(
  { message, sessionName, timedOut }: Receipt,
  options: { readonly colour: boolean },
): string {
  const style = styleFor(options.colour);
  const name = style.bold(plain(sessionName));
  const why = plain(message.reason);
  switch (message.state) {
    case "delivered":
      return timedOut
        ? `${style.green("delivered")} to ${name}, ${style.yellow("timed out")}: it is not idle yet\n`
        : `${style.green("delivered")} to ${name}\n`;
    case "queued":
    case "delivering":
      return timedOut
        ? `${style.yellow("timed out")}: the message stays queued for ${name}: ${why}\n`
        : `${style.yellow("queued")} for ${name}: ${why}\n`;
    case "unconfirmed":
      return `${style.red("unconfirmed")}: whether ${name} got the message is not known: ${why}\n`;
    case "failed":
      return `${style.red("failed")}: ${name} did not get the message: ${why}\n`;
  }
}

/** What `send` exits with: a message that may have been typed is neither a success nor a failure. */
export function receiptExitCode({ message, timedOut }: Pick<Receipt, "message" | "timedOut">): number {
  if (message.state === "failed") return 1;
  if (message.state === "unconfirmed") return 6;
  return timedOut ? 124 : 0;
}
