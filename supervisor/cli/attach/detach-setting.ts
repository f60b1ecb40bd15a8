/** Which keys detach: those of the flag, else of the user's settings, else the usual ones. */
import { readFileSync } from "node:fs";
import { DEFAULT_DETACH_KEYS, type DetachKey, parseDetachKeys } from "../../../schemas/detach-keys.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../values.ts";

/** Throws FaultError for a flag that names no keys. */
export function detachKeysOf(flag: string | undefined, { layout }: Pick<CliContext, "layout">): readonly DetachKey[] {
  const parsed = parseDetachKeys(flag ?? settingIn(layout.settings) ?? DEFAULT_DETACH_KEYS);
  if (parsed.ok) return parsed.value;
  throw usageError(`--detach-keys: ${parsed.fault.message}`, parsed.fault.hint);
}

/**
 * Read by hand, for its schema costs more to load than an attach takes. Undefined where it is not set, and where it is
 * no setting: the supervisor complains of that, and whoever attaches must be able to leave.
 */
function settingIn(path: string): string | undefined {
  let value: unknown;
  try {
    value = (JSON.parse(readFileSync(path, "utf8")) as { readonly detachKeys?: unknown } | null)?.detachKeys;
  } catch {
    return undefined;
  }
  return typeof value === "string" && parseDetachKeys(value).ok ? value : undefined;
}
