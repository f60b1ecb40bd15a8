/** overmind attach */
import { attach as bridge } from "../attach/attach.ts";
import { detachKeysOf } from "../attach/detach-setting.ts";
import type { CliContext } from "../context.ts";
import type { Invocation } from "../parse.ts";

export async function attach({ flags, operands }: Invocation<"attach">, context: CliContext): Promise<number> {
  const detachKeys = detachKeysOf(flags["detach-keys"], context);
  const [reference = ""] = operands;
  const { session } = await context.link.request("session/get", { session: reference });
  return bridge(session, context, { detachKeys, readOnly: flags["read-only"] });
}
