/** Which sessions a command is about: SESSION..., --all or -l SEL, exactly one of them. */
import type { SessionSelection } from "../../schemas/client-protocol.ts";
import { FaultError, fault } from "../../schemas/fault.ts";

interface Chosen {
  readonly operands: readonly string[];
  readonly flags: { readonly all: boolean; readonly selector: string | undefined };
}

export function selectionOf({ operands, flags }: Chosen): SessionSelection {
  const ways = [operands.length > 0, flags.all, flags.selector !== undefined].filter((given) => given).length;
  if (ways !== 1) {
    const message = ways === 0 ? "no session is named" : "SESSION, --all and -l exclude each other";
    throw new FaultError(fault("usage", message, { hint: "name sessions, or choose them with --all or -l k=v" }));
  }
  if (flags.all) return { all: true };
  return flags.selector === undefined ? { references: [...operands] } : { selector: flags.selector };
}
