/** The table of `overmind top`: what sessions use, the hungriest first. */
import type { commands } from "../commands.ts";
import type { SessionView } from "../session-view.ts";
import { formatBytes } from "./bytes.ts";
import { plain } from "./plain.ts";
import { activityCell, formatCpu, uptime } from "./session-table.ts";
import { paintPhase, type Style, styleFor } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";
import { cutToWidth, displayWidth } from "./width.ts";

export type TopSortKey = (typeof commands)["top"]["flags"]["sort"]["choices"][number];

export interface TopTableOptions {
  readonly nowMs: number;
  readonly colour: boolean;
  /** What it must fit into; as large as it is when absent. */
  readonly size?: { readonly columns: number; readonly rows: number };
}

type Usage = NonNullable<SessionView["usage"]>;

interface Column {
  readonly title: string;
  /** Numbers stand under each other's last digit. */
  readonly isNumber?: true;
  readonly cell: (session: SessionView, nowMs: number, style: Style) => Cell;
}

const NONE = "-";
const NAME_COLUMNS = 32;
/** The summary, an empty line and the header. */
const LINES_ABOVE = 3;

const COLUMNS: readonly Column[] = [
  { title: "NAME", cell: ({ name }, _, style) => nameCell(name, style) },
  { title: "PHASE", cell: ({ phase }, _, style) => ({ text: phase, shown: paintPhase(style, phase) }) },
  { title: "ACTIVITY", cell: ({ activity }, _, style) => activityCell(activity, style) },
  { title: "CPU", isNumber: true, cell: ({ usage }) => used(usage, ({ cpu }) => formatCpu(cpu)) },
  { title: "MEM", isNumber: true, cell: ({ usage }) => used(usage, ({ memoryBytes }) => formatBytes(memoryBytes)) },
  { title: "PROCS", isNumber: true, cell: ({ usage }) => used(usage, ({ processes }) => String(processes)) },
  { title: "READ/S", isNumber: true, cell: ({ usage }) => used(usage, (one) => rate(one.readBytesPerSecond)) },
  { title: "WRITTEN/S", isNumber: true, cell: ({ usage }) => used(usage, (one) => rate(one.writtenBytesPerSecond)) },
  { title: "UPTIME", isNumber: true, cell: (session, nowMs) => ({ text: uptime(session, nowMs) }) },
  { title: "AGENT", cell: ({ agent }) => ({ text: plain(agent) || NONE }) },
];

/** The hungriest first, by name where they use the same; those of which nothing is known last. */
export function sortedForTop(sessions: readonly SessionView[], key: TopSortKey): SessionView[] {
  const byName = (one: SessionView, other: SessionView) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0);
  if (key === "name") return [...sessions].sort(byName);
  const amount = ({ usage }: SessionView) => (usage === null ? -1 : (amountOf(usage, key) ?? -1));
  return [...sessions].sort((one, other) => amount(other) - amount(one) || byName(one, other));
}

function amountOf(usage: Usage, key: Exclude<TopSortKey, "name">): number | null {
  switch (key) {
    case "cpu":
      return usage.cpu;
    case "memory":
      return usage.memoryBytes;
    case "processes":
      return usage.processes;
    case "read":
      return usage.readBytesPerSecond;
    case "written":
      return usage.writtenBytesPerSecond;
  }
}

/** In the order given. Ends with a newline. */
export function topTable(sessions: readonly SessionView[], { nowMs, colour, size }: TopTableOptions): string {
  const style = styleFor(colour);
  const shown = fitting(sessions, size?.rows);
  const rows = [
    COLUMNS.map(({ title }): Cell => ({ text: title, shown: style.dim(title) })),
    ...shown.map((session) => COLUMNS.map((column) => column.cell(session, nowMs, style))),
  ];
  const left = sessions.length - shown.length;
  const text = [
    `${summary(sessions)}\n\n`,
    renderTable(rightAligned(rows)),
    left > 0 ? `${style.dim(`and ${left} more`)}\n` : "",
  ].join("");
  if (size === undefined) return text;
  const lines = text.split("\n").map((line) => cutStyled(line, size.columns));
  return lines.slice(0, size.rows).join("\n").replace(/\n?$/, "\n");
}

function fitting(sessions: readonly SessionView[], rows: number | undefined): readonly SessionView[] {
  if (rows === undefined || LINES_ABOVE + sessions.length <= rows) return sessions;
  // One line says how many more there are.
  return sessions.slice(0, Math.max(0, rows - LINES_ABOVE - 1));
}

/** "3 sessions, CPU 151%, memory 1.2 GiB, 14 processes" */
function summary(sessions: readonly SessionView[]): string {
  let [cpu, memoryBytes, processes] = [0, 0, 0];
  for (const { usage } of sessions) {
    cpu += usage?.cpu ?? 0;
    memoryBytes += usage?.memoryBytes ?? 0;
    processes += usage?.processes ?? 0;
  }
  const counted = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;
  return [
    counted(sessions.length, "session", "sessions"),
    `CPU ${formatCpu(cpu)}`,
    `memory ${formatBytes(memoryBytes)}`,
    counted(processes, "process", "processes"),
  ].join(", ");
}

function nameCell(name: string, style: Style): Cell {
  const text = cutToWidth(plain(name), NAME_COLUMNS);
  return { text, shown: style.bold(text) };
}

function used(usage: Usage | null, format: (usage: Usage) => string): Cell {
  return { text: usage === null ? NONE : format(usage) };
}

function rate(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? NONE : formatBytes(Math.round(bytesPerSecond));
}

function rightAligned(rows: readonly (readonly Cell[])[]): Cell[][] {
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => displayWidth(row[at]?.text ?? ""))));
  return rows.map((row) =>
    row.map((cell, at) => {
      if (COLUMNS[at]?.isNumber !== true) return cell;
      const padding = " ".repeat((widths[at] ?? 0) - displayWidth(cell.text));
      return { text: padding + cell.text, shown: padding + (cell.shown ?? cell.text) };
    }),
  );
}

/** Cut as it is shown: what switches colours takes no columns, and none is left out. */
function cutStyled(line: string, columns: number): string {
  let left = columns;
  return line
    .split(/(\x1b\[[\d;]*m)/)
    .map((part, index) => {
      if (index % 2 === 1 || part === "") return part;
      const cut = left <= 0 ? "" : cutToWidth(part, left);
      left -= displayWidth(part);
      return cut;
    })
    .join("");
}
