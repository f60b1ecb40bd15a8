/** What `stop`, `kill` and `rm` say they have done. */
import type { SessionView } from "../session-view.ts";
import { plain } from "./plain.ts";
import { shortCommand } from "./short-command.ts";

export interface EndedProcess {
  readonly pid: number;
  readonly command: string;
}

/** Processes named in a line: more would hide the rest of it. */
const MOST_NAMED = 8;
const COMMAND_COLUMNS = 60;

/** "stopped calm-otter (2 processes ended: 123 node server.js, 124 sh)" */
export function endedLine(verb: string, name: string, processes: readonly EndedProcess[]): string {
  return `${verb} ${plain(name)}${processes.length === 0 ? "" : ` (${endedProcesses(processes)})`}`;
}

/** A session that was not there to be ended any more. */
export function hadEndedLine(session: Pick<SessionView, "name" | "phase" | "reason">): string {
  return `${plain(session.name)} had ended before: ${session.phase}, ${plain(session.reason)}`;
}

function endedProcesses(processes: readonly EndedProcess[]): string {
  const named = processes
    .slice(0, MOST_NAMED)
    .map(({ pid, command }) => `${pid} ${shortCommand(plain(command), COMMAND_COLUMNS)}`);
  const more = processes.length > MOST_NAMED ? `, and ${processes.length - MOST_NAMED} more` : "";
  const count = processes.length === 1 ? "1 process ended" : `${processes.length} processes ended`;
  return `${count}: ${named.join(", ")}${more}`;
}
