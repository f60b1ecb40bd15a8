/** The table of `overmind colony list`. */
import type { SessionView } from "../session-view.ts";
import { plain } from "./plain.ts";
import { paintPhase, styleFor } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";

type Phase = SessionView["phase"];

export interface ColonyCount {
  readonly name: string;
  /** How many of its sessions are in each phase. */
  readonly sessions: Readonly<Partial<Record<Phase, number>>>;
}

/** The header stands even when there is no colony. */
export function colonyTable(colonies: readonly ColonyCount[], options: { readonly colour: boolean }): string {
  const style = styleFor(options.colour);
  const header = ["NAME", "SESSIONS", "PHASES"].map((title): Cell => ({ text: title, shown: style.dim(title) }));
  return renderTable([
    header,
    ...colonies.map(({ name, sessions }): Cell[] => {
      const phases = Object.entries(sessions) as [Phase, number][];
      const total = phases.reduce((sum, [, count]) => sum + count, 0);
      const safe = plain(name);
      return [
        { text: safe, shown: style.bold(safe) },
        { text: String(total) },
        {
          text: phases.map(([phase, count]) => `${count} ${phase}`).join(", ") || "-",
          shown: phases.map(([phase, count]) => `${count} ${paintPhase(style, phase)}`).join(", ") || "-",
        },
      ];
    }),
  ]);
}
