/** The text of a number in `overmind config set`: in the unit that the setting's name says, or with a unit of its own. */
import { parseDuration } from "../../schemas/duration.ts";

const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** What is no number is returned as it is: the schema says what is wrong with it. */
export function parseSettingText(name: string, text: string): number | string {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (name.endsWith("Ms")) {
    const duration = parseDuration(text);
    return duration.ok ? duration.value : text;
  }
  const size = name.endsWith("Bytes") ? /^(\d+(?:\.\d+)?) ?(B|KiB|MiB|GiB|TiB)$/.exec(text) : null;
  return size === null ? text : Math.round(Number(size[1]) * (BYTES[size[2] ?? "B"] ?? 1));
}
