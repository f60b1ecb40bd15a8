/** Columns of text, aligned by what a terminal shows of them. */
import { displayWidth } from "./width.ts";

export interface Cell {
  /** Plain: no control characters. */
  readonly text: string;
  /** How it is shown; must take the same columns as `text`. */
  readonly shown?: string;
}

const GAP = "  ";

/** Each row on a line of its own; the last cell is not padded. Ends with a newline unless there is no row. */
export function renderTable(rows: readonly (readonly Cell[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, displayWidth(cell.text));
    });
  }
  return rows.map((row) => `${renderRow(row, widths)}\n`).join("");
}

function renderRow(row: readonly Cell[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => {
    const padding = column === row.length - 1 ? 0 : (widths[column] ?? 0) - displayWidth(cell.text);
    return (cell.shown ?? cell.text) + " ".repeat(padding);
  });
  return cells.join(GAP).trimEnd();
}
