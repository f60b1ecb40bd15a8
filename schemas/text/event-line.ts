/** A line of `overmind events`. */
import type { EventView } from "../session-view.ts";
import { plain } from "./plain.ts";
import type { Style } from "./style.ts";
import { dateAndTime } from "./time.ts";

/** "2026-11-24 12:30:01  calm-otter  session/changed  from RUNNING, to COMPLETED", with its newline. */
export function eventLine(event: EventView, style: Style): string {
  const facts = Object.entries(event.data)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(
      ([name, value]) => `${plain(name)} ${plain(typeof value === "string" ? value : (JSON.stringify(value) ?? ""))}`,
    );
  const parts = [
    style.dim(dateAndTime(Date.parse(event.at))),
    style.bold(plain(event.sessionName ?? event.sessionId ?? "-")),
    plain(event.kind),
    ...(facts.length === 0 ? [] : [facts.join(", ")]),
  ];
  return `${parts.join("  ")}\n`;
}
