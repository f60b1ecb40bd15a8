/** The table of `overmind ps`. */
import { formatDelay, formatDuration } from "../duration.ts";
import type { SessionGlimpse, SessionView } from "../session-view.ts";
import { formatBytes } from "./bytes.ts";
import { plain } from "./plain.ts";
import { paintPhase, type Style, styleFor } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";
import { cutToWidth } from "./width.ts";

export interface SessionTableOptions {
  readonly nowMs: number;
  /** More columns, as `-o wide`. */
  readonly wide: boolean;
  /** Children under the session that started them, as `--tree`. */
  readonly tree: boolean;
  readonly colour: boolean;
  /** What a session may see of those that are not its own. */
  readonly others?: readonly SessionGlimpse[];
}

interface Row {
  readonly session: SessionView;
  /** Drawn before the name of a child. */
  readonly branch: string;
}

interface Column {
  readonly title: string;
  readonly cell: (row: Row, options: SessionTableOptions, style: Style) => Cell;
}

const NONE = "-";
/** An agent's name is a command's at worst: a longer one would push the table off the screen. */
const AGENT_COLUMNS = 24;

const COLUMNS: readonly Column[] = [
  { title: "NAME", cell: ({ session, branch }, _, style) => nameCell(session.name, branch, style) },
  { title: "ID", cell: ({ session }) => text(session.id) },
  {
    title: "PHASE",
    cell: ({ session }, { nowMs }, style) => phaseCell(session, nowMs, style),
  },
  { title: "ACTIVITY", cell: ({ session }, _, style) => activityCell(session.activity, style) },
  { title: "RESTARTS", cell: ({ session }) => text(String(session.restarts)) },
  { title: "UPTIME", cell: ({ session }, { nowMs }) => text(uptime(session, nowMs)) },
  { title: "AGENT", cell: ({ session }) => text(cutToWidth(plain(session.agent), AGENT_COLUMNS)) },
  { title: "PROJECT", cell: ({ session }) => text(session.project) },
];

const WIDE_COLUMNS: readonly Column[] = [
  { title: "PID", cell: ({ session }) => text(session.pid === null ? NONE : String(session.pid)) },
  { title: "ATTEMPT", cell: ({ session }) => text(String(session.attempt)) },
  { title: "BRANCH", cell: ({ session }) => text(session.workspace.branch) },
  { title: "CPU", cell: ({ session }) => text(session.usage === null ? NONE : formatCpu(session.usage.cpu)) },
  { title: "MEM", cell: ({ session }) => text(session.usage === null ? NONE : formatBytes(session.usage.memoryBytes)) },
  { title: "PROCS", cell: ({ session }) => text(session.usage === null ? NONE : String(session.usage.processes)) },
  { title: "EXIT", cell: ({ session }) => text(formatExit(session.exit)) },
  { title: "REASON", cell: ({ session }) => text(session.reason) },
];

/** Ends with a newline; the header stands even when there is no session. */
export function sessionTable(sessions: readonly SessionView[], options: SessionTableOptions): string {
  const style = styleFor(options.colour);
  const columns = options.wide ? [...COLUMNS, ...WIDE_COLUMNS] : COLUMNS;
  const rows = options.tree ? treeRows(sessions) : sessions.map((session) => ({ session, branch: "" }));
  return renderTable([
    columns.map(({ title }) => ({ text: title, shown: style.dim(title) })),
    ...rows.map((row) => columns.map((column) => column.cell(row, options, style))),
    ...(options.others ?? []).map((other) => glimpseRow(other, columns.length, style)),
  ]);
}

function formatExit(exit: SessionView["exit"]): string {
  if (exit === null) return NONE;
  return exit.signal ?? String(exit.code ?? NONE);
}

export function formatCpu(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)}%`;
}

/** How long it has been running, or ran; `-` when it never started. */
export function uptime(session: SessionView, nowMs: number): string {
  if (session.startedAt === null) return NONE;
  const end = session.endedAt === null ? nowMs : Date.parse(session.endedAt);
  return formatDuration(end - Date.parse(session.startedAt));
}

function glimpseRow(other: SessionGlimpse, columns: number, style: Style): Cell[] {
  const known = [
    nameCell(other.name, "", style),
    text(NONE),
    { text: other.phase, shown: paintPhase(style, other.phase) },
    activityCell(other.activity, style),
  ];
  return [...known, ...Array.from({ length: columns - known.length }, () => text(NONE))];
}

/** In BACKOFF with the time until its next start. */
function phaseCell({ phase, nextStartAt }: SessionView, nowMs: number, style: Style): Cell {
  const next = nextStartAt === null ? "" : ` ${formatDelay(Math.max(0, Date.parse(nextStartAt) - nowMs))}`;
  return { text: `${phase}${next}`, shown: `${paintPhase(style, phase)}${next}` };
}

function nameCell(name: string, branch: string, style: Style): Cell {
  const safe = plain(name);
  return { text: `${branch}${safe}`, shown: `${style.dim(branch)}${style.bold(safe)}` };
}

export function activityCell(activity: SessionView["activity"], style: Style): Cell {
  if (activity === null) return text(NONE);
  const paint = { working: style.green, idle: style.dim, waiting: style.yellow }[activity];
  return { text: activity, shown: paint(activity) };
}

function text(value: string): Cell {
  return { text: plain(value) || NONE };
}

/** Children follow their parent; one whose parent is not shown is a root. */
function treeRows(sessions: readonly SessionView[]): Row[] {
  const shown = new Set(sessions.map((session) => session.id));
  const childrenOf = new Map<string | null, SessionView[]>();
  for (const session of sessions) {
    const parent = session.parentId !== null && shown.has(session.parentId) ? session.parentId : null;
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), session]);
  }
  const rows: Row[] = [];
  const add = (session: SessionView, branch: string, indent: string) => {
    rows.push({ session, branch });
    const children = childrenOf.get(session.id) ?? [];
    children.forEach((child, index) => {
      const isLast = index === children.length - 1;
      add(child, `${indent}${isLast ? "└─ " : "├─ "}`, `${indent}${isLast ? "   " : "│  "}`);
    });
  };
  for (const root of childrenOf.get(null) ?? []) add(root, "", "");
  return rows;
}
