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
  const taken = rows.map((row) => row.map((cell) => displayWidth(cell.text)));
  const widths: number[] = [];
  for (const row of taken) {
    for (const [column, width] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width);
  }
  let text = "";
  for (const [index, row] of rows.entries()) text += `${renderRow(row, taken[index] ?? [], widths)}\n`;
  return text;
}

function renderRow(row: readonly Cell[], taken: readonly number[], widths: readonly number[]): string {
  let text = "";
  for (const [column, cell] of row.entries()) {
    text += cell.shown ?? cell.text;
    if (column < row.length - 1) text += " ".repeat((widths[column] ?? 0) - (taken[column] ?? 0)) + GAP;
  }
  return text.trimEnd();
}
