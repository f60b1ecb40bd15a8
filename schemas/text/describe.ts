/** The text of `overmind describe`: all about a session, and why it came to be as it is. */
import type { ResultOf } from "../client-protocol.ts";
import { formatDelay, formatDuration } from "../duration.ts";
import type { SessionView, TransitionView } from "../session-view.ts";
import { formatBytes } from "./bytes.ts";
import { plain, quoteArgv } from "./plain.ts";
import { formatCpu } from "./session-table.ts";
import { paintPhase, type Style, styleFor } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";
import { clockTime, dateAndTime } from "./time.ts";

export type Described = ResultOf<"session/get">;

type Field = readonly [title: string, value: string];

/** Processes named in a transition's evidence. */
const MOST_NAMED = 20;

/** Ends with a newline. Times are local. */
export function describeText(
  described: Described,
  options: { readonly nowMs: number; readonly colour: boolean },
): string {
  const style = styleFor(options.colour);
  const { session } = described;
  const sections: readonly (readonly [title: string, body: string])[] = [
    ["", fields(headerFields(session, style, options.nowMs), style)],
    ["Workspace", fields(workspaceFields(session), style)],
    ["Process", fields(processFields(session, style), style)],
    ["Restarts", fields(restartFields(session, options.nowMs), style)],
    ["Output", fields(logFields(described), style)],
    ["Environment", environmentText(described, style)],
    ["What happened", transitionsText(described.transitions, style)],
  ];
  return sections
    .filter(([, body]) => body !== "")
    .map(([title, body]) => (title === "" ? body : `${style.bold(title)}\n${indent(body)}`))
    .join("\n");
}

function headerFields(session: SessionView, style: Style, nowMs: number): Field[] {
  return [
    ["Name", style.bold(plain(session.name))],
    ["Id", plain(session.id)],
    ["Phase", `${paintPhase(style, session.phase)}: ${plain(session.reason)}`],
    ...optional("Activity", session.activity ?? undefined),
    ["Agent", plain(session.agent)],
    ["Command", quoteArgv(session.argv)],
    ["Project", plain(session.project)],
    ["Colony", plain(session.colony)],
    ...optional("Labels", labelsText(session.labels)),
    ...optional("Parent", session.parentId === null ? undefined : plain(session.parentId)),
    ["Created", moment(session.createdAt, nowMs)],
    ...optional("Started", session.startedAt === null ? undefined : moment(session.startedAt, nowMs)),
    ...optional("Ended", session.endedAt === null ? undefined : moment(session.endedAt, nowMs)),
    ...optional("Exit", exitText(session.exit)),
    ...optional("Priority", session.priority === 0 ? undefined : String(session.priority)),
    ...optional("Attached", session.attached === 0 ? undefined : String(session.attached)),
    ...optional("Messages", session.queuedMessages === 0 ? undefined : `${session.queuedMessages} not delivered yet`),
  ];
}

function workspaceFields({ workspace }: SessionView): Field[] {
  return [
    ["Kind", workspace.kind],
    ["Path", plain(workspace.path)],
    ...optional("Folder", workspace.cwd === workspace.path ? undefined : plain(workspace.cwd)),
    ...optional("Branch", workspace.branch === "" ? undefined : plain(workspace.branch)),
    ...optional("Base", workspace.base === "" ? undefined : plain(workspace.base)),
  ];
}

function processFields(session: SessionView, style: Style): Field[] {
  const { usage } = session;
  return [
    ["Pid", session.pid === null ? style.dim("none") : String(session.pid)],
    ["Attempt", String(session.attempt)],
    ...optional(
      "Resources",
      usage === null
        ? undefined
        : `CPU ${formatCpu(usage.cpu)}, memory ${formatBytes(usage.memoryBytes)}, ${usage.processes === 1 ? "1 process" : `${usage.processes} processes`}`,
    ),
  ];
}

function restartFields(session: SessionView, nowMs: number): Field[] {
  const { restart, nextStartAt, activityTimeoutMs } = session;
  const { policy, maxRestarts, windowMs, backoffMs, counted } = restart;
  const since = windowMs === null ? "since it was last healthy" : `in ${formatDelay(windowMs)}`;
  return [
    ["Policy", policy === "never" ? "never" : `${policy}, at most ${maxRestarts} ${since}`],
    ...optional("Backoff", policy === "never" ? undefined : `from ${formatDelay(backoffMs)} on`),
    ...optional("So far", session.restarts === 0 ? undefined : `${session.restarts}, ${counted} of them count now`),
    ...optional("Next try", nextStartAt === null ? undefined : momentToCome(nextStartAt, nowMs)),
    ...optional(
      "Stalled",
      activityTimeoutMs === null ? undefined : `after ${formatDelay(activityTimeoutMs)} without output`,
    ),
  ];
}

function logFields({ logs }: Described): Field[] {
  return logs.map(({ process, attempt, firstOffset, endOffset }) => {
    const dropped = firstOffset === 0 ? "" : `, ${formatBytes(firstOffset)} before it are no longer kept`;
    return [`${plain(process)} ${attempt}`, `${formatBytes(endOffset - firstOffset)}${dropped}`];
  });
}

function environmentText({ session, environment }: Described, style: Style): string {
  if (environment !== null) {
    return Object.entries(environment)
      .map(([name, value]) => `${plain(name)}=${plain(value)}\n`)
      .join("");
  }
  const names = session.environmentNames;
  if (names.length === 0) return "";
  return `${names.map(plain).join(" ")}\n${style.dim("(values: --show-env)")}\n`;
}

function transitionsText(transitions: readonly TransitionView[], style: Style): string {
  return transitions
    .map((transition) => {
      const attempt = transition.attempt > 1 ? ` ${style.dim(`attempt ${transition.attempt}`)}` : "";
      const change = `${(transition.from ?? "-").padEnd(9)} -> ${paintPhase(style, transition.to)}${attempt}`;
      const evidence = evidenceLines(transition.evidence).map((line) => `    ${style.dim(line)}\n`);
      return `${clockTime(Date.parse(transition.at), { milliseconds: true })}  ${change}: ${plain(transition.reason)}\n${evidence.join("")}`;
    })
    .join("");
}

/** One fact a line; lists of processes with one process a line. */
function evidenceLines(evidence: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(evidence).flatMap(([name, value]) => {
    if (value === null || value === undefined) return [];
    if (!Array.isArray(value))
      return [`${plain(name)}: ${plain(typeof value === "string" ? value : (JSON.stringify(value) ?? ""))}`];
    const lines = value.slice(0, MOST_NAMED).map((item) => `${plain(name)}: ${plain(itemText(item))}`);
    return value.length > MOST_NAMED ? [...lines, `${plain(name)}: and ${value.length - MOST_NAMED} more`] : lines;
  });
}

function itemText(item: unknown): string {
  const { pid, command } = (item ?? {}) as { readonly pid?: unknown; readonly command?: unknown };
  if (typeof pid === "number" && typeof command === "string") return `${pid} ${command}`;
  return typeof item === "string" ? item : (JSON.stringify(item) ?? "");
}

function labelsText(labels: Readonly<Record<string, string>>): string | undefined {
  const text = Object.entries(labels)
    .map(([name, value]) => `${plain(name)}=${plain(value)}`)
    .join(", ");
  return text === "" ? undefined : text;
}

function exitText(exit: SessionView["exit"]): string | undefined {
  if (exit === null) return undefined;
  return exit.signal === null ? `code ${exit.code ?? "unknown"}` : `signal ${plain(exit.signal)}`;
}

function moment(iso: string, nowMs: number): string {
  const at = Date.parse(iso);
  return `${dateAndTime(at)} (${formatDuration(nowMs - at)} ago)`;
}

function momentToCome(iso: string, nowMs: number): string {
  const at = Date.parse(iso);
  return at <= nowMs ? `${dateAndTime(at)} (due now)` : `${dateAndTime(at)} (in ${formatDelay(at - nowMs)})`;
}

function optional(title: string, value: string | undefined): Field[] {
  return value === undefined ? [] : [[title, value]];
}

function fields(rows: readonly Field[], style: Style): string {
  return renderTable(rows.map(([title, value]): Cell[] => [{ text: title, shown: style.dim(title) }, { text: value }]));
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
