/** Prints what `--json` promises. The types are schemas/json-output.ts's: its zod is for tests, and is not loaded here. */
import type { JsonCommand, JsonOutputOf } from "../../../schemas/json-output.ts";
import type { Output } from "../context.ts";

/** One object, for people's eyes as well. */
export async function printJson<C extends JsonCommand>(
  out: Output,
  _command: C,
  value: JsonOutputOf<C>,
): Promise<void> {
  await out.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** One object of many, in a line of its own. */
export async function printJsonLines<C extends JsonCommand>(
  out: Output,
  _command: C,
  values: readonly JsonOutputOf<C>[],
): Promise<void> {
  if (values.length > 0) await out.write(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}
