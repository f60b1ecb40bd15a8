/** The text of `overmind status`. */
import { formatDuration } from "../duration.ts";
import type { SessionView, StatusView } from "../session-view.ts";
import { formatBytes } from "./bytes.ts";
import { plain } from "./plain.ts";
import { type Style, styleFor } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";

type Phase = SessionView["phase"];

/** In the order of a session's life. */
const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  PENDING: "pending",
  STARTING: "starting",
  RUNNING: "running",
  BACKOFF: "waiting to be restarted",
  STOPPING: "stopping",
  CRASHED: "crashed",
  LOST: "lost",
  COMPLETED: "completed",
  STOPPED: "stopped",
};

export interface Build {
  readonly version: string;
  readonly buildId: string;
}

/** Ends with a newline. */
export function statusText(status: StatusView, options: { readonly nowMs: number; readonly colour: boolean }): string {
  const style = styleFor(options.colour);
  const { supervisor } = status;
  const uptime = formatDuration(options.nowMs - Date.parse(supervisor.startedAt));
  const rows: readonly (readonly [string, string])[] = [
    [
      "Supervisor",
      `version ${plain(supervisor.version)} (build ${plain(supervisor.buildId)}), pid ${supervisor.pid}, up ${uptime}, ${formatBytes(supervisor.memoryBytes)}`,
    ],
    ["Process host", hostText(status.host, style)],
    ["Sessions", sessionsText(status, style)],
    ["Home", plain(supervisor.home)],
    ["Endpoint", plain(supervisor.endpoint)],
  ];
  return renderTable(rows.map(([title, value]): Cell[] => [{ text: title, shown: style.dim(title) }, { text: value }]));
}

/** What to say when the command line and the supervisor are of different builds; undefined when they are one. */
export function buildDifference(client: Build, supervisor: Build): string | undefined {
  if (client.buildId === supervisor.buildId) return undefined;
  return (
    `this command is version ${plain(client.version)} (build ${plain(client.buildId)}), the supervisor ${plain(supervisor.version)} ` +
    `(build ${plain(supervisor.buildId)}): overmind supervisor restart (sessions go on)`
  );
}

function hostText(host: StatusView["host"], style: Style): string {
  if (host === null) return style.yellow("not connected: it is started with the next session");
  return `version ${plain(host.version)}, pid ${host.pid}, ${host.processes === 1 ? "1 process" : `${host.processes} processes`}`;
}

function sessionsText(status: StatusView, style: Style): string {
  const counted = (Object.keys(PHASE_WORDS) as Phase[]).flatMap((phase) => {
    const count = status.sessions[phase] ?? 0;
    if (count === 0) return [];
    const words = `${count} ${PHASE_WORDS[phase]}`;
    return [phase === "CRASHED" || phase === "LOST" ? style.red(words) : words];
  });
  const waiting =
    status.waiting === 0
      ? ""
      : `; ${style.yellow(status.waiting === 1 ? "1 waits for you" : `${status.waiting} wait for you`)}`;
  return counted.length === 0 ? "none" : `${counted.join(", ")}${waiting}`;
}
