/** Colours and weights of a terminal, or none. */
import type { SessionView } from "../session-view.ts";

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const PLAIN: Style = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };
const COLOURED: Style = {
  bold: wrap(1, 22),
  dim: wrap(2, 22),
  red: wrap(31, 39),
  green: wrap(32, 39),
  yellow: wrap(33, 39),
  cyan: wrap(36, 39),
};

export function styleFor(colour: boolean): Style {
  return colour ? COLOURED : PLAIN;
}

/** What runs is green, what needs a look red, what is on its way yellow, what is over dim. */
export function paintPhase(style: Style, phase: SessionView["phase"]): string {
  switch (phase) {
    case "RUNNING":
      return style.green(phase);
    case "CRASHED":
    case "LOST":
      return style.red(phase);
    case "PENDING":
    case "STARTING":
    case "STOPPING":
    case "BACKOFF":
      return style.yellow(phase);
    case "COMPLETED":
    case "STOPPED":
      return style.dim(phase);
  }
}

function same(text: string): string {
  return text;
}

function wrap(on: number, off: number): (text: string) => string {
  return (text) => (text === "" ? "" : `\x1b[${on}m${text}\x1b[${off}m`);
}
